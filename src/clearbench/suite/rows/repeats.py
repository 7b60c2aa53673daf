"""Repeats: models like those of the rows, with other seeds in part, which only tell the noise."""

from collections.abc import Iterator

from clearbench.suite.artifact import Artifact
from clearbench.suite.rows.cells import of_paths, unlearned
from clearbench.suite.rows.controls import of_tunings
from clearbench.suite.runs import Run
from clearbench.suite.seeds import own_tunings, repeats, tunings
from clearbench.suite.suite import Suite

TAKEN: tuple[str, ...] = ()


def runs(suite: Suite, forget_size: int) -> Iterator[Run]:
    """The originals, golds and cells of a size that a suite's `repeats` add."""
    own = own_tunings(suite)
    further = [tuning for tuning in tunings(suite) if tuning not in own]
    yield from of_tunings(suite, further, forget_size, repeat=True)
    yield from of_paths(suite, repeats(suite), forget_size, repeat=True)


def artifacts(suite: Suite) -> Iterator[Artifact]:
    """The weights of the cells; originals and golds are made with those of the rows."""
    for size in suite.file.forget_sizes:
        for run in runs(suite, size):
            if run.cell is not None:
                yield unlearned(suite, run)
