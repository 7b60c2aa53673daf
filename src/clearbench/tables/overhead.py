"""Overhead: what forgetting both modalities at once costs, against each of them alone.

Read from provenance records as the table `cost`, and as that one different from run to run.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from clearbench.results.runs import Group, Outcome, Results, Source
from clearbench.tables.base import Block, Column, Entry, Row, Table, make_entry

DOMAINS = ("multimodal",)
JOINT, SINGLE = "both", ("text", "visual")
MIB = 2**20
MEASURES = (
    Column("measures/training_seconds", "training seconds", "train", digits=1, low=0),
    Column("measures/peak_bytes", "peak memory (MiB)", "train", digits=0, low=0, unit=MIB),
    Column("measures/flops", "TFLOP", "train", digits=3, low=0, unit=1e12),
)


@dataclass(frozen=True)
class Overhead(Entry):
    """What the joint cell takes for each unit of what the single ones take together.

    `parts` are the single ones, in order of the seeds each. Of memory it is for a unit of the
    larger one's, for a run of each needs no more at a time.
    """

    parts: tuple[Entry, ...]

    @property
    def numbers(self) -> list[float | None]:
        """The ratio of each seed that has all numbers."""
        joint = Entry(self.group, self.column, self.runs).numbers
        together = max if "peak" in self.column.key else math.fsum
        overheads: list[float | None] = []
        for both, *single in zip(joint, *(part.numbers for part in self.parts), strict=True):
            # Also none where the single ones took less than is recorded, a thousandth of a second.
            known = [number for number in single if number]
            complete = both is not None and len(known) == len(single)
            overheads.append(both / together(known) if both is not None and complete else None)
        return overheads

    @property
    def sources(self) -> list[Source]:
        """Where all the numbers stand."""
        own = Entry(self.group, self.column, self.runs).sources
        return [*own, *(source for part in self.parts for source in part.sources)]


def build(results: Results) -> Table | None:
    """Seconds, memory and operations of each method by modality, and what joining them costs.

    None where a suite does not forget both at once and each alone.
    """
    if not {JOINT, *SINGLE} <= set(results.suite.file.modalities):
        return None
    blocks = [
        _block(results, size, column)
        for size in results.suite.file.forget_sizes
        for column in MEASURES
    ]
    notes = [
        "both / (text + visual): what forgetting both at once takes for each unit that forgetting"
        " them one after the other does; of memory, for each unit of the larger.",
        "TFLOP are the products of matrices that the training asks for, forward and backward;"
        " attention's own are left out, and what checkpointing computes twice counts once.",
    ]
    return Table("Overhead of joint unlearning", blocks, notes)


def _block(results: Results, size: int, column: Column) -> Block:
    groups: dict[str, dict[str, Group]] = {}
    for group in results.of_size(size):
        if not group.control:
            groups.setdefault(group.method, {})[group.modality] = group
    rows = [
        Row((method,), _entries(results, by_modality, column))
        for method, by_modality in groups.items()
    ]
    together = "larger(text, visual)" if "peak" in column.key else "(text + visual)"
    headers = ["method", *SINGLE, JOINT, f"both / {together}"]
    return Block(size, headers, rows, column.header)


def _entries(results: Results, groups: dict[str, Group], column: Column) -> list[Entry]:
    single = tuple(make_entry(results, groups[modality], column) for modality in SINGLE)
    joint = make_entry(results, groups[JOINT], column)
    ratio = Column(column.key, column.header, column.document, digits=2, low=0, role="overhead")
    return [*single, joint, Overhead(joint.group, ratio, joint.runs, single)]


def ratios(results: Results) -> dict[str, list[float]]:
    """The overheads of all cells that have one, by measure (`measures/flops`, …)."""
    table = build(results)
    overheads: dict[str, list[float]] = {column.key: [] for column in MEASURES}
    for entry in table.entries.values() if table else ():
        if isinstance(entry, Overhead):
            overheads[entry.column.key] += entry.values
    return overheads


def weights(results: Results) -> float | None:
    """The weights of the suite's model, by the record of any of its cells."""
    runs: Sequence[Outcome] = list(results.runs.values())
    numbers = (run.documents["train"].numbers for run in runs if "train" in run.documents)
    return next((n["measures/parameters"] for n in numbers if "measures/parameters" in n), None)
