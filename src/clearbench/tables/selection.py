"""Selection: what the values of swept rows were chosen among, on the persons of the choice."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from clearbench.metrics.headline import QUALITY
from clearbench.results import curves as shapes
from clearbench.results.choice import RETAIN, chosen
from clearbench.results.runs import Group, Results
from clearbench.suite.rows import runs_of
from clearbench.suite.sweep import PLAIN, told
from clearbench.tables.base import Block, Column, Row, Table, make_entry, score_column
from clearbench.tables.headline import COLUMNS
from clearbench.tables.tradeoff import (
    STRENGTH,
    Curve,
    OfCurves,
    Point,
    at_retention,
    curve_of,
)

DOMAINS = ("multimodal", "text")
CHOSEN = "chosen"


@dataclass(frozen=True)
class Trial:
    """A point of a row's choice: its name, its line of the tables, and its curve."""

    row: str
    modality: str
    point: str
    group: Group
    curve: Curve


@dataclass(frozen=True)
class Worth(OfCurves):
    """What a point is chosen by: as `OfCurves`, and at its end where the curve stays above."""

    @property
    def numbers(self) -> list[float | None]:
        """The one of the point's curve."""
        assert self.level is not None
        return [
            shapes.worth(
                [point.number(RETAIN) for point in curve],
                [point.number(self.column.key) for point in curve],
                self.level,
            )
            for curve in self.curves
        ]


def build(results: Results) -> Table | None:
    """All points with what each forgets at equal retention, and which was chosen.

    None for a suite that chooses nothing.
    """
    selecting = results.suite.file.select
    if selecting is None:
        return None
    level = selecting.retention
    columns = (
        at_retention(level, score_column(QUALITY, f"{COLUMNS[QUALITY]} at {level:.0%}")),
        at_retention(level, Column(STRENGTH, "strength", digits=2)),
        score_column(RETAIN, RETAIN),
        score_column(QUALITY, COLUMNS[QUALITY]),
    )
    headers = ["method", "modality", "values", "", *(column.header for column in columns)]
    blocks = []
    for size in results.suite.file.forget_sizes:
        trials = [trial for trial in trials_of(results) if trial.group.forget_size == size]
        best = choices(trials, level)
        rows = []
        for trial in trials:
            mark = CHOSEN if best.get((trial.row, trial.modality)) == trial.point else ""
            labels = (trial.row, trial.modality, _values(results, trial), mark)
            curves = (trial.curve,)
            rows.append(
                Row(
                    labels,
                    [
                        Worth.of(trial.group, columns[0], curves, level),
                        OfCurves.of(trial.group, columns[1], curves, level),
                        *(make_entry(results, trial.group, column) for column in columns[2:]),
                    ],
                )
            )
        blocks.append(Block(size, headers, rows, "on the persons of the choice"))
    notes = [
        "Each line is a model that forgot the persons of the choice, who are others than those of"
        " the forget set, with its own gold; the forget set was shown to none of them and asked by"
        f" none. Chosen is, for a method and a modality, the best forget quality where retain falls"
        f" to {level:.0%} of the original's, or at the largest strength of a point that retains"
        f" more. `{PLAIN}` is the row as it stands in the suite.",
        f"One seed ({results.suite.file.seeds[0]}): points that are close may rank otherwise with"
        " another. What was chosen is run on the forget set with all seeds; see `tradeoff`.",
    ]
    return Table("Selection", blocks, notes)


def trials_of(results: Results) -> list[Trial]:
    """All points of a suite's choices, in the order of its rows."""
    scaled = defaultdict(list)
    originals: dict[int, Point] = {}
    trials = []
    for run in runs_of(results.suite):
        if run.choice is None:
            continue
        outcome = results.runs[run.name]
        if run.strength is not None:
            scaled[run.stack].append(Point(run.strength, run.name, outcome))
        elif run.cell is not None:
            trials.append(run)
        elif run.row == "original":
            originals[run.forget_size] = Point(0.0, run.name, outcome)
    return [
        Trial(
            run.row,
            run.modality,
            run.choice or "",
            Group(run.group, f"{run.row}-{run.choice}", run.modality, run.forget_size, (run.name,)),
            curve_of(
                originals[run.forget_size],
                Point(1.0, run.name, results.runs[run.name]),
                scaled[run.stack],
            ),
        )
        for run in trials
    ]


def choices(trials: Sequence[Trial], retention: float) -> dict[tuple[str, str], str]:
    """The chosen points by row and modality, of those whose models are all there."""
    among: dict[tuple[str, str], list[Trial]] = defaultdict(list)
    for trial in trials:
        among[trial.row, trial.modality].append(trial)
    best = {}
    for key, tried in among.items():
        outcomes = [point.outcome for trial in tried for point in trial.curve]
        if any(outcome.state in ("failed", "missing") for outcome in outcomes):
            continue
        point = chosen({trial.point: _scores(trial.curve) for trial in tried}, retention)
        if point is not None:
            best[key] = point
    return best


def _scores(curve: Curve) -> list[Mapping[str, float | None]]:
    return [{key: point.number(key) for key in (RETAIN, QUALITY)} for point in curve]


def _values(results: Results, trial: Trial) -> str:
    """The values of a point, as people read them."""
    point = results.suite.point(trial.row, trial.modality, trial.point)
    if point.name == PLAIN:
        return PLAIN
    return ", ".join(f"{key} {told(value)}" for key, value in point.values.items())
