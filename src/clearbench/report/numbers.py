"""Numbers: the rows of a suite by headline numbers, and where each lies from original to gold."""

from collections.abc import Mapping, Sequence
from typing import Any

from clearbench.metrics import better, is_metric, metric_of
from clearbench.metrics.definitions import DEFINITIONS, HEADLINE, OFFICIAL, TOFU, definition_of
from clearbench.metrics.keys import Key
from clearbench.results.headline import COLUMNS
from clearbench.results.runs import Group, Results
from clearbench.suite.rows.controls import SECOND_GOLD
from clearbench.tables.ahead import difference
from clearbench.tables.base import Column, Entry, make_entry, score_column
from clearbench.tables.caveats import failing
from clearbench.tables.measured import holm

HEADERS = COLUMNS | {"model_utility": "model utility", "forget_quality_ks_log10": "log10 p (KS)"}

PINNED = ("original", "gold", SECOND_GOLD)
"""The rows that all others are read beside."""

_BEYOND = 0.05
"""The p below which original and gold differ; of one seed nobody knows."""

Entries = Mapping[str, Sequence[Entry]]
"""The entries of each row, by the name of its group, in the order of the columns."""


def columns_of(results: Results) -> list[Column]:
    """The columns of the headline numbers that any score file has, under each definition."""
    known = results.score_keys()
    if results.suite.domain == "vision":
        whole = [key for key in known if is_metric(key)]
        return [score_column(key, Key.parse(key).metric.replace("_", " ")) for key in whole]
    named = dict.fromkeys((HEADLINE.name, TOFU.name, OFFICIAL.name, *results.suite.file.metrics))
    return [
        score_column(key, header, digits=3 if metric_of(key).low >= -1 else 1)
        for name in named
        for metric, header in HEADERS.items()
        if (key := DEFINITIONS[name].key(metric)) in known and is_metric(key)
    ]


def entries_of(results: Results, columns: Sequence[Column]) -> Entries:
    """The entries of all rows, bounds included."""
    return {
        group.name: [make_entry(results, group, column) for column in columns]
        for group in results.groups
    }


def numbers_of(results: Results, columns: Sequence[Column], entries: Entries) -> dict[str, Any]:
    """The columns, and the rows with a cell each; `runs` are those of the results, by number."""
    places = {name: number for number, name in enumerate(results.runs)}
    sizes = results.suite.file.forget_sizes
    broken = {group.name for size in sizes for group in failing(results, size)}
    rows = []
    for size in sizes:
        groups = results.of_size(size, bounds=True)
        near = _near_gold(results, groups, entries)
        for group in groups:
            cells = [
                cell_of(entry, _place(entries, size, number, entry), (group.name, number) in near)
                for number, entry in enumerate(entries[group.name])
            ]
            rows.append(_row(group, cells, group.name in broken, places))
    return {"columns": [_column(column) for column in columns], "rows": rows}


def _column(column: Column) -> dict[str, Any]:
    definition = definition_of(column.key)
    return {
        "key": column.key,
        "metric": Key.parse(column.key).metric,
        "definition": definition,
        "header": column.header,
        "better": better(column.key),
        "digits": column.digits,
    }


def _row(
    group: Group, cells: list[dict[str, Any]], broken: bool, places: Mapping[str, int]
) -> dict[str, Any]:
    kind = "bound" if group.bound else "control" if group.method in PINNED else "method"
    return {
        "name": group.name,
        "method": group.method,
        "modality": group.modality,
        "size": group.forget_size,
        "kind": kind,
        "broken": broken,
        "note": group.note,
        "runs": [places[run] for run in group.runs],
        "cells": cells,
    }


def cell_of(entry: Entry, place: float | None = None, near: bool = False) -> dict[str, Any]:
    """A cell; what it does not have is left out."""
    cell = {
        "text": entry.text,
        "mean": entry.mean,
        "std": entry.std,
        "interval": None if entry.interval is None else list(entry.interval),
        "place": None if place is None else round(place, 3),
        "near": near or None,
        "status": None if entry.status == "ok" else entry.status,
        "reason": "; ".join(
            dict.fromkeys(run.reason for run in entry.runs if run.state != "ok" and run.reason)
        ),
    }
    return {key: value for key, value in cell.items() if value not in (None, "")}


def _place(entries: Entries, size: int, number: int, entry: Entry) -> float | None:
    """Where a number lies beside those of the controls of a size."""
    original, gold = (
        of_control[number] if (of_control := entries.get(f"{name}/forget{size:02d}")) else None
        for name in ("original", "gold")
    )
    return place_between(entry, original, gold)


def place_between(entry: Entry, original: Entry | None, gold: Entry | None) -> float | None:
    """Where a number lies on the way from the original's, 0, to gold's, 1; beyond them further.

    None where the two lie within the noise of each other, or one is missing.
    """
    if entry.mean is None or original is None or gold is None:
        return None
    if original.mean is None or gold.mean is None or original.mean == gold.mean:
        return None
    apart = difference([(original, gold)])
    if apart is not None and apart.p > _BEYOND:
        return None
    return (entry.mean - original.mean) / (gold.mean - original.mean)


def _near_gold(results: Results, groups: Sequence[Group], entries: Entries) -> set[tuple[str, int]]:
    """The cells whose distance from gold is not beyond the noise, by row and number of the column.

    By the test of the ranking, for all rows of a column together; of one seed nobody knows, nor
    where gold has other seeds.
    """
    gold = next((group.name for group in groups if group.method == "gold"), None)
    if gold is None or len(results.suite.file.seeds) < 2:
        return set()
    near: set[tuple[str, int]] = set()
    rows = [group.name for group in groups if not group.control]
    for number, of_gold in enumerate(entries[gold]):
        measured = {
            name: difference([(entries[name][number], of_gold)])
            for name in rows
            if len(entries[name][number].runs) == len(of_gold.runs)
        }
        known = {name: one for name, one in measured.items() if one is not None}
        beyond = holm([one.p for one in known.values()])
        near |= {(name, number) for place, name in enumerate(known) if place not in beyond}
    return near
