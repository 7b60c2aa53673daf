"""What every table needs to be read: the original, the gold, and how near golds come to each other.

Of each seed that has its own.
"""

from collections.abc import Iterator
from itertools import combinations

from clearbench.config.files import BaseSettings
from clearbench.config.settings import FinetuneSettings
from clearbench.jobs.artifacts import folders
from clearbench.suite.artifact import Artifact
from clearbench.suite.runs import Run, records_of
from clearbench.suite.seeds import Tuning, golds, own_tunings, tunings
from clearbench.suite.suite import Suite

TAKEN = ("original", "gold", "second_gold")

NO_MODALITY = "-"
"""The modality of a control row, which forgot nothing."""

SECOND_GOLD = "second gold"
"""The row of the noise ceiling."""


def runs(suite: Suite, forget_size: int) -> Iterator[Run]:
    """The original, whose tasks differ between sizes, the gold, and golds compared with others."""
    own = own_tunings(suite)
    yield from of_tunings(suite, own, forget_size)
    for first, second in combinations(golds(suite), 2):
        weights = second.gold(forget_size)
        # Two golds of faces are not compared, so that another one only tells the noise of one seed.
        if suite.domain == "vision" and second in own:
            continue
        yield Run(
            f"second_gold/forget{forget_size:02d}/{second.name}-{first.name}",
            SECOND_GOLD,
            NO_MODALITY,
            forget_size,
            group=f"second_gold/forget{forget_size:02d}",
            base=second.base,
            stack=(weights,),
            records=records_of(weights),
            gold=gold_records(suite, first, forget_size),
            trained=second not in own,
            bases="same" if second.base == first.base else "other",
        )


def of_tunings(
    suite: Suite, tunings: list[Tuning], forget_size: int, repeat: bool = False
) -> Iterator[Run]:
    """The originals and the golds of some fine-tunings."""
    for row in ("original", "gold"):
        group = f"{row}/forget{forget_size:02d}"
        for tuning in tunings:
            name = f"{group}/{tuning.name}"
            yield Run(
                name,
                row,
                NO_MODALITY,
                forget_size,
                group=group,
                base=tuning.base,
                stack=(tuning.original if row == "original" else tuning.gold(forget_size),),
                records=records_of(name),
                gold=gold_records(suite, tuning, forget_size),
                repeat=repeat,
            )


def artifacts(suite: Suite) -> Iterator[Artifact]:
    """The models that cells share: bases, originals and golds."""
    file, model = suite.file, suite.model
    base = BaseSettings(model=model.source, training=file.base).model_dump()
    outside = folders(hub=model.hub)
    dataset = {"dataset": "dataset"}
    used, compared = tunings(suite), golds(suite)
    both = list(dict.fromkeys((*used, *compared)))
    for name, seed in {tuning.base: tuning.base_seed for tuning in both}.items():
        yield Artifact(name, "base", base, {"seed": seed}, dataset, (), outside)
    finetuning = FinetuneSettings(
        model=model.use,
        training=file.finetune,
        holdout=suite.holdout,
        persons=suite.persons,
    )
    training = finetuning.model_dump()
    for tuning in used:
        options = {"part": "full", "forget_size": None, "seed": tuning.seed}
        inputs = {"base": tuning.base, **dataset}
        yield Artifact(tuning.original, "finetune", training, options, inputs)
    for size in file.forget_sizes:
        for tuning in both:
            options = {"part": "retain", "forget_size": size, "seed": tuning.seed}
            inputs = {"base": tuning.base, **dataset}
            yield Artifact(tuning.gold(size), "finetune", training, options, inputs)


def gold_records(suite: Suite, tuning: Tuning, forget_size: int) -> str | None:
    """What models of words are compared with; those of faces are attacked instead."""
    return None if suite.domain == "vision" else records_of(tuning.gold(forget_size))
