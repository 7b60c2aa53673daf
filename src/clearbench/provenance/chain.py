"""The chain of one cell: from a number back to the data, as data and as a tree to read."""

import json
from collections.abc import Callable, Iterator
from typing import Any

from clearbench.errors import UserError
from clearbench.jobs.takeover import TAKEN_OVER
from clearbench.metrics.score import SCORES
from clearbench.results.tree import Tree
from clearbench.suite.graph import Graph

_TOLD = (
    "started",
    "seconds",
    "host",
    "gpu",
    "slurm",
    "commit",
    "dirty",
    "commit_unknown",
    "command",
    TAKEN_OVER,
)


def chain(graph: Graph, tree: Tree, cell: str, broken: Callable[[str], str | None]) -> Any:
    """The chain of `RUN` or `RUN:METRIC` as nested data; an artifact met twice is told once.

    `broken` tells what is broken of an artifact. Raises UserError for an unknown run or metric.
    """
    run, colon, metric = cell.partition(":")
    if colon and not metric:
        raise UserError(f"{cell}: no score behind the colon; leave it out, or name one")
    if run not in graph.runs:
        known = ", ".join(list(graph.runs)[:3])
        raise UserError(f"{cell}: no run of suite {graph.suite.name}; runs are {known}, …")
    root: dict[str, Any] = {"cell": cell}
    if metric:
        path = tree.root / graph.runs[run].scores / SCORES
        try:
            scores = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UserError(f"{path}: cannot be read ({error})") from None
        if metric not in scores:
            raise UserError(f"{path}: no {metric}; there are {', '.join(scores)}")
        root.update(value=scores[metric], file=str(path), key=metric)
    told: set[str] = set()
    root["made from"] = {"scores": _tell(graph, tree, graph.runs[run].scores, broken, told)}
    return root


def _tell(
    graph: Graph, tree: Tree, name: str, broken: Callable[[str], str | None], told: set[str]
) -> dict[str, Any]:
    if name in told:
        return {"artifact": name, "see": "above"}
    told.add(name)
    node: dict[str, Any] = {"artifact": name, "broken": broken(name)}
    node["manifest"] = tree.manifest_digest(name)
    try:
        record = tree.record(name)
        node["fingerprint"] = record.facts["fingerprint"]
        node["settings"] = dict(record.recipe.settings)
        node.update(lock=record.recipe.lock, image=record.recipe.image)
        node.update({key: record.facts.get(key) for key in _TOLD})
    except UserError:
        # What is broken says it already.
        pass
    inputs = graph[name].inputs
    node["made from"] = {
        key: _tell(graph, tree, source, broken, told) for key, source in inputs.items()
    }
    return node


def broken_links(node: Any) -> list[str]:
    """What is broken in a chain, in the flow's order."""
    below = [
        link
        for child in node["made from"].values()
        if "see" not in child
        for link in broken_links(child)
    ]
    return [*below, node["broken"]] if node.get("broken") else below


def draw(root: Any) -> Iterator[str]:
    """A chain as the lines of a tree."""
    value = f" = {root['value']!r}" if "value" in root else ""
    yield f"{root['cell']}{value}"
    yield from _branches(root["made from"], "")


def _branches(children: dict[str, Any], indent: str) -> Iterator[str]:
    for number, (key, child) in enumerate(children.items(), start=1):
        last = number == len(children)
        yield f"{indent}{'└─' if last else '├─'} {key}: {_line(child)}"
        below = indent + ("   " if last else "│  ")
        if "see" not in child:
            bar = "│" if child["made from"] else " "
            for line in _details(child):
                yield f"{below}{bar}  {line}"
            yield from _branches(child["made from"], below)


def _line(child: dict[str, Any]) -> str:
    if "see" in child:
        return f"{child['artifact']} (above)"
    return f"{child['artifact']}  {'BROKEN' if child['broken'] else 'ok'}"


def _details(child: dict[str, Any]) -> Iterator[str]:
    if child["broken"]:
        yield f"broken: {child['broken']}"
    if "started" not in child:
        return
    commit = f"commit unknown ({child['commit_unknown']})"
    if child["commit"]:
        commit = child["commit"][:12] + (" with changes" if child["dirty"] else "")
    machine = ", ".join(filter(None, [child["host"], child["gpu"]]))
    yield f"manifest {_short(child['manifest'])}, code {_short(child['fingerprint'])}, {commit}"
    yield (
        f"{child['started']}, {child['seconds']} s on {machine}"
        f", lock {_short(child['lock'])}, image {_short(child['image'])}"
    )
    for taken in child[TAKEN_OVER] or ():
        yield f"taken over from {taken['from']} (record {_short(taken['record'])}), {taken['at']}"


def _short(digest: str | None) -> str:
    return digest[:12] if digest else "none"
