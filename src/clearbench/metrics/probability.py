"""Probability of the true answer."""

import math
from statistics import fmean

from clearbench.evaluation.records import Record
from clearbench.metrics.base import Records, task_metric
from clearbench.metrics.losses import difference, has_candidates


@task_metric(low=0, high=1, better="up", better_on_forget="down")
def probability(records: Records) -> float | None:
    """Mean probability of the true answer y, with P(a) = exp(-ℓ(a)), ℓ the mean loss a token.

    Forget and retain: P(y). Real (multiple choice): P(y) / (P(y) + Σ P(option)); None without
    options. Source: TOFU, arXiv 2401.06121.
    """
    if records[0].split != "real":
        return fmean(math.exp(-record.answer_loss) for record in records)
    return fmean(map(_among_options, records)) if has_candidates(records) else None


def _among_options(record: Record) -> float:
    """P(y) / (P(y) + Σ P(option)), relative to the likeliest so that nothing underflows."""
    losses = (record.answer_loss, *record.perturbed_losses)
    answer, *options = (math.exp(difference(min(losses), loss)) for loss in losses)
    return answer / (answer + math.fsum(options))
