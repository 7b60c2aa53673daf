"""Tabulate: all tables of a suite, as CSV, Markdown and LaTeX, and where their numbers stand."""

from pathlib import Path

from clearbench.jobs.artifacts import MANIFEST, PROVENANCE
from clearbench.jobs.job import Job
from clearbench.results.read import read_results
from clearbench.results.tree import Tree
from clearbench.suite.graph import TABLES, Graph
from clearbench.suite.suite import Suite
from clearbench.tables.documents import documents


def run(suite: Suite, results: Path, partial: bool, out: Path) -> None:
    """Write `NAME.csv`, `.md`, `.tex` and `.sources.json` of each table.

    `results` is the suite's results tree. Every run that the suite asks for must have its scores,
    or UserError names the first that has not; if `partial`, the tables show it as missing.
    """
    graph = Graph(suite)
    tables = graph[TABLES]
    inputs = {name: results / source for name, source in tables.inputs.items()}
    reads = {f"{name}/{PROVENANCE}": results / name / PROVENANCE for name in tables.reads}
    if partial:
        inputs = {name: folder for name, folder in inputs.items() if (folder / MANIFEST).is_file()}
        reads = {name: path for name, path in reads.items() if path.is_file()}

    def work(job: Job) -> None:
        for name, text in documents(read_results(graph, Tree(results))).items():
            (job.folder / name).write_text(text, encoding="utf-8")

    settings = {**tables.options, "partial": True} if partial else tables.options
    Job("tabulate", out, inputs, settings, reads, diverges=False).run(work)
