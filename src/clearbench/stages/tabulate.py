"""Tabulate: all tables of a suite, as CSV, Markdown and LaTeX, and where their numbers stand."""

import json
from pathlib import Path

from clearbench.artifacts import MANIFEST
from clearbench.fingerprint import submodules
from clearbench.job import Job
from clearbench.layout import Layout
from clearbench.suite import Suite
from clearbench.tables import builders
from clearbench.tables.base import Table
from clearbench.tables.read import read_results
from clearbench.tables.remarks import make_remarks
from clearbench.tables.render import to_csv, to_latex, to_markdown
from clearbench.tables.results import plan

PLUGINS = (*submodules("clearbench.tables"), *submodules("clearbench.metrics"))


def run(suite: Suite, results: Path, partial: bool, out: Path) -> None:
    """Write `NAME.csv`, `.md`, `.tex` and `.sources.json` of each table.

    `results` is the suite's results tree. Every run that the suite asks for must have its scores,
    or UserError names the first that has not; if `partial`, the tables show it as missing.
    """
    layout = Layout(results)
    runs = [name for group in plan(suite) for name in group.runs]
    inputs = {name: layout.scored(name) for name in runs}
    if partial:
        inputs = {name: folder for name, folder in inputs.items() if (folder / MANIFEST).is_file()}
    settings = {"suite": suite.name, "partial": partial, "runs": runs}
    with Job("tabulate", out, inputs, settings, PLUGINS) as job:
        found = read_results(suite, layout, job.inputs)
        remarks = make_remarks(found)
        for name, build in builders().items():
            table = build(found)
            texts = {
                "csv": to_csv(table),
                "md": to_markdown(table, found, remarks),
                "tex": to_latex(table, found, remarks),
                "sources.json": _sources(table),
            }
            for ending, text in texts.items():
                (job.folder / f"{name}.{ending}").write_text(text, encoding="utf-8")


def _sources(table: Table) -> str:
    """The path below the results and the key of every number, by the names of the entries."""
    sources = {
        name: [[source.path, source.key] for source in entry.sources]
        for name, entry in table.entries.items()
    }
    return json.dumps(sources, indent=1) + "\n"
