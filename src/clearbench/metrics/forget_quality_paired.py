"""Forget quality sample by sample: does the model find hard what gold finds hard?"""

from collections.abc import Sequence
from statistics import StatisticsError, correlation, fmean
from typing import TYPE_CHECKING

from clearbench.metrics.base import Draws, Evaluation, model_metric
from clearbench.metrics.definitions import OF_LOSSES, Definition
from clearbench.metrics.forget_samples import drawn_groups, forget_groups

if TYPE_CHECKING:
    from numpy.typing import NDArray


def _draw(draws: Draws, definition: Definition) -> "NDArray":
    import numpy as np

    from clearbench.metrics.drawn_ratios import rank_correlations

    groups = draws.once(drawn_groups, definition)
    return np.mean([rank_correlations(*group) for group in groups], axis=0)


@model_metric(low=-1, high=1, better="up", definitions=OF_LOSSES, splits=("forget",), draw=_draw)
def forget_quality_paired(evaluation: Evaluation, definition: Definition) -> float | None:
    """Rank correlation of the model's truth ratios with gold's over the same samples.

    Spearman's ρ of R within each of the forget split's headline tasks, and the mean over tasks, so
    that tasks which differ in R as a whole correlate nothing. 1: the samples stand in gold's order;
    0: as in any order, which is what random losses give, and what one value of R for all samples
    is taken for. Ranks know neither the scale nor infinite R. The distributions of R, which the
    other measures compare, may be alike where this is 0: nonsense of gold's size passes there and
    not here. A model may have gold's order at another level of R: read both.
    Source: Spearman 1904; not in CLEAR or TOFU.
    """
    groups = forget_groups(evaluation, definition)
    if groups is None:
        return None
    return fmean(rank_correlation(own, gold) for own, gold in groups)


def rank_correlation(sample: Sequence[float], other: Sequence[float]) -> float:
    """Spearman's ρ in [-1, 1] of two vectors of log R, paired; 0 where one is constant."""
    if len(sample) < 2:
        return 0.0
    try:
        rho = correlation(_ranks(sample), _ranks(other))
    except StatisticsError:
        return 0.0
    return max(-1.0, min(1.0, rho))


def _ranks(values: Sequence[float]) -> list[float]:
    """The rank of each value; equal ones share the mean of theirs."""
    order = sorted(range(len(values)), key=values.__getitem__)
    ranks = [0.0] * len(values)
    start = 0
    while start < len(order):
        end = start
        while end < len(order) and values[order[end]] == values[order[start]]:
            end += 1
        for place in order[start:end]:
            ranks[place] = (start + end - 1) / 2
        start = end
    return ranks
