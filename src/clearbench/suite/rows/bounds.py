"""The floor and the ceiling of forget quality: no models, their records are drawn from gold's."""

from collections.abc import Iterator

from clearbench.evaluation.bounds import BOUNDS
from clearbench.suite.artifact import Artifact
from clearbench.suite.runs import Run, gold_run, records_of
from clearbench.suite.suite import Suite

TAKEN = tuple(BOUNDS)


def runs(suite: Suite, forget_size: int) -> Iterator[Run]:
    """The floor and the ceiling, of models of words."""
    for bound, meaning in BOUNDS.items() if suite.domain != "vision" else ():
        name = f"{bound}/forget{forget_size:02d}"
        gold = gold_run(forget_size)
        yield Run(
            name,
            f"{bound}: {meaning}",
            "drawn",
            forget_size,
            group=name,
            stack=(gold,),
            records=records_of(gold),
            gold=records_of(gold),
            trained=False,
            bound=bound,
        )


def artifacts(suite: Suite) -> Iterator[Artifact]:
    """None: the gold is there, and records are drawn where they are scored."""
    yield from ()
