"""A mean that is known up to its noise, and which of many are beyond it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from clearbench.tables.base import student

LEVEL = 0.05
"""The chance that any comparison of a family is wrong, where nothing differs."""

EXACT = 1e9
"""The degrees of freedom of a variance that is hardly estimated, or not at all."""


class Part(NamedTuple):
    """A part of a mean's variance, and on how many degrees of freedom it is estimated."""

    variance: float
    degrees: float


@dataclass(frozen=True)
class Measured:
    """A mean and the parts of its variance.

    Student's t, with degrees of freedom by Welch and Satterthwaite.
    """

    mean: float
    parts: tuple[Part, ...]

    @property
    def p(self) -> float:
        """The two-sided p-value of a mean of 0; without any variance 0 or, of the mean 0, 1."""
        # Imported here: it loads numpy, which takes longer than looking up all tables.
        from scipy.special import stdtr

        if not self._variance:
            return float(self.mean == 0)
        return float(2 * stdtr(self._degrees, -abs(self.mean) / math.sqrt(self._variance)))

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the mean."""
        half = math.sqrt(self._variance)
        if half:
            half *= student(self._degrees)
        return self.mean - half, self.mean + half

    @property
    def _variance(self) -> float:
        return sum(part.variance for part in self.parts)

    @property
    def _degrees(self) -> float:
        estimated = sum(part.variance**2 / part.degrees for part in self.parts)
        return self._variance**2 / estimated


def signed(mean: float, interval: tuple[float, float] | None) -> str:
    """A number and its interval, as `+0.120 [+0.050, +0.190]`."""
    ends = "" if interval is None else f" [{interval[0]:+z.3f}, {interval[1]:+z.3f}]"
    return f"{mean:+z.3f}{ends}"


def holm(values: Sequence[float]) -> set[int]:
    """The places of the p-values that are beyond the noise, all taken together (Holm 1979).

    The k-th smallest p of m must stay below LEVEL / (m - k + 1), and so must all before it.
    """
    beyond: set[int] = set()
    for done, place in enumerate(sorted(range(len(values)), key=values.__getitem__)):
        if values[place] > LEVEL / (len(values) - done):
            break
        beyond.add(place)
    return beyond
