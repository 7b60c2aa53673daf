"""Choices: models that the values of swept rows are chosen by, asked about other persons.

All start from the original of the first seed. The persons of the choice stand for the forget set,
with a gold of their own; the forget set itself is shown to none of them and asked by none.
"""

from collections.abc import Iterator
from itertools import product

from clearbench.config.settings import (
    Cell,
    FinetuneSettings,
    SelectSettings,
    Tried,
    ValidationSettings,
)
from clearbench.suite.artifact import Artifact
from clearbench.suite.rows.cells import gold_beside, made_up, selection, unlearned
from clearbench.suite.rows.controls import NO_MODALITY
from clearbench.suite.rows.strengths import scaled
from clearbench.suite.runs import Run, persons_of, records_of
from clearbench.suite.seeds import paths
from clearbench.suite.suite import Suite

TAKEN = ("validation",)
CONTROL = ""
"""The name of the point that the original and the gold of a choice are of."""


def runs(suite: Suite, forget_size: int) -> Iterator[Run]:
    """The original and the gold of a size, then all points, each at all strengths."""
    if suite.file.select is None:
        return
    path = paths(suite)[0]
    tuning, size = path.tuning, f"forget{forget_size:02d}"
    gold = gold_beside(tuning.original, forget_size, choice=True)
    for row, weights in (("original", tuning.original), ("gold", gold)):
        yield _asked(
            suite, f"validation/{row}/{size}", row, NO_MODALITY, forget_size, (weights,), CONTROL
        )
    for row, modality in product(suite.file.methods, suite.file.modalities):
        for point in suite.points(row, modality):
            name = f"{row}/{modality}/{size}/{point.name}"
            stack = (tuning.original, f"trial/{name}")
            cell = Cell(suite.method(row), modality, forget_size, path.seed)
            run = _asked(
                suite, f"validation/{name}", row, modality, forget_size, stack, point.name, cell
            )
            yield run
            yield from scaled(suite, run)


def artifacts(suite: Suite) -> Iterator[Artifact]:
    """The persons of each size and their gold; the points; what is chosen among them."""
    if suite.file.select is None:
        return
    persons = ValidationSettings(persons=suite.file.select.persons).model_dump()
    tuning = paths(suite)[0].tuning
    training = FinetuneSettings(model=suite.model.use, training=suite.file.finetune).model_dump()
    for size in suite.file.forget_sizes:
        about = {"forget_size": size}
        yield Artifact(persons_of(size), "validation", persons, about, {"dataset": "dataset"})
        options = {"part": "retain", "forget_size": size, "seed": tuning.seed}
        inputs = {"base": tuning.base, "dataset": "dataset", "validation": persons_of(size)}
        of_size = list(runs(suite, size))
        gold = next(run for run in of_size if run.row == "gold" and run.choice == CONTROL)
        yield Artifact(gold.weights, "finetune", training, options, inputs)
        yield from made_up(suite, tuning, size, choice=True)
        points = [run for run in of_size if run.choice != CONTROL]
        for run in points:
            if run.strength is None:
                yield unlearned(suite, run)
        yield from _selections(suite, of_size)


def _selections(suite: Suite, runs: list[Run]) -> Iterator[Artifact]:
    """The choices of a size, each among the points of a row and a modality."""
    assert suite.file.select is not None
    original = next(run for run in runs if run.row == "original" and run.choice == CONTROL)
    among: dict[str, list[Run]] = {}
    for run in runs:
        if run.choice:
            among.setdefault(selection(run), []).append(run)
    for name, tried in among.items():
        points = suite.points(tried[0].row, tried[0].modality)
        settings = SelectSettings(
            retention=suite.file.select.retention,
            points=[Tried(name=point.name, values=dict(point.values)) for point in points],
            strengths=[1.0, *suite.file.scaled],
        )
        # In the order of the settings, by which the job tells them apart.
        inputs = {"original": original.scores}
        for run in tried:
            strength = 1.0 if run.strength is None else run.strength
            inputs[f"point/{run.choice}/{strength:g}"] = run.scores
        yield Artifact(name, "select", settings.model_dump(), inputs=inputs)


def _asked(
    suite: Suite,
    name: str,
    row: str,
    modality: str,
    forget_size: int,
    stack: tuple[str, ...],
    point: str,
    cell: Cell | None = None,
) -> Run:
    """A model that is asked about the persons of a choice."""
    return Run(
        name,
        row,
        modality,
        forget_size,
        group=name,
        base=paths(suite)[0].tuning.base,
        stack=stack,
        records=records_of(name),
        gold=records_of(f"validation/gold/forget{forget_size:02d}"),
        cell=cell,
        trained=cell is not None or row == "gold",
        choice=point,
    )
