"""Our numbers beside those that the paper prints, and the differences."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from clearbench.metrics.definitions import Definition
from clearbench.tables.base import (
    Block,
    Column,
    Difference,
    Entry,
    Printed,
    Row,
    make_entry,
    score_column,
)
from clearbench.tables.clear_paper import SIZE, PaperTable
from clearbench.tables.results import Group, Results

MARK = "†"
"""Of a row of which the paper's own numbers disagree."""


def make_beside(
    results: Results,
    paper: PaperTable,
    headers: Mapping[str, str],
    definition: Definition,
    groups: Sequence[Group],
    marked: Sequence[str] = (),
    topic: str = "",
) -> list[Block]:
    """A block of some groups of the paper's forget size; none where none of them unlearned.

    `headers` are those of the metrics, which the paper computed by `definition`; `marked` are the
    methods whose numbers in the paper are in doubt.
    """
    columns = {
        metric: score_column(definition.key(metric), header) for metric, header in headers.items()
    }
    compared = [group for group in groups if group.forget_size == SIZE]
    if all(group.control for group in compared):
        return []
    rows = [
        Row(
            (f"{group.method} {MARK}" if _plain(group) in marked else group.method, group.modality),
            [
                entry
                for metric, column in columns.items()
                for entry in _beside(results, group, column, paper, metric, headers[metric])
            ],
        )
        for group in compared
    ]
    titles = [entry.column.header for entry in rows[0].entries]
    return [Block(SIZE, ["method", "modality", *titles], rows, topic)]


def _beside(
    results: Results, group: Group, column: Column, paper: PaperTable, metric: str, header: str
) -> tuple[Entry, ...]:
    ours = make_entry(results, group, column)
    number = paper.value(_plain(group), group.modality, metric)
    digits = 4 if metric in paper.percent else 2
    printed = Printed(
        group,
        replace(column, header=f"{header}: paper", role="paper", digits=digits),
        ours.runs,
        number,
    )
    between = replace(column, header=f"{header}: difference", role="difference")
    return ours, printed, Difference(group, between, ours.runs, ours, printed)


def _plain(group: Group) -> str:
    """The method's name in the paper, which a variant of it has too."""
    return group.method.partition("@")[0]


def paper_note(results: Results, paper: PaperTable) -> str:
    """Of which model the paper's numbers are, and whether that is the suite's."""
    model = results.suite.file.model
    whose = "" if model == paper.model else f", which is not this suite's model ({model})"
    return (
        f"Paper: Table {paper.number} of arXiv 2410.18057v4, of {paper.model}{whose}; difference is"
        " ours less the paper's."
    )
