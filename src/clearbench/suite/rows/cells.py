"""Cells: a row's method on a modality at a forget size with a seed."""

from collections.abc import Iterator
from itertools import product

from clearbench import methods
from clearbench.config.settings import Cell, ReferenceSettings, UnlearnSettings
from clearbench.suite.artifact import Artifact
from clearbench.suite.rows.controls import gold_records
from clearbench.suite.runs import Run, records_of
from clearbench.suite.suite import Suite

TAKEN: tuple[str, ...] = ()

REFERENCE = "reference"
"""What the original says of all samples, where a suite stores it and methods read it."""


def runs(suite: Suite, forget_size: int) -> Iterator[Run]:
    """The cells of a size, those of all seeds one group."""
    file = suite.file
    for row, modality, seed in product(file.methods, file.modalities, file.seeds):
        group = f"{row}/{modality}/forget{forget_size:02d}"
        name = f"{group}/seed{seed}"
        yield Run(
            name,
            row,
            modality,
            forget_size,
            group=group,
            stack=("original", f"unlearn/{name}"),
            records=records_of(name),
            gold=gold_records(suite, forget_size),
            cell=Cell(suite.method(row), modality, forget_size, seed),
        )


def artifacts(suite: Suite) -> Iterator[Artifact]:
    """What the original says of all samples, where cells read it; then the cells."""
    inputs = {"base": "base", "original": "original", "dataset": "dataset"}
    if any(_reads_reference(suite, row) for row in suite.file.methods):
        settings = ReferenceSettings(
            model=suite.model.use, batch_size=suite.file.evaluate.batch_size
        )
        yield Artifact(REFERENCE, REFERENCE, settings.model_dump(), inputs=inputs)
    for size in suite.file.forget_sizes:
        for run in runs(suite, size):
            read = {REFERENCE: REFERENCE} if _reads_reference(suite, run.row) else {}
            yield Artifact(
                run.weights,
                "unlearn",
                unlearning(suite, run.row).model_dump(),
                vars(run.cell),
                {**inputs, **read},
                run=run,
            )


def unlearning(suite: Suite, row: str) -> UnlearnSettings:
    """How a row's method is trained in a suite."""
    given, training = suite.unlearning(row)
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
