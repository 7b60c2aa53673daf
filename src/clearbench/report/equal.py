"""Equal: the numbers of rows that are scaled, where all retain the same share of the original's."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from clearbench.metrics import is_metric
from clearbench.report.numbers import cell_of, place_between
from clearbench.results.runs import Results
from clearbench.tables.base import Block, Entry, Table, make_entry
from clearbench.tables.tradeoff import OfCurves


def equal_of(results: Results, tables: Mapping[str, Table]) -> list[dict[str, Any]]:
    """The blocks of the table `tradeoff` that are of a share, with their cells by row.

    Original and gold stand beside them as they are.
    """
    if "tradeoff" not in tables:
        return []
    return [_view(results, block) for block in tables["tradeoff"].blocks if _is_of_a_share(block)]


def _is_of_a_share(block: Block) -> bool:
    entries = [entry for row in block.rows for entry in row.entries]
    return bool(entries) and all(isinstance(e, OfCurves) and e.level is not None for e in entries)


def _place(entry: Entry, original: Entry | None, gold: Entry | None) -> float | None:
    """Where a score lies between original and gold; a margin or a strength has no place."""
    return place_between(entry, original, gold) if is_metric(entry.column.key) else None


def _view(results: Results, block: Block) -> dict[str, Any]:
    columns = [entry.column for entry in block.rows[0].entries]
    plain = [replace(column, role="") for column in columns]
    entries: dict[str, Sequence[Entry]] = {
        group.name: [make_entry(results, group, column) for column in plain]
        for group in results.of_size(block.forget_size)
        if group.control
    }
    original, gold = (
        entries.get(f"{name}/forget{block.forget_size:02d}", [None] * len(columns))
        for name in ("original", "gold")
    )
    entries |= {row.entries[0].group.name: row.entries for row in block.rows}
    runs = {name: number for number, name in enumerate(results.runs)}
    cells = {
        name: [
            {
                **cell_of(entry, _place(entry, *controls)),
                # The cells themselves first, then what they are scaled from and to.
                "runs": [runs[run] for run in dict.fromkeys((*entry.group.runs, *entry.behind))],
            }
            for entry, *controls in zip(of_row, original, gold, strict=True)
        ]
        for name, of_row in entries.items()
    }
    return {
        "topic": block.topic,
        "size": block.forget_size,
        "columns": [
            {"key": column.key, "header": column.header, "digits": column.digits}
            for column in columns
        ],
        "cells": cells,
    }
