"""Our numbers beside those that the paper prints, and the differences."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from clearbench.metrics.definitions import Definition
from clearbench.results.runs import Group, Results
from clearbench.tables.base import (
    Block,
    Column,
    Entry,
    Row,
    make_entry,
    score_column,
)
from clearbench.tables.clear_paper import SIZE, PaperTable
from clearbench.tables.difference import WITHIN_NOTE, Difference, Printed, difference_column

MARK = "†"
"""Marks a row whose numbers the paper itself contradicts."""


def make_beside(
    results: Results,
    paper: PaperTable,
    headers: Mapping[str, str],
    definition: Definition,
    groups: Sequence[Group],
    marked: Sequence[str] = (),
    topic: str = "",
) -> list[Block]:
    """A block of some groups for each forget size at which one of them unlearned.

    At the paper's size its numbers and the differences stand beside ours; at others ours stand
    alone, for less forgotten is another task. `headers` are those of the metrics, which the paper
    computed by `definition`; `marked` are the methods whose numbers in the paper are in doubt.
    """
    columns = {
        metric: score_column(definition.key(metric), header) for metric, header in headers.items()
    }
    blocks = []
    for size in results.suite.file.forget_sizes:
        of_size = [group for group in groups if group.forget_size == size]
        if all(group.control for group in of_size):
            continue
        rows = [
            Row(
                (_name(group, marked), group.modality),
                [
                    entry
                    for metric, column in columns.items()
                    for entry in _beside(results, group, column, paper, metric, headers[metric])
                ],
            )
            for group in of_size
        ]
        titles = [entry.column.header for entry in rows[0].entries]
        blocks.append(Block(size, ["method", "modality", *titles], rows, topic))
    return blocks


def _name(group: Group, marked: Sequence[str]) -> str:
    doubted = group.forget_size == SIZE and _plain(group) in marked
    return f"{group.method} {MARK}" if doubted else group.method


def _beside(
    results: Results, group: Group, column: Column, paper: PaperTable, metric: str, header: str
) -> tuple[Entry, ...]:
    ours = make_entry(results, group, column)
    if group.forget_size != SIZE:
        return (ours,)
    number = paper.value(_plain(group), group.modality, metric)
    digits = 4 if metric in paper.percent else 2
    printed = Printed(
        group,
        replace(column, header=f"{header}: paper", role="paper", digits=digits),
        ours.runs,
        number,
    )
    between = difference_column(column, f"{header}: difference")
    return ours, printed, Difference(group, between, ours.runs, ours, printed)


def _plain(group: Group) -> str:
    """The method's name in the paper, which a variant of it has too."""
    return group.method.partition("@")[0]


def paper_notes(results: Results, paper: PaperTable, *doubts: str) -> list[str]:
    """Which model and forget size the paper's numbers are of, and how to read the differences.

    `doubts` are what else is to be said of its numbers, where any of them is shown.
    """
    sizes = results.suite.file.forget_sizes
    listed = ", ".join(f"{size} %" for size in sizes if size != SIZE)
    other = f"The paper forgets {SIZE} % of the persons only: at {listed} ours stand alone."
    if SIZE not in sizes:
        return [other]
    model = results.suite.file.model
    whose = "" if model == paper.model else f", which is not this suite's model ({model})"
    return [
        f"Paper: Table {paper.number} of arXiv 2410.18057v4, of {paper.model}{whose}; difference is"
        " ours less the paper's, of whose numbers the noise is not known beyond their rounding.",
        WITHIN_NOTE,
        *([other] if listed else []),
        *doubts,
    ]
