"""Leaderboard: the runs of several groups on one page, each row with whose it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clearbench.metrics.definitions import HEADLINE, definition_of
from clearbench.report.numbers import cell_of, columns_of
from clearbench.report.page import render_leaderboard
from clearbench.results.runs import Results
from clearbench.tables.base import Column, make_entry


@dataclass(frozen=True)
class Contribution:
    """A published run: its numbers, None where they cannot be read, and what does not hold of it.

    `whose` is who ran it, `signed` by whom it is signed, empty for nobody; its scores were `remade`
    from the records, or are as it tells them. `data` is the checksum of the dataset; `commit` what
    its jobs were run with.
    """

    name: str
    whose: str
    signed: str
    faults: tuple[str, ...]
    remade: bool
    results: Results | None
    data: str
    commit: str

    @property
    def hardware(self) -> str:
        """All kinds of hardware that its jobs computed on."""
        if self.results is None:
            return ""
        kinds = {kind for kinds in self.results.hardware.values() for kind in kinds}
        return ", ".join(sorted(kinds))


def leaderboard(contributions: Sequence[Contribution]) -> str:
    """The text of the page's file."""
    return render_leaderboard(
        {"crates": list(map(_crate, contributions)), "boards": boards(contributions)}
    )


def _crate(one: Contribution) -> dict[str, Any]:
    file = None if one.results is None else one.results.suite.file
    return {
        "name": one.name,
        "whose": one.whose,
        "signed": one.signed,
        "faults": one.faults,
        "scores": "made again" if one.remade else "as told",
        "model": file.model if file else "",
        "dataset": file.dataset if file else "",
        "seeds": ", ".join(map(str, file.seeds)) if file else "",
        "hardware": one.hardware,
        "commit": one.commit,
    }


def boards(contributions: Sequence[Contribution]) -> list[dict[str, Any]]:
    """A table for each dataset, model and forget size, with the rows of all who have these."""
    rows: dict[tuple[str, str, str, int], list[dict[str, Any]]] = {}
    columns = _columns(contributions)
    for place, one in enumerate(contributions):
        if one.results is None:
            continue
        file = one.results.suite.file
        for size in file.forget_sizes:
            board = rows.setdefault((file.dataset, one.data, file.model, size), [])
            for group in one.results.of_size(size):
                entries = {
                    key: make_entry(one.results, group, column) for key, column in columns.items()
                }
                told = {
                    "crate": place,
                    "method": group.method,
                    "modality": group.modality,
                    "seeds": max((len(entry.values) for entry in entries.values()), default=0),
                    "cells": {key: cell_of(entry) for key, entry in entries.items()},
                }
                board.append(told)
    return [_board(key, several, columns) for key, several in sorted(rows.items())]


def _columns(contributions: Sequence[Contribution]) -> dict[str, Column]:
    """The headline numbers that any of them has, by key."""
    return {
        column.key: column
        for one in contributions
        if one.results is not None
        for column in columns_of(one.results)
        if definition_of(column.key) == HEADLINE.name
    }


def _board(
    key: tuple[str, str, str, int], rows: list[dict[str, Any]], columns: Mapping[str, Column]
) -> dict[str, Any]:
    dataset, data, model, size = key
    shown = [key for key in columns if any("mean" in row["cells"][key] for row in rows)]
    return {
        "title": f"{dataset} ({data[:12]}), {model}, forget {size} %",
        "keys": shown,
        "headers": [columns[key].header for key in shown],
        "rows": [{**row, "cells": [row["cells"][key] for key in shown]} for row in rows],
    }
