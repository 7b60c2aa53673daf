"""Forget quality by the Jensen-Shannon distance."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from clearbench.metrics.base import Draws, Evaluation, model_metric
from clearbench.metrics.definitions import OF_CLEAR, Definition
from clearbench.metrics.drawn_ratios import aligned_similarities, js_similarities
from clearbench.metrics.forget_samples import drawn_together, forget_samples
from clearbench.metrics.truth_ratio import bin_of

if TYPE_CHECKING:
    from numpy.typing import NDArray


def _draw(draws: Draws, definition: Definition) -> "NDArray":
    similarities = aligned_similarities if definition.aligned else js_similarities
    return similarities(*draws.once(drawn_together, definition))


@model_metric(low=0, high=1, better="up", definitions=OF_CLEAR, splits=("forget",), draw=_draw)
def forget_quality_js(evaluation: Evaluation, definition: Definition) -> float | None:
    """1 - Jensen-Shannon distance (base 2) between the model's and the gold model's truth ratios.

    The distributions of R over the forget split's headline tasks, in bins of equal width on log R
    (ratio √2, one centred on R = 1, R = 0 and R = ∞ apart). 1: alike, 0: disjoint. Two gold models
    of different seeds stay below 1 by sampling noise, the more the fewer the samples: read it
    beside that control. CLEAR's code compares not the distributions but 1/R sample by sample, see
    `aligned_similarity`; there it is never below 1 - √ln 2 = 0.167.
    Source: CLEAR, arXiv 2410.18057.
    """
    samples = forget_samples(evaluation, definition)
    if samples is None:
        return None
    return aligned_similarity(*samples) if definition.aligned else js_similarity(*samples)


def aligned_similarity(sample: Sequence[float], other: Sequence[float]) -> float | None:
    """1 - Jensen-Shannon distance (base e) of two vectors of 1/R, each divided by its sum.

    From log R; the vectors go by index, so that it depends on the order of samples, and R of one
    model may be scaled as a whole without a change. None where a sum is infinite or 0.
    """
    vectors = _normalised(sample), _normalised(other)
    if vectors[0] is None or vectors[1] is None:
        return None
    terms = []
    for p, q in zip(vectors[0], vectors[1], strict=True):
        terms += [x * math.log(2 * x / (p + q)) / 2 for x in (p, q) if x]
    return 1 - math.sqrt(max(0.0, math.fsum(terms)))


def _normalised(log_ratios: Sequence[float]) -> list[float] | None:
    """1/R of each sample divided by their sum."""
    most = max(-ratio for ratio in log_ratios)
    if math.isinf(most):
        return None
    values = [math.exp(-ratio - most) for ratio in log_ratios]
    total = math.fsum(values)
    return [value / total for value in values]


def js_similarity(sample: Sequence[float], other: Sequence[float]) -> float:
    """1 - √JSD in [0, 1] between the distributions of two samples of log R, in any order."""
    counts, other_counts = Counter(map(bin_of, sample)), Counter(map(bin_of, other))
    terms = []
    for key in counts.keys() | other_counts.keys():
        p, q = counts[key] / len(sample), other_counts[key] / len(other)
        terms += [x * math.log2(2 * x / (p + q)) / 2 for x in (p, q) if x]
    divergence = math.fsum(terms)
    # Rounding may leave the interval by an ulp.
    return 1 - math.sqrt(min(1.0, max(0.0, divergence)))
