"""Tabulate: all tables and figures of a suite, and where the tables' numbers stand."""

from functools import cache
from pathlib import Path

from clearbench.figures.documents import pictures
from clearbench.jobs.job import Job
from clearbench.results.read import read_results, unproven
from clearbench.results.runs import Results
from clearbench.results.tree import Tree, sources_of
from clearbench.suite.graph import TABLES, Graph
from clearbench.suite.suite import Suite
from clearbench.tables.documents import documents


def run(suite: Suite, results: Path, partial: bool, out: Path) -> None:
    """Write a table's `NAME.csv`, `.md`, `.tex` and `.sources.json`, a figure's `.svg` and `.pdf`.

    Of all of them; `results` is the suite's results tree. Every run that the suite asks for must
    have its scores, or UserError names the first that has not; if `partial`, the tables show it as
    missing.
    """
    graph = Graph(suite)
    tables = graph[TABLES]
    inputs, reads = sources_of(tables, results, partial)

    @cache
    def read() -> Results:
        return read_results(graph, Tree(results))

    def work(job: Job) -> None:
        for name, text in documents(read()).items():
            (job.folder / name).write_text(text, encoding="utf-8")
        for name, picture in pictures(read()).items():
            (job.folder / name).write_bytes(picture)

    settings = {**tables.options, **unproven(read), **({"partial": True} if partial else {})}
    Job("tabulate", out, inputs, settings, reads, diverges=False).run(work)
