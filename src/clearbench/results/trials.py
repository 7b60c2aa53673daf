"""Trials: the points of a suite's choices, each a curve of strengths, and what was chosen."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from clearbench.metrics.headline import QUALITY, RETAIN
from clearbench.results.choice import chosen
from clearbench.results.runs import Group, Results
from clearbench.results.strengths import Curve, Point, curve_of
from clearbench.suite.rows import runs_of


@dataclass(frozen=True)
class Trial:
    """A point of a row's choice: its name, its line of the tables, and its curve."""

    row: str
    modality: str
    point: str
    group: Group
    curve: Curve


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
            Group(run.group, f"{run.row}/{run.choice}", run.modality, run.forget_size, (run.name,)),
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
