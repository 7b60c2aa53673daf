"""The kinds of rows, one file each, in the order of the tables.

A file holds `runs(suite, forget_size)`, the evaluated models of its kind; `artifacts(suite)`, what
their weights are made by, each after those that it is made from; and `TAKEN`, the names that no
other row may have. Records and scores of a run are made in the same way for all kinds.
"""

from collections.abc import Iterator
from typing import Protocol

from clearbench.suite.artifact import Artifact
from clearbench.suite.rows import (
    bounds,
    cells,
    choices,
    controls,
    external,
    imported,
    recipes,
    repeats,
    requests,
    shadows,
    strengths,
    stress,
)
from clearbench.suite.runs import Run
from clearbench.suite.suite import Suite


class Kind(Protocol):
    """What the file of a kind of rows holds."""

    @property
    def TAKEN(self) -> tuple[str, ...]:
        """The names that no row of a suite may have."""

    def runs(self, suite: Suite, forget_size: int) -> Iterator[Run]:
        """The evaluated models of this kind at a forget size, in the order of the tables."""

    def artifacts(self, suite: Suite) -> Iterator[Artifact]:
        """What their weights are made by, each after those that it is made from."""


KINDS: tuple[Kind, ...] = (
    controls,
    bounds,
    recipes,
    imported,
    external,
    cells,
    strengths,
    stress,
    choices,
    requests,
    repeats,
    shadows,
)


def taken() -> list[str]:
    """The names that have a meaning already, so that no row of a suite may have them."""
    return [name for kind in KINDS for name in kind.TAKEN]


def runs_of(suite: Suite) -> Iterator[Run]:
    """All evaluated models of a suite in the order of its tables."""
    for size in suite.file.forget_sizes:
        for kind in KINDS:
            yield from kind.runs(suite, size)


def artifacts_of(suite: Suite) -> Iterator[Artifact]:
    """The artifacts of all kinds of rows, each after those that it is made from."""
    for kind in KINDS:
        yield from kind.artifacts(suite)
