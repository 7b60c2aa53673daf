"""The floor and the ceiling of forget quality: no models, their records are drawn from gold's."""

from collections.abc import Iterator

from clearbench.evaluation.bounds import BOUNDS
from clearbench.suite.artifact import Artifact
from clearbench.suite.runs import Run, records_of
from clearbench.suite.seeds import own_tunings
from clearbench.suite.suite import Suite

TAKEN = tuple(BOUNDS)


def runs(suite: Suite, forget_size: int) -> Iterator[Run]:
    """The floor and the ceiling, of models of words."""
    for bound, meaning in BOUNDS.items() if suite.domain != "vision" else ():
        group = f"{bound}/forget{forget_size:02d}"
        for tuning in own_tunings(suite):
            gold = tuning.gold(forget_size)
            yield Run(
                f"{group}/{tuning.name}",
                f"{bound}: {meaning}",
                "drawn",
                forget_size,
                group=group,
                base=tuning.base,
                stack=(gold,),
                records=records_of(gold),
                gold=records_of(gold),
                trained=False,
                bound=bound,
            )


def artifacts(suite: Suite) -> Iterator[Artifact]:
    """None: the gold is there, and records are drawn where they are scored."""
    yield from ()
