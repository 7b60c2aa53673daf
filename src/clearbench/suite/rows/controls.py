"""What every table needs to be read: the original, and the golds of two seeds."""

from collections.abc import Iterator

from clearbench.config.files import BaseSettings
from clearbench.config.settings import FinetuneSettings
from clearbench.jobs.artifacts import folders
from clearbench.suite.artifact import Artifact
from clearbench.suite.runs import GOLD_SEEDS, Run, gold_run, records_of
from clearbench.suite.suite import Suite

TAKEN = ("original", "gold")

NO_MODALITY = "-"
"""The modality of a control row, which forgot nothing."""

SECOND_GOLD = f"gold (seed {GOLD_SEEDS[1]})"
"""The row of the noise ceiling."""


def runs(suite: Suite, forget_size: int) -> Iterator[Run]:
    """The original, whose tasks differ between sizes, and the golds."""
    golds = [gold_run(forget_size, seed) for seed in GOLD_SEEDS]
    rows = [
        ("original", f"original/forget{forget_size:02d}", "original"),
        ("gold", golds[0], golds[0]),
        (SECOND_GOLD, golds[1], golds[1]),
    ]
    for row, name, weights in rows:
        yield Run(
            name,
            row,
            NO_MODALITY,
            forget_size,
            group=name,
            stack=(weights,),
            records=records_of(name),
            gold=gold_records(suite, forget_size),
        )


def artifacts(suite: Suite) -> Iterator[Artifact]:
    """The models that all cells share: base, original and golds."""
    file, model = suite.file, suite.model
    base = BaseSettings(model=model.source, training=file.base).model_dump()
    outside = folders(hub=model.hub)
    yield Artifact("base", "base", base, {"seed": 0}, {"dataset": "dataset"}, (), outside)
    finetuning = FinetuneSettings(
        model=model.use,
        training=file.finetune,
        holdout=suite.holdout,
        persons=suite.persons,
    )
    training = finetuning.model_dump()
    inputs = {"base": "base", "dataset": "dataset"}
    options = {"part": "full", "forget_size": None, "seed": 0}
    yield Artifact("original", "finetune", training, options, inputs)
    for size in file.forget_sizes:
        for seed in GOLD_SEEDS:
            options = {"part": "retain", "forget_size": size, "seed": seed}
            yield Artifact(gold_run(size, seed), "finetune", training, options, inputs)


def gold_records(suite: Suite, forget_size: int) -> str | None:
    """What models of words are compared with; those of faces are attacked instead."""
    return None if suite.domain == "vision" else records_of(gold_run(forget_size))
