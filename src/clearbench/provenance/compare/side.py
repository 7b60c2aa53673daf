"""One side of a comparison: a suite, a results tree or a crate, with its numbers."""

from dataclasses import dataclass
from pathlib import Path

from clearbench.errors import UserError
from clearbench.provenance.crate.read import Crate, is_crate
from clearbench.results.read import read_results
from clearbench.results.runs import Results
from clearbench.results.tree import Tree
from clearbench.suite.graph import Graph
from clearbench.suite.load import load_suite


@dataclass(frozen=True)
class Side:
    """What is compared, under the name that it was given; `results` are its numbers."""

    name: str
    graph: Graph
    tree: Tree
    results: Results


def open_side(name: str, results: Path, root: Path) -> Side:
    """What a name stands for: the folder of a crate or of a results tree, else a suite.

    The suite of a tree is the one that its folder is named for; suites and their files lie below
    `root`, their trees in `results`. Raises UserError for a name of nothing, and where no run is
    finished.
    """
    folder = Path(name)
    if is_crate(folder):
        crate = Crate(folder)
        side = Side(name, crate.graph, crate.tree, crate.results)
    else:
        is_tree = folder.is_dir() and not (root / "config" / f"{name}.yaml").is_file()
        suite = load_suite(folder.resolve().name if is_tree else name, root)
        tree = Tree(folder if is_tree else results / suite.name)
        graph = Graph(suite)
        side = Side(name, graph, tree, read_results(graph, tree))
    check_finished(name, side.tree.root, side.results, "compare")
    return side


def check_finished(name: str, root: Path, results: Results, purpose: str) -> None:
    """Raise UserError where no run of what a name stands for is finished; it lies below `root`."""
    runs = list(results.runs.values())
    if any(run.state == "ok" for run in runs):
        return
    stale = next((run.reason for run in runs if run.detail == "unproven"), None)
    if stale is not None:
        raise UserError(f"{name}: no run below {root} is current ({stale}); run snakemake first")
    raise UserError(f"{name}: no finished run below {root}; nothing to {purpose}")
