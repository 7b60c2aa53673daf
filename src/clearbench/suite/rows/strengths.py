"""Strengths: the models of cells with their updates scaled, points of a curve from the original on.

θ₀ + α·(θ - θ₀), with θ₀ the original and α the strength (model mixing, arXiv 2406.09179; task
vectors, arXiv 2212.04089). Nothing is trained; all strengths of a cell are evaluated in one job.
"""

from collections.abc import Iterator
from dataclasses import replace

from clearbench.suite.artifact import Artifact
from clearbench.suite.rows import cells
from clearbench.suite.runs import Run, records_of
from clearbench.suite.suite import Suite

TAKEN = ("strengths",)


def runs(suite: Suite, forget_size: int) -> Iterator[Run]:
    """The cells of a size at each strength of the suite, but for the cells themselves."""
    for run in cells.runs(suite, forget_size):
        yield from scaled(suite, run)


def scaled(suite: Suite, run: Run) -> Iterator[Run]:
    """A cell at each strength of the suite, but for the cell itself."""
    for strength in suite.file.scaled:
        yield replace(
            run,
            name=f"strengths/{run.name}/{strength:g}",
            group=f"strengths/{run.group}/{strength:g}",
            records=records_of(f"strengths/{run.name}"),
            trained=False,
            strength=strength,
        )


def artifacts(suite: Suite) -> Iterator[Artifact]:
    """None: the weights are those of the cells."""
    yield from ()
