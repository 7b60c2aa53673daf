"""Differences of two numbers, and whether they are more than noise."""

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar

from clearbench.results.runs import Source
from clearbench.tables.base import Column, Entry

WITHIN = "≈"
"""Marks a difference that noise alone may make."""

WITHIN_NOTE = (
    f"{WITHIN} within the noise: the 95 % interval of the difference holds 0. Of one seed it is"
    " ± √(half interval² + half interval²) of the two numbers, each over persons; of several"
    " ± √(a² + b²), where a is over seeds by Student's t and b the mean of those. Where one has no"
    " interval, the difference of one seed has no mark."
)


def noise(entry: Entry, other: Entry) -> float:
    """How far a number may lie above another by noise alone: √(a² + b²).

    a and b are the parts of the two 95 % intervals that face each other, 0 where there is none.
    """
    if entry.mean is None or other.mean is None:
        return 0.0
    a = entry.mean - entry.reach[0] if entry.reach else 0.0
    b = other.reach[1] - other.mean if other.reach else 0.0
    return math.hypot(max(a, 0.0), max(b, 0.0))


DIFFERENCE = "difference"
"""The role of such a column."""


def difference_column(column: Column, header: str) -> Column:
    """The column of the differences of a column's numbers."""
    width = column.high - column.low
    return replace(column, header=header, role=DIFFERENCE, low=-width, high=width)


@dataclass(frozen=True)
class Printed(Entry):
    """A number that a paper prints, the same for all runs; None where it prints none."""

    number: float | None

    @property
    def numbers(self) -> list[float | None]:
        """The number, once a run."""
        return [self.number] * len(self.runs)

    @cached_property
    def std(self) -> float | None:
        """None: it is one number."""
        return None

    @cached_property
    def reach(self) -> tuple[float, float] | None:
        """What is printed alike, by rounding to the column's digits: the paper gives no other."""
        if self.number is None:
            return None
        half = 0.5 * 10.0**-self.column.digits
        return self.number - half, self.number + half

    @property
    def text(self) -> str:
        """The number alone."""
        return "–" if self.number is None else f"{self.number:z.{self.column.digits}f}"

    @property
    def sources(self) -> list[Source]:
        """None in the results."""
        return []


@dataclass(frozen=True)
class Difference(Entry):
    """`minuend` - `subtrahend`, seed by seed."""

    minuend: Entry
    subtrahend: Entry
    sign: ClassVar[str] = "+"

    @property
    def numbers(self) -> list[float | None]:
        """The difference of each run that has both numbers."""
        pairs = zip(self.minuend.numbers, self.subtrahend.numbers, strict=True)
        return [None if a is None or b is None else a - b for a, b in pairs]

    def _over_persons(self, seed: int) -> tuple[float, float] | None:
        """By the noise of a seed's two numbers, if both have an interval.

        The two are taken for independent, so that of models that were asked the same questions it
        is rather too wide.
        """
        first, second = (
            replace(part, runs=(part.runs[seed],)) for part in (self.minuend, self.subtrahend)
        )
        number = self.numbers[seed]
        if number is None or first.reach is None or second.reach is None:
            return None
        return number - noise(first, second), number + noise(second, first)

    @property
    def text(self) -> str:
        """As `+0.012`, or `+0.012 ≈` where noise alone may make it."""
        within = self.interval is not None and self.interval[0] <= 0 <= self.interval[1]
        return f"{super().text} {WITHIN}" if within else super().text

    @property
    def sources(self) -> list[Source]:
        """Where both numbers stand."""
        return [*self.minuend.sources, *self.subtrahend.sources]
