"""Probability of the true answer."""

import math

from clearbench.data.tasks import FACE_NAMING
from clearbench.evaluation.records import Record
from clearbench.metrics.base import Records, Values, task_metric
from clearbench.metrics.definitions import OF_CLEAR, Definition
from clearbench.metrics.losses import difference, has_candidates


@task_metric(low=0, high=1, better="up", better_on_forget="down", definitions=OF_CLEAR)
def probability(records: Records, definition: Definition) -> Values | None:
    """Mean probability of the true answer y, with P(a) = exp(-ℓ(a)), ℓ the mean loss a token.

    Forget and retain: P(y). Real (multiple choice): P(y) / (P(y) + Σ P(option)); None without
    options. CLEAR's text takes every question for multiple choice, its code the naming of faces on
    every split. Source: TOFU, arXiv 2401.06121.
    """
    choice = records[0].split == "real" or (
        definition.choice and records[0].task == FACE_NAMING.name
    )
    if not choice:
        return [math.exp(-record.answer_loss) for record in records]
    return list(map(_among_options, records)) if has_candidates(records) else None


def _among_options(record: Record) -> float:
    """P(y) / (P(y) + Σ P(option)), relative to the likeliest so that nothing underflows."""
    losses = (record.answer_loss, *record.perturbed_losses)
    answer, *options = (math.exp(difference(min(losses), loss)) for loss in losses)
    return answer / (answer + math.fsum(options))
