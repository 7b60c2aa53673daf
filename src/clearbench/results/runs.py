"""What a table is made of: a suite's runs, each as far as it came, and the groups it averages."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from clearbench.evaluation.bounds import BOUNDS
from clearbench.suite.runs import (
    GOLD_SEEDS,
    bound_run,
    external_run,
    gold_run,
    imported_run,
    original_run,
    row_of,
)
from clearbench.suite.suite import Suite

NO_MODALITY = "-"
"""The modality of a control row, which forgot nothing."""

IMPORTED = "imported"
"""The modality of a row whose records come from another group's log: nothing was made here."""

BOUND = "drawn"
"""The modality of a row of no model: its records are drawn from gold's."""

EXTERNAL = "external"
"""The modality of a row whose model was made elsewhere: nobody here knows what it forgot."""

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
class Run:
    """One evaluated model, as far as it came.

    `documents` hold the numbers of a run that is ok: its scores, and what its training (fine-tuning
    for a control; where it was done here) and its evaluation cost. Of any other, `state` with
    `detail` says in a few words where it ended, `reason` in a sentence, and `proof` where that
    stands. `draws` are scores in each draw of persons, the same persons for all runs of a size.
    """

    state: State = "ok"
    documents: Mapping[DocumentName, Document] = field(default_factory=dict)
    detail: str = ""
    reason: str = ""
    proof: Source | None = None
    draws: Mapping[str, Sequence[float | None]] = field(default_factory=dict)


@dataclass(frozen=True)
class Group:
    """The runs that a row averages: a control's one, or those of a method, one a seed.

    `method` is the row that the suite gives it, mostly named as its method. `modality` is what was
    forgotten, `forget_size` is in percent, `runs` are names of runs.
    """

    name: str
    method: str
    modality: str
    forget_size: int
    runs: tuple[str, ...]

    @property
    def control(self) -> bool:
        """Whether nothing was unlearned here."""
        return self.modality in (NO_MODALITY, BOUND, IMPORTED, EXTERNAL)


@dataclass(frozen=True)
class Results:
    """All runs of a suite by name, finished or not.

    `twins` are the runs, two or more each, whose records or weights are the same bit by bit.
    """

    suite: Suite
    groups: tuple[Group, ...]
    runs: Mapping[str, Run]
    twins: tuple[tuple[str, ...], ...]

    def of_size(self, forget_size: int, bounds: bool = False) -> list[Group]:
        """The groups of a forget size: the controls, then the cells in the suite's order.

        With `bounds` also the floor and the ceiling of forget quality, which are no models.
        """
        return [
            group
            for group in self.groups
            if group.forget_size == forget_size and (bounds or group.modality != BOUND)
        ]

    def score_keys(self) -> list[str]:
        """The keys that any score file has, in the files' order, without those of intervals."""
        scores = [run.documents["score"] for run in self.runs.values() if run.state == "ok"]
        found = (key for document in scores for key in document.numbers if "~" not in key)
        return list(dict.fromkeys(found))


def plan(suite: Suite) -> tuple[Group, ...]:
    """All groups that a suite asks for."""
    return tuple(
        group
        for size in suite.file.forget_sizes
        for group in (
            *_controls(size),
            *_bounds(suite, size),
            *_others(suite, size),
            *_unlearned(suite, size),
        )
    )


def _controls(size: int) -> Iterator[Group]:
    names = {"original": original_run(size), "gold": gold_run(size, GOLD_SEEDS[0])}
    names |= {f"gold (seed {seed})": gold_run(size, seed) for seed in GOLD_SEEDS[1:]}
    for method, run in names.items():
        yield Group(run, method, NO_MODALITY, size, (run,))


def _bounds(suite: Suite, size: int) -> Iterator[Group]:
    for bound, meaning in BOUNDS.items() if suite.domain != "vision" else ():
        run = bound_run(bound, size)
        yield Group(run, f"{bound}: {meaning}", BOUND, size, (run,))


def _others(suite: Suite, size: int) -> Iterator[Group]:
    """The models that were evaluated elsewhere, and those that were made elsewhere."""
    for name, log in suite.file.imported.items():
        if log.forget_size == size:
            run = imported_run(name)
            yield Group(run, name, IMPORTED, size, (run,))
    for name, given in suite.file.external.items():
        if given.forget_size == size:
            run = external_run(name)
            yield Group(run, name, EXTERNAL, size, (run,))


def _unlearned(suite: Suite, size: int) -> Iterator[Group]:
    runs: dict[tuple[str, str], list[str]] = {}
    for run, cell in suite.cells.items():
        if cell.forget_size == size:
            runs.setdefault((row_of(run), cell.modality), []).append(run)
    for (row, modality), names in runs.items():
        yield Group(names[0].rpartition("/")[0], row, modality, size, tuple(names))
