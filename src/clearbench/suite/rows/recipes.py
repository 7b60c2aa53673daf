"""Recipes: originals and golds that were fine-tuned otherwise, to judge metrics by.

Whoever was trained on all knows what is to be forgotten, whoever was trained on the retain set does
not, whatever the recipe. Each is compared with the gold of its seed's own recipe, as a cell is.
"""

from collections.abc import Iterator

from clearbench.config.settings import FinetuneSettings
from clearbench.suite.artifact import Artifact
from clearbench.suite.rows.controls import NO_MODALITY, gold_records
from clearbench.suite.runs import Run, records_of
from clearbench.suite.seeds import of_recipe
from clearbench.suite.suite import Suite

TAKEN: tuple[str, ...] = ()

KNOWS = "original"
IGNORES = "gold"
"""The parts of the dataset that a model is trained on, as rows call the models."""


def runs(suite: Suite, forget_size: int) -> Iterator[Run]:
    """An original and a gold of each recipe and seed."""
    for recipe, given in suite.file.recipes.items():
        differs = ", ".join(f"{key}: {value}" for key, value in given.items()) or "another seed"
        for row in (KNOWS, IGNORES):
            for own, tuning in of_recipe(suite, recipe):
                group = f"{row}/forget{forget_size:02d}"
                yield Run(
                    f"{group}/{tuning.name}",
                    f"{row}, {recipe}",
                    NO_MODALITY,
                    forget_size,
                    group=group_of(row, recipe, forget_size),
                    base=tuning.base,
                    stack=(tuning.original if row == KNOWS else tuning.gold(forget_size),),
                    records=records_of(f"{group}/{tuning.name}"),
                    gold=gold_records(suite, own, forget_size),
                    note=f"{row}, {recipe}: fine-tuned with {differs}.",
                )


def group_of(row: str, recipe: str, forget_size: int) -> str:
    """The line of the tables of a recipe's originals or golds."""
    return f"{row}/{recipe}/forget{forget_size:02d}"


def artifacts(suite: Suite) -> Iterator[Artifact]:
    """The originals and golds."""
    for recipe, training in suite.recipes.items():
        settings = FinetuneSettings(
            model=suite.model.use,
            training=training,
            holdout=suite.holdout,
            persons=suite.persons,
        ).model_dump()
        for _, tuning in of_recipe(suite, recipe):
            inputs = {"base": tuning.base, "dataset": "dataset"}
            options = {"part": "full", "forget_size": None, "seed": tuning.seed}
            yield Artifact(tuning.original, "finetune", settings, options, inputs)
            for size in suite.file.forget_sizes:
                options = {"part": "retain", "forget_size": size, "seed": tuning.seed}
                yield Artifact(tuning.gold(size), "finetune", settings, options, inputs)
