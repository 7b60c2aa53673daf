"""How good a metric of knowledge is: what it tells apart, and whether it stays where models do.

Numbers are on a scale from 0 to 1 on which whoever knows more is higher.
"""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from statistics import fmean, harmonic_mean

from clearbench.metrics.membership import auc
from clearbench.metrics.wilson import NORMAL
from clearbench.results.recovery import relearning, unrecovered

_STEPS = 60
"""Halvings of an interval of length 1, more than a float has digits."""


def faithfulness(knowing: Sequence[float], ignorant: Sequence[float]) -> float:
    """AUC = P(a model that knows has more than one that does not), equal ones by half.

    Source: OpenUnlearning, arXiv 2506.12618. UserError where there is none of either.
    """
    return auc(knowing, ignorant)


def interval_of_auc(number: float, knowing: int, ignorant: int) -> tuple[float, float]:
    """The 95 % interval of an AUC of so many models of either kind, independent of each other.

    The θ with (θ - AUC)² = z² V(θ), V = θ(1-θ)(1 + (n/2-1)((1-θ)/(2-θ) + θ/(1+θ)))/(m k) of m and
    k models, n in all: also of an AUC of 0 or 1 it has a length. Source: Newcombe's method 5,
    Statistics in Medicine 25 (2006) 559-573.
    """

    def beyond(at: float) -> bool:
        half = (knowing + ignorant) / 2
        spread = 1 + (half - 1) * ((1 - at) / (2 - at) + at / (1 + at))
        variance = at * (1 - at) * spread / (knowing * ignorant)
        return (at - number) ** 2 > NORMAL**2 * variance

    return _edge(0.0, number, beyond), _edge(1.0, number, beyond)


def threshold(knowing: Sequence[float], ignorant: Sequence[float]) -> float:
    """The number up to which a model counts as one that does not know.

    Between two neighbours, where the shares of the two kinds that are told rightly have the
    greatest sum; of several the lowest.
    """
    numbers = sorted({*knowing, *ignorant})
    cuts = [fmean(pair) for pair in pairwise(numbers)] or numbers

    def told(cut: float) -> float:
        return fmean(n > cut for n in knowing) + fmean(n <= cut for n in ignorant)

    return max(cuts, key=told)


def robustness(relearned: float, quantised: float) -> float:
    """Harmonic mean of R and Q, in [0, 1]; 0 where one of them is.

    Source: OpenUnlearning, arXiv 2506.12618.
    """
    return harmonic_mean((relearned, quantised))


def r_and_q(
    before: float,
    relearned: Sequence[float],
    quantised: Sequence[float],
    gold: float,
    gold_relearned: Sequence[float],
) -> tuple[float, float]:
    """R and Q of a model and its gold, each the mean over the points of the tests."""
    by_point = zip(relearned, gold_relearned, strict=True)
    r = fmean(relearning(before, after, gold, of_gold) for after, of_gold in by_point)
    return r, fmean(unrecovered(before, after) for after in quantised)


def _edge(end: float, inside: float, beyond: Callable[[float], bool]) -> float:
    """The place between an end of the range and a number where what is `beyond` begins."""
    if math.isclose(end, inside, abs_tol=1e-15):
        return end
    for _ in range(_STEPS):
        middle = (end + inside) / 2
        if beyond(middle):
            end = middle
        else:
            inside = middle
    return inside
