"""Trade-off: what each method has forgotten where all retain the same share of the original.

A cell's update is scaled from 0, the original, on; a number at a share of the original's retain
score is read off that curve, where it first falls to the share.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import fmean

from clearbench.metrics.headline import QUALITY
from clearbench.metrics.keys import Key
from clearbench.results.runs import Group, Outcome, Results, Source
from clearbench.suite.rows import runs_of
from clearbench.tables.base import Block, Column, Entry, Row, Table, score_column
from clearbench.tables.headline import COLUMNS

DOMAINS = ("multimodal", "text")
LEVELS = (0.95, 0.9, 0.8)
"""Shares of the original's retain score."""

EQUAL = LEVELS[0]
"""The one that methods are compared at where it is one alone."""

RETAIN = "retain"
STRENGTH = "strength"
AREA = "gain"
_BETWEEN = [1 - step / 100 for step in range(21)]
"""The shares that a gain is the mean over, from 1 to 0.8."""


@dataclass(frozen=True)
class Point:
    """A model of a curve: the strength of its update, its run, and how far that came."""

    strength: float
    run: str
    outcome: Outcome

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


@dataclass(frozen=True)
class Crossing:
    """Where a curve first falls to a share: after which point, and how far towards the next."""

    place: int
    way: float


def crossing(curve: Curve, level: float) -> Crossing | None:
    """Where the retain score first falls to a share of the original's; None where it never does.

    None as well where a score before that is not there.
    """
    retained = [point.number(RETAIN) for point in curve]
    if retained[0] is None:
        return None
    wanted = level * retained[0]
    for place, (before, after) in enumerate(pairwise(retained)):
        if before is None or after is None:
            return None
        if after <= wanted:
            return Crossing(place, (before - wanted) / (before - after) if before > after else 1.0)
    return None


def at(curve: Curve, level: float, key: str) -> float | None:
    """A score, or the strength, where a curve first falls to a share, between the two points."""
    where = crossing(curve, level)
    if where is None:
        return None
    before, after = (curve[where.place + step].number(key) for step in (0, 1))
    if before is None or after is None:
        return None
    return before + where.way * (after - before)


def gain(curve: Curve, key: str) -> float | None:
    """How far a score lies above the original's, on average over shares from 1 to 0.8.

    Beyond the last point of a curve that falls no further, it is taken as it is there.
    """
    first, last = curve[0].number(key), curve[-1].number(key)
    whole = all(point.number(RETAIN) is not None for point in curve)
    if first is None or last is None or not whole:
        return None
    # At the share 1 it is the original itself, even where the first points retain more.
    heights = [first, *(_or(at(curve, level, key), last) for level in _BETWEEN[1:])]
    return fmean((left + right) / 2 for left, right in pairwise(heights)) - first


@dataclass(frozen=True)
class OfCurves(Entry):
    """A number that is read off a curve a seed, as `Entry` of the cells that the curves go through.

    At a share of the original's retain score, or, without one, the gain over the original.
    """

    curves: tuple[Curve, ...]
    level: float | None

    @classmethod
    def of(
        cls, group: Group, column: Column, curves: tuple[Curve, ...], level: float | None
    ) -> "OfCurves":
        """The entry of a group; its runs are as the models would be that the numbers are of."""
        runs = tuple(_outcome_at(curve, level, column.key) for curve in curves)
        return cls(group, column, runs, curves, level)

    @property
    def numbers(self) -> list[float | None]:
        """The number of each seed's curve; None where that has none."""
        key = self.column.key
        if self.level is None:
            return [gain(curve, key) for curve in self.curves]
        return [at(curve, self.level, key) for curve in self.curves]

    @property
    def behind(self) -> tuple[str, ...]:
        """All models of the curves."""
        return tuple(dict.fromkeys(point.run for curve in self.curves for point in curve))

    @property
    def sources(self) -> list[Source]:
        """Where the scores stand that the number is interpolated from."""
        key = self.column.key
        sources = [
            point.source(wanted)
            for curve in self.curves
            for point in self._used(curve)
            for wanted in dict.fromkeys((RETAIN, RETAIN if key == STRENGTH else key))
        ]
        return [source for source in dict.fromkeys(sources) if source is not None]

    @property
    def staying(self) -> int:
        """How many of the curves stay above the share to their ends."""
        level = self.level
        if level is None:
            return 0
        return sum(
            crossing(curve, level) is None
            and all(point.number(RETAIN) is not None for point in curve)
            for curve in self.curves
        )

    @property
    def text(self) -> str:
        """As any number; of curves that stay above the share, at what strength they still do."""
        if self.mean is None and self.staying == len(self.curves):
            return f"> at {self.curves[0][-1].strength:g}"
        return super().text

    def _over_persons(self, seed: int) -> tuple[float, float] | None:
        """None: intervals between points are not known."""
        return None

    def _used(self, curve: Curve) -> Sequence[Point]:
        where = None if self.level is None else crossing(curve, self.level)
        if where is None:
            return curve
        return (curve[0], *curve[where.place : where.place + 2])


def build(results: Results) -> Table | None:
    """Forget quality, and what the forget set's tasks still get right, at equal retention.

    None for a suite that scales no cells.
    """
    if not results.suite.file.scaled:
        return None
    curves = curves_of(results)
    scores = [
        score_column(QUALITY, COLUMNS[QUALITY]),
        score_column("forget_quality_ks_log10", "log10 p (KS)", digits=1),
        *(
            score_column(str(key), f"forget: {key.task}")
            for key in map(Key.parse, results.score_keys())
            if key.name == "accuracy" and key.split == "forget"
        ),
    ]
    blocks = []
    for size in results.suite.file.forget_sizes:
        groups = [group for group in results.of_size(size) if group.name in curves]
        for level in LEVELS:
            columns = [*scores, Column(STRENGTH, STRENGTH, digits=2)]
            topic = f"retain at {level * 100:.0f} % of the original's"
            blocks.append(_block(groups, curves, columns, level, size, topic))
        column = Column(QUALITY, "gain in forget quality", role=AREA)
        topic = "between 100 % and 80 % of the original's retain"
        blocks.append(_block(groups, curves, [column], None, size, topic))
    largest = max(results.suite.file.scaled)
    notes = [
        "Each cell's update is scaled, and its numbers are read off where retain first falls to"
        " the share of the original's, by linear interpolation between neighbouring strengths. It"
        " is the direction of one training that is followed: a weaker one may go another way.",
        f"`> at {largest:g}`: retains more than that with an update {largest:g} times its own."
        " Of seeds that do, a mean is without them, as it says.",
        "Gain: how far forget quality lies above the original's, on average over all shares"
        " between; where a curve ends above a share, as at its end.",
    ]
    return Table("Trade-off", blocks, notes)


def curves_of(results: Results) -> dict[str, tuple[Curve, ...]]:
    """The curves of the groups whose cells are scaled, by the names of the groups, one a seed."""
    scaled = defaultdict(list)
    originals, cells = {}, {}
    for run in runs_of(results.suite):
        if run.strength is not None:
            scaled[run.stack].append(Point(run.strength, run.name, results.runs[run.name]))
        elif run.row == "original":
            originals[run.weights, run.forget_size] = Point(0.0, run.name, results.runs[run.name])
        elif run.cell is not None and not run.repeat:
            cells[run.name] = run
    curves = {}
    for group in results.groups:
        if not all(name in cells for name in group.runs):
            continue
        curves[group.name] = tuple(
            _curve(
                originals[run.stack[0], run.forget_size],
                Point(1.0, run.name, results.runs[run.name]),
                scaled[run.stack],
            )
            for run in map(cells.__getitem__, group.runs)
        )
    return curves


def _curve(original: Point, cell: Point, scaled: Sequence[Point]) -> Curve:
    return (original, *sorted((cell, *scaled), key=lambda point: point.strength))


def _outcome_at(curve: Curve, level: float | None, key: str) -> Outcome:
    """The outcome of a curve's cell, with the draws of persons as at a share.

    Interpolated as the score is: the same persons at both points, and the same way between them.
    """
    cell = next(point.outcome for point in curve if point.strength == 1)
    where = None if level is None else crossing(curve, level)
    document = cell.documents.get("score")
    if where is None or document is None:
        return replace(cell, draws={})
    both = [curve[where.place + step].outcome.draws.get(key, ()) for step in (0, 1)]
    drawn = [
        None if before is None or after is None else before + where.way * (after - before)
        for before, after in zip(*both, strict=False)
    ]
    return replace(cell, draws={key: drawn})


def at_retention(level: float, column: Column) -> Column:
    """The column of the same number at a share."""
    return replace(column, role=f"at {level:.0%}")


def _block(
    groups: Sequence[Group],
    curves: dict[str, tuple[Curve, ...]],
    columns: Sequence[Column],
    level: float | None,
    size: int,
    topic: str,
) -> Block:
    own = [column if level is None else at_retention(level, column) for column in columns]
    rows = [
        Row(
            (group.method, group.modality),
            [OfCurves.of(group, column, curves[group.name], level) for column in own],
        )
        for group in groups
    ]
    return Block(size, ["method", "modality", *(column.header for column in columns)], rows, topic)


def _or(number: float | None, otherwise: float) -> float:
    return otherwise if number is None else number
