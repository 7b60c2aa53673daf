"""Forget quality by the Jensen-Shannon distance."""

import math
from collections import Counter
from collections.abc import Sequence

from clearbench.metrics.base import Evaluation, model_metric
from clearbench.metrics.forget_samples import forget_samples

# Two bins to each doubling of R. Every factor of 1.5 or more then moves every sample to another
# bin and lowers the quality, wherever R lies; finer bins see mostly noise in a hundred samples.
BINS_PER_DOUBLING = 2


@model_metric(low=0, high=1, better="up")
def forget_quality_js(evaluation: Evaluation) -> float | None:
    """1 - Jensen-Shannon distance (base 2) between the model's and the gold model's truth ratios.

    The distributions of R over the forget split's headline tasks, in bins of equal width on log R
    (ratio √2, one centred on R = 1, R = 0 and R = ∞ apart). 1: alike, 0: disjoint. Two gold models
    of different seeds stay below 1 by sampling noise, the more the fewer the samples: read it
    beside that control. Source: CLEAR, arXiv 2410.18057, on distributions where its
    code compares index-aligned vectors.
    """
    samples = forget_samples(evaluation)
    return None if samples is None else js_similarity(*samples)


def js_similarity(sample: Sequence[float], other: Sequence[float]) -> float:
    """1 - √JSD in [0, 1] between the distributions of two samples of log R, in any order."""
    counts, other_counts = Counter(map(_bin, sample)), Counter(map(_bin, other))
    terms = []
    for key in counts.keys() | other_counts.keys():
        p, q = counts[key] / len(sample), other_counts[key] / len(other)
        terms += [x * math.log2(2 * x / (p + q)) / 2 for x in (p, q) if x]
    divergence = math.fsum(terms)
    # Rounding may leave the interval by an ulp.
    return 1 - math.sqrt(min(1.0, max(0.0, divergence)))


def _bin(log_ratio: float) -> float:
    if math.isinf(log_ratio):
        return log_ratio
    return math.floor(BINS_PER_DOUBLING * log_ratio / math.log(2) + 0.5)
