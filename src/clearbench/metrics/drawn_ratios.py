"""What becomes of truth ratios where samples are drawn anew: for the intervals, all draws at once.

Everything here is in another file as well, for one set of samples: the tests hold the two together.
`weights` (D, N) say how often each of D draws has each of N samples; a draw that has none of them
gives NaN. Ratios are log R, (D, N), or (1, N) where they are the same in each draw.
"""

import math
import sys
from typing import TYPE_CHECKING

from clearbench.data.tasks import FORGOTTEN
from clearbench.metrics.base import Records
from clearbench.metrics.definitions import Definition
from clearbench.metrics.truth_ratio import bin_of, log_truth_ratios

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEAST_P = sys.float_info.min
"""Below it a double loses digits and then is 0, whose logarithm no table can hold."""


def log_ratios(records: Records, weights: "NDArray", definition: Definition) -> "NDArray":
    """log R of each sample; a pooled average, which is a geometric mean, is that of each draw."""
    import numpy as np

    if not definition.pooled:
        return np.array([log_truth_ratios(records, definition)])
    sums = np.array([math.fsum(record.perturbed_losses) for record in records])
    counts = np.array([len(record.perturbed_losses) for record in records])
    # A sample that is not drawn counts for nothing, also where its loss is infinite.
    total = np.multiply(weights, sums, out=np.zeros_like(weights), where=weights > 0).sum(1)
    with np.errstate(invalid="ignore"):
        average = total / (weights @ counts)
    losses = np.array([record.paraphrase_loss for record in records])
    with np.errstate(invalid="ignore"):
        ratios = losses - average[:, None]
    # Two infinite losses: of two impossible answers neither is likelier.
    return np.where(np.isnan(ratios), 0.0, ratios)


def mean_reported(split: str, ratios: "NDArray", weights: "NDArray") -> "NDArray":
    """The truth ratio's score in each draw, (D,)."""
    import numpy as np

    values = np.exp(-np.abs(ratios)) if split in FORGOTTEN else -np.expm1(np.minimum(0, ratios))
    return _share((weights * values).sum(1), weights)


def _share(counted: "NDArray", weights: "NDArray") -> "NDArray":
    """What is counted of each draw, (D,) or (D, B), by the draw's number of samples."""
    import numpy as np

    totals = weights.sum(1).reshape(-1, *[1] * (counted.ndim - 1))
    with np.errstate(invalid="ignore"):
        return counted / totals


def js_similarities(ratios: "NDArray", gold: "NDArray", weights: "NDArray") -> "NDArray":
    """`js_similarity` in each draw, (D,), of ratios that are the same in all, (1, N)."""
    import numpy as np

    counted = [[bin_of(ratio) for ratio in side[0].tolist()] for side in (ratios, gold)]
    bins = {key: number for number, key in enumerate(sorted({k for row in counted for k in row}))}
    members = np.zeros((2, weights.shape[1], len(bins)))
    for member, row in zip(members, counted, strict=True):
        member[range(len(row)), [bins[key] for key in row]] = 1
    p, q = (_share(weights @ member, weights) for member in members)
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

    both = np.hstack([ratios, gold])
    order = both.argsort(axis=1)
    both = np.take_along_axis(both, order, axis=1)
    counts = np.hstack([weights, -weights])
    counts = np.take_along_axis(counts, np.broadcast_to(order, counts.shape), axis=1)
    # Among equal ratios the distributions are compared after the last.
    last = np.pad(both[:, 1:] != both[:, :-1], ((0, 0), (0, 1)), constant_values=True)
    gaps = np.where(last, np.abs(counts.cumsum(1)), 0).max(1)
    return _share(gaps, weights), _log_p(weights.sum(1), gaps)


def _log_p(sizes: "NDArray", gaps: "NDArray") -> "NDArray":
    """ln p of two samples of a size whose distributions are `gaps` samples apart at the most, (D,).

    p = 2 Σ_k (-1)^(k-1) C(2n, n - kh) / C(2n, n) of two samples of n, h apart (Hodges 1958), by
    Horner's rule: a₀(1 - a₁(1 - a₂(1 - …))). NaN for no sample.
    """
    import numpy as np
    from scipy.special import gammaln

    log_p = np.where(sizes > 0, 0.0, np.nan)
    apart = (gaps > 0) & (sizes > 0)
    n, h = sizes[apart], gaps[apart]
    rest, log_first = np.zeros_like(n), np.zeros_like(n)
    for k in range(int((n / h).max(initial=0)), -1, -1):
        # The quotient of two terms that follow each other; no term goes beyond n.
        there = n - (k + 1) * h >= 0
        low, high = np.where(there, n - k * h, 0), n + k * h
        log_term = gammaln(low + 1) - gammaln(np.where(there, low - h, 0) + 1)
        log_term += gammaln(high + 1) - gammaln(high + h + 1)
        if k == 0:
            log_first = log_term
        else:
            rest = np.where(there, np.exp(log_term) * (1 - rest), 0.0)
    log_p[apart] = np.minimum(0, math.log(2) + log_first + np.log1p(-rest))
    return np.maximum(log_p, math.log(LEAST_P))


def rank_correlations(ratios: "NDArray", gold: "NDArray", weights: "NDArray") -> "NDArray":
    """`rank_correlation` in each draw, (D,), of ratios that are the same in all, (1, N)."""
    import numpy as np

    ranks, gold_ranks = (_mid_ranks(side[0], weights) for side in (ratios, gold))
    with np.errstate(invalid="ignore"):
        off, gold_off = (
            rank - (weights * rank).sum(1, keepdims=True) / weights.sum(1, keepdims=True)
            for rank in (ranks, gold_ranks)
        )
        spread = (weights * off**2).sum(1) * (weights * gold_off**2).sum(1)
        together = (weights * off * gold_off).sum(1)
        return np.where(spread == 0, 0.0, together / np.sqrt(spread))


def _mid_ranks(values: "NDArray", weights: "NDArray") -> "NDArray":
    """The rank of each value among those drawn, (D, N), up to a constant; equal ones share one."""
    import numpy as np

    order = values.argsort(kind="stable")
    ordered = values[order]
    new = np.append(True, ordered[1:] != ordered[:-1])
    group = np.cumsum(new) - 1
    below = np.pad(weights[:, order].cumsum(1), ((0, 0), (1, 0)))
    starts = np.flatnonzero(new)
    ends = np.append(starts[1:], len(values))
    ranks = np.empty_like(weights)
    ranks[:, order] = ((below[:, starts] + below[:, ends]) / 2)[:, group]
    return ranks
