"""Tables: all tables of a suite as they are printed, each number with the runs behind it."""

import json
from collections.abc import Mapping
from typing import Any

from clearbench.results.runs import Results
from clearbench.tables.base import Entry, Table
from clearbench.tables.difference import DIFFERENCE
from clearbench.tables.remarks import make_remarks
from clearbench.tables.render import notes_of

BUDGET = 3_000_000
"""Bytes that all tables may take together; of the largest ones the page then names the file."""


PANELS = (
    *("stress", "requests", "fairness", "membership", "noise", "selection"),
    *("published_vs_paper", "claims", "cost", "overhead"),
)
"""The tables that are drawn, each in a panel of its own, in this order.

After them come those that show how far numbers lie from published ones; all others are folded.
"""


def printed(results: Results, tables: Mapping[str, Table]) -> list[dict[str, Any]]:
    """Each table with its notes and blocks; a number is its text, its value, its key, its runs.

    In a table that is drawn, the ends of its interval as well.
    """
    remarks = make_remarks(results)
    places = {name: number for number, name in enumerate(results.runs)}
    panels = []
    for name, table in tables.items():
        behind: dict[tuple[int, ...], int] = {}
        drawn = _drawn(name, table)
        told: dict[str, Any] = {
            "name": name,
            "title": table.title,
            "drawn": drawn,
            "notes": notes_of(table, results, remarks),
            "blocks": _blocks(table, places, behind, drawn is not None),
            "behind": [list(runs) for runs in behind],
        }
        panels.append(told)
    return _within(panels)


def _drawn(name: str, table: Table) -> dict[str, int] | None:
    """The place of a table's panel among those that are drawn; None for no panel.

    And the block and the number that it begins with: the first, or the first difference.
    """
    if name in PANELS:
        return {"order": PANELS.index(name), "block": 0, "number": 0}
    for place, block in enumerate(table.blocks):
        for number, entry in enumerate(block.rows[0].entries if block.rows else ()):
            if entry.column.role == DIFFERENCE:
                return {"order": len(PANELS), "block": place, "number": number}
    return None


def _within(tables: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The tables without the numbers of those that the budget does not hold, the smallest first."""
    taken = 0
    for size, place in sorted((len(json.dumps(told)), place) for place, told in enumerate(tables)):
        taken += size
        if taken > BUDGET:
            tables[place] |= {"blocks": [], "behind": [], "left_out": True}
    return tables


def _blocks(
    table: Table, places: dict[str, int], behind: dict[tuple[int, ...], int], drawn: bool
) -> list[dict[str, Any]]:
    return [
        {
            "size": block.forget_size,
            "topic": block.topic,
            "headers": block.headers,
            "rows": [
                [list(row.labels), [_number(entry, places, behind, drawn) for entry in row.entries]]
                for row in block.rows
            ],
        }
        for block in table.blocks
    ]


def _number(
    entry: Entry, places: dict[str, int], behind: dict[tuple[int, ...], int], drawn: bool
) -> list[Any]:
    runs = tuple(places[name] for name in entry.behind)
    number = [entry.text, entry.mean, entry.column.metric, behind.setdefault(runs, len(behind))]
    return [*number, *entry.interval] if drawn and entry.interval else number
