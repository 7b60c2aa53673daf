"""The files of all tables: every format of each, and where its numbers stand."""

import json

from clearbench.results.runs import Results
from clearbench.tables import builders
from clearbench.tables.base import Table
from clearbench.tables.remarks import make_remarks
from clearbench.tables.render import to_csv, to_latex, to_markdown


def documents(results: Results) -> dict[str, str]:
    """The text of every table file by its name; a table that has no row for a suite has none."""
    remarks = make_remarks(results)
    texts = {}
    for name, build in builders(results.suite.domain).items():
        table = build(results)
        if table is None:
            continue
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
