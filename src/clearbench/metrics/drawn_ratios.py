"""What becomes of truth ratios where samples are drawn anew: for the intervals, all draws at once.

Everything here is in another file as well, for one set of samples: the tests hold the two together.
`weights` (D, N) say how often each of D draws has each of N samples, every draw N in all. Ratios
are log R, (D, N), or (1, N) where they are the same in each draw.
"""

import math
from functools import cache
from typing import TYPE_CHECKING

from clearbench.metrics.base import Records
from clearbench.metrics.definitions import Definition
from clearbench.metrics.forget_quality_js import bin_of
from clearbench.metrics.forget_quality_ks import LEAST_P, ks_test
from clearbench.metrics.truth_ratio import log_truth_ratios

if TYPE_CHECKING:
    from numpy.typing import NDArray


def log_ratios(records: Records, weights: "NDArray", definition: Definition) -> "NDArray":
    """log R of each sample; a pooled average, which is a geometric mean, is that of each draw."""
    import numpy as np

    if not definition.pooled:
        return np.array([log_truth_ratios(records, definition)])
    sums = np.array([math.fsum(record.perturbed_losses) for record in records])
    counts = np.array([len(record.perturbed_losses) for record in records])
    # A sample that is not drawn counts for nothing, also where its loss is infinite.
    total = np.multiply(weights, sums, out=np.zeros_like(weights), where=weights > 0).sum(1)
    average = total / (weights @ counts)
    losses = np.array([record.paraphrase_loss for record in records])
    with np.errstate(invalid="ignore"):
        ratios = losses - average[:, None]
    # Two infinite losses: of two impossible answers neither is likelier.
    return np.where(np.isnan(ratios), 0.0, ratios)


def mean_reported(split: str, ratios: "NDArray", weights: "NDArray") -> "NDArray":
    """The truth ratio's score in each draw, (D,)."""
    import numpy as np

    values = np.exp(-np.abs(ratios)) if split == "forget" else -np.expm1(np.minimum(0, ratios))
    return (weights * values).sum(1) / weights.shape[1]


def js_similarities(ratios: "NDArray", gold: "NDArray", weights: "NDArray") -> "NDArray":
    """`js_similarity` in each draw, (D,), of ratios that are the same in all, (1, N)."""
    import numpy as np

    counted = [[bin_of(ratio) for ratio in side[0].tolist()] for side in (ratios, gold)]
    bins = {key: number for number, key in enumerate(sorted({k for row in counted for k in row}))}
    members = np.zeros((2, weights.shape[1], len(bins)))
    for member, row in zip(members, counted, strict=True):
        member[range(len(row)), [bins[key] for key in row]] = 1
    p, q = (weights @ member / weights.shape[1] for member in members)
    return 1 - np.sqrt(np.clip(_divergence(p, q, np.ones_like(p)) / math.log(2), 0, 1))


def aligned_similarities(ratios: "NDArray", gold: "NDArray", weights: "NDArray") -> "NDArray":
    """`aligned_similarity` in each draw, (D,); NaN where its 1/R are all 0, or one is infinite."""
    import numpy as np

    def normalised(side: "NDArray") -> "NDArray":
        drawn = np.where(weights > 0, side, np.inf)
        inverse = np.exp(drawn.min(axis=1, keepdims=True) - drawn)
        return inverse / (weights * inverse).sum(1, keepdims=True)

    with np.errstate(invalid="ignore"):
        divergence = _divergence(normalised(ratios), normalised(gold), weights)
    return 1 - np.sqrt(np.maximum(divergence, 0))


def _divergence(p: "NDArray", q: "NDArray", times: "NDArray") -> "NDArray":
    """The Jensen-Shannon divergence in nats of each row, (D,), every term as often as `times`."""
    import numpy as np

    middle, divergence = (p + q) / 2, np.zeros(len(times))
    for side in (p, q):
        logs = np.log(np.divide(side, middle, out=np.ones_like(side), where=side > 0))
        divergence += (times * side * logs).sum(1) / 2
    return divergence


def ks_tests(ratios: "NDArray", gold: "NDArray", weights: "NDArray") -> "tuple[NDArray, NDArray]":
    """Statistic and ln p of the two-sample KS test in each draw, (D,) each; p as `LEAST_P` says."""
    import numpy as np

    size = weights.shape[1]
    both = np.hstack([ratios, gold])
    order = both.argsort(axis=1)
    both = np.take_along_axis(both, order, axis=1)
    counts = np.hstack([weights, -weights])
    counts = np.take_along_axis(counts, np.broadcast_to(order, counts.shape), axis=1)
    # Among equal ratios the distributions are compared after the last.
    last = np.pad(both[:, 1:] != both[:, :-1], ((0, 0), (0, 1)), constant_values=True)
    gaps = np.where(last, np.abs(counts.cumsum(1)), 0).max(1).astype(int)
    found, draws = np.unique(gaps, return_inverse=True)
    return gaps / size, np.array([_log_p(size, gap) for gap in found.tolist()])[draws]


@cache
def _log_p(size: int, gap: int) -> float:
    """ln p of two samples of a size whose distributions are `gap` samples apart at the most.

    The p-value depends on nothing else, so two samples that lie so far apart stand for all.
    """
    p = ks_test(range(size), range(gap, size + gap))[1]
    return math.log(max(LEAST_P, p))
