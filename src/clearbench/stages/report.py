"""Report: one page of a suite's results, to be opened in a browser from disk."""

from functools import cache
from pathlib import Path

from clearbench.jobs.artifacts import discard
from clearbench.jobs.job import Job
from clearbench.report.document import PAGE, document
from clearbench.results.read import read_results, unproven
from clearbench.results.runs import Results
from clearbench.results.tree import Tree, sources_of
from clearbench.suite.graph import REPORT, Graph
from clearbench.suite.suite import Suite

SO_FAR = "partial-report"
"""The folder of the page of what is done so far, below the suite's results; no artifact."""


def run(suite: Suite, results: Path, partial: bool, real_persons: bool, out: Path) -> None:
    """Write the page of a suite; `results` is its results tree.

    Every run must have its scores, or UserError names the first that has not; if `partial`, the
    page shows it as missing. Samples about the dataset's real persons are shown if `real_persons`.
    Beside the suite's whole page, that of what was done so far is out of date, and removed.
    """
    graph = Graph(suite)
    report = graph[REPORT]
    inputs, reads = sources_of(report, results, partial)

    tree = Tree(results)

    @cache
    def read() -> Results:
        return read_results(graph, tree)

    def work(job: Job) -> None:
        text = document(graph, tree, read(), real_persons)
        (job.folder / PAGE).write_text(text, encoding="utf-8")

    asked = {"partial": partial, "real_persons": real_persons}
    settings = {**report.options, **unproven(read)}
    settings |= {key: True for key, value in asked.items() if value}
    Job("report", out, inputs, settings, reads, diverges=False).run(work)
    if out.resolve() == (results / REPORT).resolve():
        discard(results / SO_FAR)
