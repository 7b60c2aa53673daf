"""Tables: all tables of a suite as they are printed, each number with the runs behind it."""

import json
from typing import Any

from clearbench.results.runs import Results
from clearbench.tables.base import Entry, Table
from clearbench.tables.documents import tables_of
from clearbench.tables.remarks import make_remarks
from clearbench.tables.render import notes_of

LARGEST = 1_500_000
"""Bytes that a table may take; of a larger one the page names the file."""


def printed(results: Results) -> list[dict[str, Any]]:
    """Each table with its notes and blocks; a number is its text, its value, its key, its runs."""
    remarks = make_remarks(results)
    places = {name: number for number, name in enumerate(results.runs)}
    found = []
    for name, table in tables_of(results).items():
        behind: dict[tuple[int, ...], int] = {}
        told: dict[str, Any] = {
            "name": name,
            "title": table.title,
            "notes": notes_of(table, results, remarks),
            "blocks": _blocks(table, places, behind),
            "behind": [list(runs) for runs in behind],
        }
        if len(json.dumps(told)) > LARGEST:
            told |= {"blocks": [], "behind": [], "left_out": True}
        found.append(told)
    return found


def _blocks(
    table: Table, places: dict[str, int], behind: dict[tuple[int, ...], int]
) -> list[dict[str, Any]]:
    return [
        {
            "size": block.forget_size,
            "topic": block.topic,
            "headers": block.headers,
            "rows": [
                [list(row.labels), [_number(entry, places, behind) for entry in row.entries]]
                for row in block.rows
            ],
        }
        for block in table.blocks
    ]


def _number(entry: Entry, places: dict[str, int], behind: dict[tuple[int, ...], int]) -> list[Any]:
    runs = tuple(places[name] for name in entry.behind)
    return [entry.text, entry.mean, entry.column.metric, behind.setdefault(runs, len(behind))]
