"""Which cells share a job of a cluster, with all that is made of them."""

from collections import defaultdict
from collections.abc import Collection

from clearbench.config.site import Site
from clearbench.suite.graph import Graph

_SHARING = ("unlearn", "relearn", "probe", "evaluate", "score")
"""The rules whose jobs make a cell of its original."""


def cells_of(graph: Graph) -> dict[int, list[list[str]]]:
    """The artifacts of each cell, by its seed: the layers, records and scores of its runs."""
    cells: dict[str, list[str]] = {}
    seeds: dict[int, list[list[str]]] = defaultdict(list)
    for run in graph.runs.values():
        weights = next((name for name in run.stack if name.startswith("unlearn/")), None)
        if run.cell is None or weights is None:
            continue
        if weights not in cells:
            cells[weights] = []
            seeds[run.cell.seed].append(cells[weights])
        for name in (*run.stack, run.records, run.scores):
            if name in graph and graph[name].rule in _SHARING and name not in cells[weights]:
                cells[weights].append(name)
    return seeds


def shared_jobs(graph: Graph, wanted: Collection[str], site: Site) -> dict[str, str]:
    """The name of the job that each of the wanted artifacts of cells shares.

    As many cells of a seed share one as have time limits that fit into the site's `group_minutes`
    together; none where a cell alone has more.
    """
    if site.group_minutes is None:
        return {}
    seeds = {
        seed: [left for names in cells if (left := [name for name in names if name in wanted])]
        for seed, cells in cells_of(graph).items()
    }

    def minutes(names: list[str]) -> int:
        return sum(
            site.minutes(graph.suite.model.need(graph[name].stage).minutes) for name in names
        )

    longest = max((minutes(names) for cells in seeds.values() for names in cells), default=1)
    together = site.minutes(site.group_minutes) // longest
    jobs = [
        cells[first : first + together]
        for cells in seeds.values()
        if together
        for first in range(0, len(cells), together)
    ]
    return {
        name: f"cells{number}"
        for number, cells in enumerate(jobs)
        for names in cells
        for name in names
    }
