"""The page of a suite: the data of all panels, inlined into one file."""

from typing import Any

from clearbench.report.answers import answers_of
from clearbench.report.equal import equal_of
from clearbench.report.head import head_of
from clearbench.report.numbers import columns_of, entries_of, numbers_of
from clearbench.report.page import render
from clearbench.report.proof import proof_of
from clearbench.report.shared import Shared
from clearbench.report.tables import printed
from clearbench.report.tradeoff import tradeoff_of
from clearbench.results.runs import Results
from clearbench.results.tree import Tree
from clearbench.suite.graph import Graph
from clearbench.tables.documents import tables_of

PAGE = "report.html"


def document(graph: Graph, tree: Tree, results: Results, real_persons: bool = False) -> str:
    """The text of the page's file; samples about real persons are in it if asked for."""
    return render(panels(graph, tree, results, real_persons))


def panels(
    graph: Graph, tree: Tree, results: Results, real_persons: bool = False
) -> dict[str, Any]:
    """The data of each panel by its name, as JSON has it."""
    columns = columns_of(results)
    entries = entries_of(results, columns)
    tables = tables_of(results)
    shared = Shared()
    return {
        "head": head_of(graph, tree, results, columns, entries, tables),
        "numbers": numbers_of(results, columns, entries),
        "equal": equal_of(results, tables),
        "tradeoff": tradeoff_of(results, columns),
        "answers": answers_of(graph, tree, results, real_persons),
        "proof": proof_of(graph, tree, results, columns, shared),
        "tables": printed(results, tables),
        "shared": shared.texts,
    }
