"""The files of all tables: every format of each, and where its numbers stand."""

import json
from collections.abc import Mapping

from clearbench.results.runs import Results
from clearbench.tables import builders
from clearbench.tables.base import Table
from clearbench.tables.remarks import make_remarks
from clearbench.tables.render import to_csv, to_latex, to_markdown


def tables_of(results: Results) -> dict[str, Table]:
    """The tables of a suite by their names, those that have a row for it."""
    built = {name: build(results) for name, build in builders(results.suite.domain).items()}
    return {name: table for name, table in built.items() if table is not None}


def documents(results: Results) -> dict[str, str]:
    """The text of every table file by its name."""
    return texts_of(results, tables_of(results))


def texts_of(results: Results, tables: Mapping[str, Table]) -> dict[str, str]:
    """The same of tables that have been built."""
    remarks = make_remarks(results)
    texts = {}
    for name, table in tables.items():
        texts[f"{name}.csv"] = to_csv(table)
        texts[f"{name}.md"] = to_markdown(table, results, remarks)
        texts[f"{name}.tex"] = to_latex(table, results, remarks)
        texts[f"{name}.sources.json"] = _sources(table)
    return texts


def _sources(table: Table) -> str:
    """The path below the results and the key of every number, by the names of the entries."""
    sources = {
        name: [[source.path, source.key] for source in entry.sources]
        for name, entry in table.entries.items()
    }
    return json.dumps(sources, indent=1) + "\n"
