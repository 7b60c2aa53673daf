"""Curves: the models of each cell by the strength of its update, from the original on."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from clearbench.metrics.headline import RETAIN
from clearbench.results.headline import TRADE_OFFS
from clearbench.results.runs import Outcome, Results, Source
from clearbench.suite.rows import runs_of
from clearbench.suite.runs import Run

LEVELS = (0.95, 0.9, 0.8)
"""The shares of the original's retain score at which methods are compared."""

EQUAL = LEVELS[0]
"""The share that methods are compared at where it is one alone."""

STRENGTH = "strength"


@dataclass(frozen=True)
class Point:
    """A model of a curve: the strength of its update, its run, and how far that came.

    `retention` is the score of what it retains.
    """

    strength: float
    run: str
    outcome: Outcome
    retention: str = RETAIN

    @property
    def retained(self) -> float | None:
        """What the model retains; None where it has no score."""
        return self.number(self.retention)

    def number(self, key: str) -> float | None:
        """A score of the model, or its strength; None where it has none."""
        if key == STRENGTH:
            return self.strength
        document = self.outcome.documents.get("score")
        return None if document is None else document.numbers.get(key)

    def source(self, key: str) -> Source | None:
        """Where a score of the model stands."""
        document = self.outcome.documents.get("score")
        if key == STRENGTH or document is None:
            return self.outcome.proof
        return Source(document.path, key)


Curve = tuple[Point, ...]
"""The models of a cell by ascending strength, from its original on."""


def along(curve: Curve, key: str) -> list[float | None]:
    """A score, or the strength, of each model of a curve."""
    return [point.number(key) for point in curve]


def retained(curve: Curve) -> list[float | None]:
    """What each model of a curve retains."""
    return [point.retained for point in curve]


def curves_of(results: Results) -> dict[str, tuple[Curve, ...]]:
    """The curves of the groups whose cells are scaled, by the names of the groups, one a seed."""
    scaled = defaultdict(list)
    originals, cells = {}, {}
    retention = TRADE_OFFS[results.suite.domain].retention

    def point(run: Run, strength: float) -> Point:
        return Point(strength, run.name, results.runs[run.name], retention)

    for run in runs_of(results.suite):
        if run.choice is not None or run.request is not None or run.stress is not None:
            continue
        if run.strength is not None:
            scaled[run.stack].append(point(run, run.strength))
        elif run.row == "original":
            originals[run.weights, run.forget_size] = point(run, 0.0)
        elif run.cell is not None and not run.repeat:
            cells[run.name] = run
    curves = {}
    for group in results.groups:
        if not all(name in cells for name in group.runs):
            continue
        curves[group.name] = tuple(
            curve_of(
                originals[run.stack[0], run.forget_size],
                point(run, 1.0),
                scaled[run.stack],
            )
            for run in map(cells.__getitem__, group.runs)
        )
    return curves


def curve_of(original: Point, cell: Point, scaled: Sequence[Point]) -> Curve:
    """The curve from an original through a cell and what it is scaled to."""
    return (original, *sorted((cell, *scaled), key=lambda point: point.strength))
