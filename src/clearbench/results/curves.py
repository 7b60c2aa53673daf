"""Curves: what a model scores by how much it retains, as its update grows from 0, the original, on.

A curve is the retain scores of its points and the heights at them, from the original on by
ascending strength; None where a point has no score.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean

Numbers = Sequence[float | None]

_BETWEEN = [1 - step / 100 for step in range(21)]
"""The shares that a gain is the mean over, from 1 to 0.8."""


@dataclass(frozen=True)
class Crossing:
    """Where a curve first falls to a share: after which point, and how far towards the next."""

    place: int
    way: float


def crossing(retained: Numbers, level: float) -> Crossing | None:
    """Where the retain score first falls to a share of the original's; None where it never does.

    None as well where a score before that is not there.
    """
    if not retained or retained[0] is None:
        return None
    wanted = level * retained[0]
    for place, (before, after) in enumerate(pairwise(retained)):
        if before is None or after is None:
            return None
        if after <= wanted:
            return Crossing(place, (before - wanted) / (before - after) if before > after else 1.0)
    return None


def at(retained: Numbers, heights: Numbers, level: float) -> float | None:
    """The height where a curve first falls to a share, between the two points around it."""
    where = crossing(retained, level)
    if where is None:
        return None
    before, after = heights[where.place], heights[where.place + 1]
    if before is None or after is None:
        return None
    return before + where.way * (after - before)


def gain(retained: Numbers, heights: Numbers) -> float | None:
    """How far a curve lies above the original, on average over shares from 1 to 0.8.

    Beyond the last point of a curve that falls no further, it is taken as it is there.
    """
    first, last = heights[0], heights[-1]
    if first is None or last is None or None in retained:
        return None

    def height(level: float) -> float:
        crossed = at(retained, heights, level)
        return last if crossed is None else crossed

    # At the share 1 it is the original itself, even where the first points retain more.
    passed = [first, *map(height, _BETWEEN[1:])]
    return fmean((left + right) / 2 for left, right in pairwise(passed)) - first


def worth(retained: Numbers, heights: Numbers, level: float) -> float | None:
    """What a curve is chosen by: its height at a share, or at its end where it stays above.

    None where a score that it takes is not there.
    """
    if None in retained:
        return None
    return heights[-1] if crossing(retained, level) is None else at(retained, heights, level)
