"""What a table is made of: a suite's runs, each as far as it came, and the groups it averages."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from clearbench.data.tasks import DECLARED, RETRIEVAL, Tasks
from clearbench.metrics.keys import Key
from clearbench.results.hardware import Hardware
from clearbench.suite.runs import Run
from clearbench.suite.suite import Suite

State = Literal["ok", "diverged", "failed", "missing"]
DocumentName = Literal["score", "train", "evaluate"]


@dataclass(frozen=True)
class Source:
    """Where a number stands: a JSON file below the suite's results, and the key in it.

    In a provenance record `measures/NAME` is the key NAME of its `measures`.
    """

    path: str
    key: str


@dataclass(frozen=True)
class Document:
    """The numbers of a JSON file below the suite's results, by key."""

    path: str
    numbers: Mapping[str, float]


@dataclass(frozen=True)
class Outcome:
    """How far a run came.

    `documents` hold the numbers of a run that is ok: its scores, and what its training (fine-tuning
    for a control; where it was done here) and its evaluation cost. Of any other, `state` with
    `detail` says in a few words where it ended, `reason` in a sentence, and `proof` where that
    stands. `draws` are scores in each draw of persons, the same persons for all runs of a size.
    `tasks` are all that its scores may be of.
    """

    state: State = "ok"
    documents: Mapping[DocumentName, Document] = field(default_factory=dict)
    detail: str = ""
    reason: str = ""
    proof: Source | None = None
    draws: Mapping[str, Sequence[float | None]] = field(default_factory=dict)
    tasks: Tasks = field(default_factory=lambda: DECLARED)


@dataclass(frozen=True)
class Group:
    """The runs that a row averages: a control's one, or those of a method, one a seed.

    `method` is the row that the suite gives it, mostly named as its method. `modality` is what was
    forgotten, `forget_size` is in percent, `runs` are names of runs. Of a `control` nothing was
    unlearned here; a `bound` is no model. `note` is told below the tables.
    """

    name: str
    method: str
    modality: str
    forget_size: int
    runs: tuple[str, ...]
    control: bool = False
    bound: bool = False
    note: str = ""


@dataclass(frozen=True)
class Results:
    """All runs of a suite by name, finished or not.

    `twins` are the runs, two or more each, whose records or weights are the same bit by bit.
    `hardware` is what the jobs of those that finished computed on.
    """

    suite: Suite
    groups: tuple[Group, ...]
    runs: Mapping[str, Outcome]
    twins: tuple[tuple[str, ...], ...]
    hardware: Hardware = field(default_factory=dict)

    def of_size(self, forget_size: int, bounds: bool = False) -> list[Group]:
        """The groups of a forget size: the controls, then the cells in the suite's order.

        With `bounds` also the floor and the ceiling of forget quality, which are no models.
        """
        return [
            group
            for group in self.groups
            if group.forget_size == forget_size and (bounds or not group.bound)
        ]

    def score_keys(self) -> list[str]:
        """The keys that any score file has, in the files' order, without those of intervals.

        And of retrieval, which no row is asked: it has a table of its own.
        """
        scores = [run.documents["score"] for run in self.runs.values() if run.state == "ok"]
        keys = dict.fromkeys(key for document in scores for key in document.numbers)
        parsed = {key: Key.parse(key) for key in keys}
        apart = {task.name for task in RETRIEVAL}
        return [key for key, of in parsed.items() if not of.end and of.task not in apart]


def groups_of(runs: Iterable[Run]) -> tuple[Group, ...]:
    """The lines of the tables in the order of the runs, those of several seeds one line.

    Repeats are in none, nor are scaled cells and what values are chosen by.
    """
    averaged: dict[str, list[Run]] = {}
    for run in runs:
        if run.in_row:
            averaged.setdefault(run.group, []).append(run)
    return tuple(
        Group(
            name,
            first.row,
            first.modality,
            first.forget_size,
            tuple(run.name for run in (first, *others)),
            control=first.cell is None,
            bound=first.bound is not None,
            note=first.note,
        )
        for name, (first, *others) in averaged.items()
    )
