"""Runs: the evaluated models of a suite, and the rows of the tables that they are in."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from clearbench.config.settings import Cell

LARGEST_SEED = 2**32 - 1
"""What every generator of random numbers takes."""


@dataclass(frozen=True)
class Run:
    """An evaluated model: its name, its row in the tables, and the artifacts that it is made of.

    `row` and `modality` are what tables call it; the runs of a `group` are averaged in one line.
    `stack` are the artifacts of its weights, each laid on the one before and the first on `base`;
    the last is its own. `records` are what it says, compared with those of `gold`, but for faces.
    One that another group evaluated has records alone, which stand for the weights too. `trained`
    says whether the weights were made here for this row, or the layer of a stress test, `note` what
    tables tell below of it. A `repeat` is in no row, and tells the noise alone. With a `strength`
    it is a cell's model whose last layer is scaled by it: a point of the cell's curve, in no row
    either. With a `choice` a row's values are chosen by it, as the point of this name: asked about
    other persons, and in no row. After a `request` it is a model of a sequence, whose own layer is
    that request's, asked about all who were forgotten so far, or `about` the persons of one request
    alone; in no row either. With a `stress` it is a row's model under that test of the suite,
    at one `point` of it, and compared with a gold under the same; in no row either. The records of
    a `bound` are drawn from those named. `prompts` are other where its gold was asked in other
    words, `bases` where a gold is compared with one of another base.
    """

    name: str
    row: str
    modality: str
    forget_size: int
    group: str
    base: str | None
    stack: tuple[str, ...]
    records: str
    gold: str | None = None
    cell: Cell | None = None
    trained: bool = True
    repeat: bool = False
    strength: float | None = None
    choice: str | None = None
    request: int | None = None
    about: int | None = None
    stress: str | None = None
    point: str | None = None
    bound: str | None = None
    prompts: Literal["same", "other"] = "same"
    bases: Literal["same", "other"] = "same"
    note: str = ""

    @property
    def weights(self) -> str:
        """The artifact of its own weights."""
        return self.stack[-1]

    @property
    def in_row(self) -> bool:
        """Whether a row of the tables is its mean with others."""
        return self.plain and not self.repeat

    @property
    def plain(self) -> bool:
        """Whether it is a model as it is, asked about the forget set."""
        apart = (self.strength, self.choice, self.request, self.stress)
        return all(each is None for each in apart)

    @property
    def original(self) -> str | None:
        """The records of its gold's original, of one and the same fine-tuning and asked the same.

        None of a log, which has none, and where values are chosen.
        """
        if self.gold is None or self.base is None or self.choice is not None:
            return None
        before, _, tuning = self.gold.rpartition("gold/")
        return f"{before}original/{tuning}"

    @property
    def scores(self) -> str:
        """The artifact of its scores."""
        return f"score/{self.name}"


def records_of(run: str) -> str:
    """The artifact of the records of a model that is evaluated here."""
    return f"evaluate/{run}"


def original_of(run: Run) -> str:
    """The artifact of the original of a run's gold, of one and the same fine-tuning."""
    assert run.gold is not None
    # Of a gold under a stress test as well, whose point is told elsewhere.
    return f"original/{run.gold.rpartition('/')[2]}"


def persons_of(forget_size: int) -> str:
    """The artifact of the persons that stand for a forget set where values are chosen."""
    return f"validation/forget{forget_size:02d}"


def request_of(number: int) -> str:
    """The artifact of the persons of the first requests of a sequence, of as many as told."""
    return f"request/{number}"


def having_records(runs: Iterable[Run]) -> list[Run]:
    """The first run of those that share records, as a gold and what is drawn from it do."""
    first: dict[str, Run] = {}
    for run in runs:
        first.setdefault(run.records, run)
    return list(first.values())
