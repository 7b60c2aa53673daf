"""Truth ratio: how likely false answers are against the true one in the same wording."""

import math
from collections.abc import Sequence

from clearbench.data.tasks import FORGOTTEN
from clearbench.metrics.base import Records, Values, task_metric
from clearbench.metrics.definitions import HEADLINE, OF_RATIOS, Definition
from clearbench.metrics.losses import difference, has_candidates

BINS_PER_DOUBLING = 2
"""Every factor of 1.5 or more then moves every sample to another bin, wherever R lies.

Finer bins see mostly noise in a hundred samples.
"""


def log_truth_ratios(records: Records, definition: Definition = HEADLINE) -> list[float]:
    """log R of each sample, in [-inf, inf]: R = average P(perturbed) / P(paraphrase).

    The TOFU paper defines the arithmetic mean over a sample's perturbed answers (arXiv
    2401.06121). TOFU's code has it in `utils.get_model_utility`, and elsewhere the geometric mean,
    as the ratios in open-unlearning's logs do; CLEAR's has that of all samples together. The
    logarithm keeps apart what R itself would round to 0 or infinity. Two probabilities of 0 give
    R = 1: neither answer is the likelier.
    """
    if definition.pooled:
        pool = [loss for record in records for loss in record.perturbed_losses]
        averages = [definition.average(pool)] * len(records)
    else:
        averages = [definition.average(record.perturbed_losses) for record in records]
    return [
        difference(record.paraphrase_loss, average)
        for record, average in zip(records, averages, strict=True)
    ]


def reported(split: str, log_ratios: Sequence[float]) -> Values:
    """The reported value in [0, 1] a sample.

    min(R, 1/R) of what is to be forgotten, max(0, 1 - R) elsewhere.
    """
    if split in FORGOTTEN:
        return [math.exp(-abs(ratio)) for ratio in log_ratios]
    return [-math.expm1(min(0.0, ratio)) for ratio in log_ratios]


def bin_of(log_ratio: float) -> float:
    """The number of the bin that log R falls into; R = 0 and R = ∞ have their own."""
    if math.isinf(log_ratio):
        return log_ratio
    return math.floor(BINS_PER_DOUBLING * log_ratio / math.log(2) + 0.5)


@task_metric(low=0, high=1, better="up", better_on_forget="up", definitions=OF_RATIOS)
def truth_ratio(records: Records, definition: Definition) -> Values | None:
    """Mean truth ratio, from R = average P(perturbed) / P(paraphrase) of each sample.

    Retain and real: max(0, 1 - R), 1 where no false answer is likely. Forget: min(R, 1/R), 1 where
    false answers are as likely as the true one. None without perturbed answers. Source: TOFU,
    arXiv 2401.06121.
    """
    if not has_candidates(records):
        return None
    return reported(records[0].split, log_truth_ratios(records, definition))
