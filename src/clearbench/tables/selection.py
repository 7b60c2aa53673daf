"""Selection: what the values of swept rows were chosen among, on the persons of the choice."""

from dataclasses import dataclass

from clearbench.metrics.headline import QUALITY, RETAIN
from clearbench.results import curves as shapes
from clearbench.results.headline import COLUMNS
from clearbench.results.runs import Results
from clearbench.results.strengths import STRENGTH, along
from clearbench.results.trials import Trial, choices, trials_of
from clearbench.suite.sweep import PLAIN, told
from clearbench.tables.base import Block, Column, Row, Table, make_entry, score_column
from clearbench.tables.tradeoff import OfCurves, at_retention

DOMAINS = ("multimodal", "text")
CHOSEN = "chosen"


@dataclass(frozen=True)
class Worth(OfCurves):
    """What a point is chosen by: as `OfCurves`, and at its end where the curve stays above."""

    @property
    def numbers(self) -> list[float | None]:
        """The one of the point's curve."""
        assert self.level is not None
        return [
            shapes.worth(along(curve, RETAIN), along(curve, self.column.key), self.level)
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
        at_retention(level, score_column(QUALITY, f"{COLUMNS[QUALITY]} at {level * 100:g}%")),
        at_retention(level, Column(STRENGTH, "strength", digits=2)),
        score_column(RETAIN, RETAIN),
        score_column(QUALITY, COLUMNS[QUALITY]),
    )
    headers = ["method", "modality", "values", "", *(column.header for column in columns)]
    blocks, everywhere = [], trials_of(results)
    for size in results.suite.file.forget_sizes:
        trials = [trial for trial in everywhere if trial.group.forget_size == size]
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
        f" none. Chosen is, for a method and a modality, {_rule(results, level)}. `{PLAIN}` is the"
        " row as it stands in the suite.",
        f"One seed ({results.suite.file.seeds[0]}): points that are close may rank otherwise with"
        " another. What was chosen is run on the forget set with all seeds; see `tradeoff`.",
    ]
    return Table("Selection", blocks, notes)


def _rule(results: Results, level: float) -> str:
    """What is chosen, in words."""
    share = f"{level * 100:g}% of the original's"
    if results.suite.file.scaled:
        return (
            f"the best forget quality where retain falls to {share}, or at the largest strength of"
            " a point that retains more"
        )
    return (
        f"the best forget quality of the models that keep {share} retain, or the model that keeps"
        " most where none does"
    )


def _values(results: Results, trial: Trial) -> str:
    """The values of a point, as people read them."""
    point = results.suite.point(trial.row, trial.modality, trial.point)
    if point.name == PLAIN:
        return PLAIN
    return ", ".join(f"{key} {told(value)}" for key, value in point.values.items())
