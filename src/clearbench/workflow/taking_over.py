"""What other suites have made already is taken over before Snakemake lays out its jobs."""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from clearbench.jobs.artifacts import MANIFEST
from clearbench.jobs.environment import Accepted
from clearbench.provenance.why import from_elsewhere
from clearbench.results.currency import Status, assess
from clearbench.results.siblings import look_ahead, take_all
from clearbench.results.tree import Tree
from clearbench.suite.graph import Graph


def take_over(
    graph: Graph,
    root: Path,
    environments: Accepted,
    asked: Collection[str] | None,
    hold: Callable[[], None] | None,
) -> tuple[Mapping[str, Status], list[str]]:
    """Take over what there is of the artifacts that a run is asked for; None asks for all.

    Gives the statuses after that, and what is to be told. `hold` holds the results tree, before
    anything in it changes; without it, nothing is taken over and it is told what would be.
    """
    prospect = look_ahead(graph, Tree(root), environments, asked)
    if not prospect.sources:
        return prospect.now, []
    if hold is None:
        would = from_elsewhere(prospect.origins, "would be taken")
        return prospect.now, [f"{line}, and not made" for line in would]
    hold()
    outcomes = dict(take_all(graph, prospect))
    taken = {name: prospect.origins[name] for name, trouble in outcomes.items() if not trouble}
    troubles = [
        f"{name}: not taken over from {prospect.origins[name]}: {trouble}"
        for name, trouble in outcomes.items()
        if trouble
    ]
    lines = [*from_elsewhere(taken, "taken"), *troubles]
    return assess(graph, Tree(root), environments), lines


def asked_for(graph: Graph, root: Path, dag: Any) -> set[str] | None:
    """The artifacts that a run needs which names files; None where it names rules, as `all`."""
    if dag.targetrules:
        return None
    files = {Path(file).resolve() for file in dag.targetfiles}
    named = [
        artifact.name for artifact in graph if (root / artifact.name / MANIFEST).resolve() in files
    ]
    return {artifact.name for name in named for artifact in graph.ancestors(name)}
