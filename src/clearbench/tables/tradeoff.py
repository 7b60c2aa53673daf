"""Trade-off: what each method has forgotten where all retain the same share of the original.

A cell's update is scaled from 0, the original, on; a number at a share of the original's retain
score is read off that curve, where it first falls to the share.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from clearbench.metrics import better, of_method
from clearbench.metrics.keys import Key
from clearbench.results import curves as shapes
from clearbench.results.curves import Crossing
from clearbench.results.headline import FACES, TRADE_OFFS
from clearbench.results.runs import Group, Outcome, Results, Source
from clearbench.results.strengths import LEVELS, STRENGTH, Curve, Point, along, curves_of, retained
from clearbench.tables.base import Block, Column, Entry, Row, Table, score_column
from clearbench.tables.table5 import with_margins

AREA = "gain"
ATTACKED = (
    "Of an attack on a scaled cell, all shadow models are scaled as it is. It is one of the method,"
    " so that seeds differ by where they fall to the share alone; ± is half of a 95 % interval over"
    " the models attacked, no wider than this."
)


def crossing(curve: Curve, level: float) -> Crossing | None:
    """Where a curve first falls to a share of the original's retain score."""
    return shapes.crossing(retained(curve), level)


def at(curve: Curve, level: float, key: str) -> float | None:
    """A score, or the strength, where a curve first falls to a share."""
    return shapes.at(retained(curve), along(curve, key), level)


def gain(curve: Curve, key: str) -> float | None:
    """How much better a score is than the original's, on average over shares from 1 to 0.8."""
    rise = shapes.gain(retained(curve), along(curve, key))
    return -rise if rise is not None and better(key) == "down" else rise


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
            for wanted in dict.fromkeys(
                (point.retention, point.retention if key == STRENGTH else key)
            )
        ]
        return [source for source in dict.fromkeys(sources) if source is not None]

    @property
    def _shared(self) -> bool:
        """Never: seeds that share an attack fall to the share at strengths of their own."""
        return False

    @property
    def staying(self) -> int:
        """How many of the curves stay above the share to their ends."""
        level = self.level
        if level is None:
            return 0
        return sum(
            crossing(curve, level) is None and None not in retained(curve) for curve in self.curves
        )

    @property
    def text(self) -> str:
        """As any number; of curves that stay above the share, at what strength they still do."""
        if self.mean is None and self.staying == len(self.curves):
            return f"> at {self.curves[0][-1].strength:g}"
        return super().text

    def _over_persons(self, seed: int) -> tuple[float, float] | None:
        """None: intervals between points are not known.

        But of an attack, which all seeds share, they are no wider than this.
        """
        curve, level = self.curves[seed], self.level
        if level is None or not of_method(self.column.key):
            return None
        low, high = (at(curve, level, end) for end in Key.parse(self.column.key).interval)
        return None if low is None or high is None else (low, high)

    def _used(self, curve: Curve) -> Sequence[Point]:
        where = None if self.level is None else crossing(curve, self.level)
        if where is None:
            return curve
        return (curve[0], *curve[where.place : where.place + 2])


def build(results: Results) -> Table | None:
    """How well each method has forgotten, and what of the forget set is left, at equal retention.

    None for a suite that scales no cells.
    """
    if not results.suite.file.scaled:
        return None
    curves = curves_of(results)
    told = TRADE_OFFS[results.suite.domain]
    scores = _scores(results)
    blocks = []
    for size in results.suite.file.forget_sizes:
        groups = [group for group in results.of_size(size) if group.name in curves]
        for level in LEVELS:
            columns = [*scores, Column(STRENGTH, STRENGTH, digits=2)]
            topic = f"{told.retained} at {level * 100:.0f} % of the original's"
            blocks.append(_block(groups, curves, columns, level, size, topic))
        column = Column(told.forgetting, f"gain in {told.forgotten}", role=AREA)
        topic = f"between 100 % and 80 % of the original's {told.retained}"
        blocks.append(_block(groups, curves, [column], None, size, topic))
    largest = max(results.suite.file.scaled)
    side = "above" if better(told.forgetting) == "up" else "below"
    notes = [
        f"Each cell's update is scaled, and its numbers are read off where {told.retained} first"
        " falls to the share of the original's, by linear interpolation between neighbouring"
        " strengths. It is the direction of one training that is followed: a weaker one may go"
        " another way.",
        f"`> at {largest:g}`: retains more than that with an update {largest:g} times its own."
        " Of seeds that do, a mean is without them, as it says.",
        f"Gain: how far {told.forgotten} lies {side} the original's, on average over all shares"
        " between; where a curve ends above a share, as at its end.",
    ]
    if results.suite.domain == "vision":
        notes.append(ATTACKED)
    return Table("Trade-off", blocks, notes)


def _scores(results: Results) -> list[Column]:
    """The scores that are read off curves, the one that methods are compared by first."""
    told = TRADE_OFFS[results.suite.domain]
    if results.suite.domain == "vision":
        others = [key for key in FACES if key not in told]
        return with_margins((told.forgetting, *others))
    return [
        score_column(told.forgetting, told.forgotten),
        score_column("forget_quality_ks_log10", "log10 p (KS)", digits=1),
        *(
            score_column(str(key), f"forget: {key.task}")
            for key in map(Key.parse, results.score_keys())
            if key.name == "accuracy" and key.split == "forget"
        ),
    ]


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
    return replace(column, role=f"at {level * 100:g}%")


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
