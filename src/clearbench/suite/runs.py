"""Runs: the evaluated models of a suite, and the rows of the tables that they are in."""

from dataclasses import dataclass
from typing import Literal

from clearbench.config.settings import Cell

GOLD_SEEDS = (0, 1)
"""The gold that scores are compared with, and the second one that gives the noise ceiling."""

LARGEST_SEED = 2**32 - 1
"""What every generator of random numbers takes."""


@dataclass(frozen=True)
class Run:
    """An evaluated model: its name, its row in the tables, and the artifacts that it is made of.

    `row` and `modality` are what tables call it; the runs of a `group` are averaged in one line.
    `stack` are the artifacts of its weights, each laid on the one before and the first on the base;
    the last is its own. `records` are what it says, compared with those of `gold`, but for faces.
    One that another group evaluated has records alone, which stand for the weights too.
    `trained` says whether the weights were made here, `note` what tables tell below of it. The
    records of a `bound` are drawn from those named. `prompts` are other where its gold was asked in
    other words.
    """

    name: str
    row: str
    modality: str
    forget_size: int
    group: str
    stack: tuple[str, ...]
    records: str
    gold: str | None = None
    cell: Cell | None = None
    trained: bool = True
    bound: str | None = None
    prompts: Literal["same", "other"] = "same"
    note: str = ""

    @property
    def weights(self) -> str:
        """The artifact of its own weights."""
        return self.stack[-1]

    @property
    def scores(self) -> str:
        """The artifact of its scores."""
        return f"score/{self.name}"


def gold_run(forget_size: int, seed: int = GOLD_SEEDS[0]) -> str:
    """The run of a gold, by default of the one that scores are compared with."""
    return f"gold/forget{forget_size:02d}/seed{seed}"


def records_of(run: str) -> str:
    """The artifact of the records of a model that is evaluated here."""
    return f"evaluate/{run}"
