"""Ranking: the methods by each headline number, none before another by less than the noise."""

from collections.abc import Sequence
from dataclasses import dataclass

from clearbench.metrics import better
from clearbench.tables.base import (
    Block,
    Column,
    Entry,
    Row,
    Table,
    make_entry,
    score_column,
)
from clearbench.tables.difference import exceeds
from clearbench.tables.results import Group, Results

DOMAINS = ("multimodal", "text")
HEADERS = {
    "real": "real",
    "retain": "retain",
    "forget": "forget",
    "forget_quality_js": "forget quality",
}
CEILING = "gold (seed 1)"
"""The control whose forget quality is as near to gold as another gold comes."""


@dataclass(frozen=True)
class Ranked(Entry):
    """An entry with its rank among others, the best 1; `shared` with those that noise hides."""

    rank: int | None
    shared: bool

    @property
    def text(self) -> str:
        """As `0.512 [0.490, 0.533] 3=`; a method without a number has no rank."""
        if self.mean is None or self.rank is None:
            return super().text
        shown = f"z.{self.column.digits}f"
        ends = (
            f" [{', '.join(format(end, shown) for end in self.interval)}]" if self.interval else ""
        )
        return f"{self.mean:{shown}}{ends} {self.rank}{'=' if self.shared else ''}"


def build(results: Results) -> Table | None:
    """Every method's numbers with their intervals and ranks, for each modality that is forgotten.

    A method's rank is one more than the number of methods that are better by more than the noise,
    so that two within each other's noise may share one. None where there is one method alone.
    """
    if len(results.suite.file.methods) < 2:
        return None
    columns = [score_column(key, header) for key, header in HEADERS.items()]
    blocks = [
        _block(results, size, modality, columns)
        for size in results.suite.file.forget_sizes
        for modality in results.suite.file.modalities
    ]
    notes = [
        "In brackets the 95 % interval: over seeds (Student's t), of one seed over samples"
        " (bootstrap). A rank counts the methods whose lead is more than the noise,"
        " √(half interval² + half interval²); = marks ranks with others within it.",
        *_ceilings(results),
    ]
    return Table("Ranking", blocks, notes)


def _block(results: Results, size: int, modality: str, columns: Sequence[Column]) -> Block:
    groups = [group for group in results.of_size(size) if group.modality == modality]
    ranked = [_ranked(results, groups, column) for column in columns]
    rows = [
        Row((group.method,), [entries[number] for entries in ranked])
        for number, group in enumerate(groups)
    ]
    return Block(size, ["method", *(column.header for column in columns)], rows, modality)


def _ranked(results: Results, groups: Sequence[Group], column: Column) -> list[Ranked]:
    entries = [make_entry(results, group, column) for group in groups]
    up = better(column.key) == "up"

    def ahead(one: Entry, other: Entry) -> bool:
        first, second = (one, other) if up else (other, one)
        return first is not second and exceeds(first, second)

    found = []
    for entry in entries:
        others = [other for other in entries if other is not entry and other.mean is not None]
        before = sum(ahead(other, entry) for other in others)
        shared = any(not ahead(other, entry) and not ahead(entry, other) for other in others)
        rank = None if entry.mean is None else before + 1
        found.append(Ranked(entry.group, column, entry.runs, rank, shared))
    return found


def _ceilings(results: Results) -> list[str]:
    """The forget quality that another gold reaches, a size."""
    found = []
    for size in results.suite.file.forget_sizes:
        for group in results.of_size(size):
            if group.method == CEILING:
                column = Column("forget_quality_js", "")
                found.append(f"{make_entry(results, group, column).text} at {size} %")
    return [f"Noise ceiling of forget quality, that of another gold: {', '.join(found)}."]
