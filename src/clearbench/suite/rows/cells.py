"""Cells: a row's method on a modality at a forget size with a seed."""

from collections.abc import Iterator
from itertools import product
from types import MappingProxyType

from clearbench import methods
from clearbench.config.settings import (
    AlternatesSettings,
    Cell,
    ReferenceSettings,
    UnlearnSettings,
)
from clearbench.suite.artifact import Artifact
from clearbench.suite.rows.controls import gold_records
from clearbench.suite.runs import Run, persons_of, records_of
from clearbench.suite.seeds import Path, Tuning, paths, tunings
from clearbench.suite.suite import Suite
from clearbench.suite.sweep import Values

TAKEN: tuple[str, ...] = ()

REFERENCE = "reference"
"""What an original says of all samples, where a suite stores it and methods read it."""

ALTERNATES = "alternates"
"""What an original makes up in answer to the forget questions, where methods train on it."""

GOLD = "gold"
"""The model that never met the forgotten, where methods compare with it."""


def runs(suite: Suite, forget_size: int) -> Iterator[Run]:
    """The cells of a size, those of all seeds one group."""
    yield from of_paths(suite, paths(suite), forget_size)


def of_paths(
    suite: Suite, paths: list[Path], forget_size: int, repeat: bool = False
) -> Iterator[Run]:
    """The cells of some paths at a forget size."""
    file = suite.file
    for row, modality, path in product(file.methods, file.modalities, paths):
        group = f"{row}/{modality}/forget{forget_size:02d}"
        name = f"{group}/{path.name}"
        yield Run(
            name,
            row,
            modality,
            forget_size,
            group=group,
            base=path.tuning.base,
            stack=(path.tuning.original, f"unlearn/{name}"),
            records=records_of(name),
            gold=gold_records(suite, path.tuning, forget_size),
            cell=Cell(suite.method(row), modality, forget_size, path.seed),
            repeat=repeat,
        )


def artifacts(suite: Suite) -> Iterator[Artifact]:
    """What originals say of all samples, where cells read it; then the cells."""
    if any(_reads_reference(suite, row) for row in suite.file.methods):
        settings = ReferenceSettings(
            model=suite.model.use, batch_size=suite.file.evaluate.batch_size
        ).model_dump()
        for tuning in tunings(suite):
            inputs = {"base": tuning.base, "original": tuning.original, "dataset": "dataset"}
            yield Artifact(_reference(tuning.original), REFERENCE, settings, inputs=inputs)
    for size in suite.file.forget_sizes:
        for tuning in tunings(suite):
            yield from made_up(suite, tuning, size)
    for size in suite.file.forget_sizes:
        for run in runs(suite, size):
            yield unlearned(suite, run)


def made_up(suite: Suite, tuning: Tuning, size: int, choice: bool = False) -> Iterator[Artifact]:
    """What an original makes up, where cells train on it; of the persons of a choice, or not."""
    if not any(_reads_alternates(suite, row) for row in suite.file.methods):
        return
    evaluation = suite.file.evaluate
    settings = AlternatesSettings(
        model=suite.model.use,
        batch_size=evaluation.batch_size,
        max_new_tokens=evaluation.max_new_tokens,
        modality="text" if suite.file.modalities == ["text"] else "both",
    ).model_dump()
    inputs = {"base": tuning.base, "original": tuning.original, "dataset": "dataset"}
    if choice:
        inputs["validation"] = persons_of(size)
    name = _alternates(tuning.original, size, choice)
    yield Artifact(name, ALTERNATES, settings, {"forget_size": size}, inputs)


def unlearned(suite: Suite, run: Run) -> Artifact:
    """The weights of a cell."""
    base, original = run.base, run.stack[0]
    assert base is not None
    inputs = {"base": base, "original": original, "dataset": "dataset"}
    if _reads_reference(suite, run.row):
        inputs[REFERENCE] = _reference(original)
    if _reads_alternates(suite, run.row):
        inputs[ALTERNATES] = _alternates(original, run.forget_size, run.choice is not None)
    if methods.describe(suite.method(run.row)).compares_with == "gold":
        inputs[GOLD] = gold_beside(original, run.forget_size, run.choice is not None)
    values: Values = {}
    if run.choice is not None:
        inputs["validation"] = persons_of(run.forget_size)
        values = suite.point(run.row, run.modality, run.choice).values
    elif suite.points(run.row, run.modality):
        inputs["selection"] = selection(run)
    settings = unlearning(suite, run.row, run.modality, values).model_dump()
    return Artifact(run.weights, "unlearn", settings, vars(run.cell), inputs, run=run)


def selection(run: Run) -> str:
    """The choice of the values of a cell, or of a point that it was made among."""
    return f"select/{run.row}/{run.modality}/forget{run.forget_size:02d}"


def unlearning(
    suite: Suite, row: str, modality: str, values: Values = MappingProxyType({})
) -> UnlearnSettings:
    """How a row's method is trained in a suite, with the `values` of a point if any."""
    given, training = suite.unlearning(row, modality, values)
    known = methods.describe(suite.method(row)).parameters
    return UnlearnSettings(
        model=suite.model.use,
        parameters={name: default for name, (_, default) in known.items()} | given,
        training=training,
        retain_modality=suite.file.retain_modality,
        holdout=suite.holdout,
        persons=suite.persons,
    )


def _reads_reference(suite: Suite, row: str) -> bool:
    stored = suite.file.reference == "stored"
    return stored and methods.describe(suite.method(row)).takes_stored_reference


def _reads_alternates(suite: Suite, row: str) -> bool:
    return methods.describe(suite.method(row)).takes_alternates


def gold_beside(original: str, size: int, choice: bool = False) -> str:
    """The gold of an original's fine-tuning; of a choice, that of its persons."""
    kind = f"validation_{GOLD}" if choice else GOLD
    return f"{kind}/forget{size:02d}/{original.partition('/')[2]}"


def _alternates(original: str, size: int, choice: bool) -> str:
    """What an original makes up at a forget size, perhaps of the persons of a choice."""
    kind = f"validation_{ALTERNATES}" if choice else ALTERNATES
    return f"{kind}/forget{size:02d}/{original.partition('/')[2]}"


def _reference(original: str) -> str:
    """What an original says of all samples."""
    return f"{REFERENCE}/{original.partition('/')[2]}"
