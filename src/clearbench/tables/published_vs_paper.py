"""Published against paper: what the defects of the published code do to a method's results."""

from dataclasses import replace

from clearbench.results.runs import Results
from clearbench.tables.base import (
    Block,
    Row,
    Table,
    definition_notes,
    make_entry,
    score_columns,
)
from clearbench.tables.difference import WITHIN_NOTE, Difference, difference_column
from clearbench.tables.headline import PAPER

DOMAINS = ("multimodal", "text")
VARIANT = "@published"


def build(results: Results) -> Table | None:
    """Methods by their paper and as the published code has them, and how far apart they end.

    None where a suite has not both of any method.
    """
    blocks = [
        block for size in results.suite.file.forget_sizes if (block := _block(results, size)).rows
    ]
    if not blocks:
        return None
    notes = [
        "Difference is as published less by the paper: how far the code's defects move a number.",
        WITHIN_NOTE,
        *definition_notes(results),
    ]
    return Table("Published against paper", blocks, notes)


def _block(results: Results, size: int) -> Block:
    columns = score_columns(results, PAPER)
    groups = {(group.method, group.modality): group for group in results.of_size(size)}
    rows = []
    for (method, modality), group in groups.items():
        published = groups.get((f"{method}{VARIANT}", modality))
        if published is None:
            continue
        entries = []
        for column in columns:
            ours = make_entry(results, group, column)
            theirs = make_entry(results, published, replace(column, header="as published"))
            moved = difference_column(column, "difference")
            difference = Difference(published, moved, theirs.runs, theirs, ours)
            entries += [ours, theirs, difference]
        rows.append(Row((method, modality), entries))
    titles = [entry.column.header for entry in rows[0].entries] if rows else []
    return Block(size, ["method", "modality", *titles], rows)
