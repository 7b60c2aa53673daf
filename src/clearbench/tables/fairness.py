"""Fairness: whether groups of persons are forgotten, and retained, alike."""

from dataclasses import dataclass

from clearbench.metrics.bootstrap import FEW
from clearbench.metrics.headline import QUALITY
from clearbench.metrics.keys import Key
from clearbench.results.headline import COLUMNS
from clearbench.results.runs import Results
from clearbench.tables.base import Block, Column, Entry, Row, Table, score_column

DOMAINS = ("multimodal", "text")
SHOWN = ("retain", "forget", QUALITY)
"""What is told of each group."""


@dataclass(frozen=True)
class OfGroup(Entry):
    """A score of a group of persons; of few persons there is none, and their number is told."""

    @property
    def text(self) -> str:
        """As `0.512`, or `too small (4)`."""
        if self.mean is not None:
            return super().text
        key = Key.parse(self.column.key).persons
        scores = [run.documents["score"].numbers for run in self.runs if "score" in run.documents]
        few = [numbers[key] for numbers in scores if numbers.get(key, FEW) < FEW]
        return f"too small ({few[0]:.0f})" if few else super().text


def build(results: Results) -> Table | None:
    """Retention, forget score and forget quality of each group, the largest gap, and the worst.

    None for a suite that asks for no groups.
    """
    asked = results.suite.file.fairness
    if asked is None:
        return None
    groups = sorted(results.suite.dataset.groups[asked])
    blocks = [
        _block(results, size, name, groups)
        for size in results.suite.file.forget_sizes
        for name in SHOWN
    ]
    notes = [
        f"By {asked}. Gap: the highest score of a group less the lowest; noise alone makes one, so"
        " read it beside gold's and the original's. Worst: of the group that is served worst.",
        f"A group of fewer than {FEW} persons is too small (their number), and in neither.",
    ]
    return Table("Fairness", blocks, notes)


def _block(results: Results, size: int, name: str, groups: list[str]) -> Block:
    columns: list[tuple[type[Entry], Column]] = [
        (OfGroup, score_column(str(Key(name, group=group)), group)) for group in groups
    ]
    columns += [(Entry, score_column(f"{name}_{over}", over)) for over in ("gap", "worst")]
    rows = [
        Row(
            (group.method, group.modality),
            [
                kind(group, column, tuple(results.runs[run] for run in group.runs))
                for kind, column in columns
            ],
        )
        for group in results.of_size(size)
    ]
    headers = ["method", "modality", *(column.header for _, column in columns)]
    return Block(size, headers, rows, COLUMNS[name])
