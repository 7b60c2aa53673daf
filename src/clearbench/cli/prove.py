"""Whether results are current and proven, and what is not to be trusted."""

import json
import os
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import click

from clearbench.cli.naming import of_suite, results_option
from clearbench.errors import UserError

if TYPE_CHECKING:
    from clearbench.jobs.environment import Accepted
    from clearbench.results.tree import Tree
    from clearbench.suite.artifact import Artifact
    from clearbench.suite.graph import Graph

as_json_option = click.option("--json", "as_json", is_flag=True, help="Print data instead of text.")


@click.command()
@of_suite("cell|file")
@results_option
@as_json_option
def why(target: str | None, suite: str, results: Path, as_json: bool) -> None:
    """Tell whether results are current, and if not, why.

    CELL is a run as npo/text/forget10/seed0, FILE a file or folder of the results tree; without
    either, the suite's cells are counted by cause.
    """
    from clearbench.provenance.why import explain, origin_of, summarise
    from clearbench.results.siblings import look_ahead

    suite = _suite_of(target, results, suite)
    graph, tree, environments = open_suite(suite, results)
    prospect = look_ahead(graph, tree, environments)
    statuses, origins = prospect.now, prospect.origins
    chosen = list(statuses)
    if target is not None:
        chosen = [
            artifact.name for artifact in graph.ancestors(_artifact(target, graph, tree).name)
        ]
    if as_json:
        data = {
            name: {
                "current": statuses[name].current,
                "causes": [vars(cause) for cause in statuses[name].causes],
                "waits": list(statuses[name].waits),
                "unlocked": dict(statuses[name].unlocked),
                "taken_over": origin_of(statuses[name], tree),
                "to_take_over": origins.get(name),
            }
            for name in chosen
        }
        click.echo(json.dumps(data, indent=1))
        return
    if target is None:
        lines = summarise(graph, statuses, tree, origins)
    else:
        last = statuses[chosen[-1]]
        click.echo(f"{last.artifact.name}: {'current' if last.current else 'not current'}")
        lines = explain((statuses[name] for name in chosen), tree, origins)
    for line in lines:
        click.echo(line)


@click.command()
@click.option(
    "--where",
    multiple=True,
    required=True,
    metavar="KEY=VALUE",
    help="Which results: by stage, row, method, modality, forget_size, seed; all given must hold.",
)
@click.option("--reason", required=True, help="Why they are not to be trusted; kept on record.")
@click.option("--dry-run", is_flag=True, help="Tell which, and mark none.")
@of_suite()
@results_option
def invalidate(
    where: tuple[str, ...], reason: str, dry_run: bool, suite: str, results: Path
) -> None:
    """Mark results as untrusted; the next run makes them and all that depends on them again."""
    from clearbench.provenance.invalidate import made, mark, select

    if not reason.strip():
        raise UserError("--reason: empty; say why they are not to be trusted")
    pairs = {}
    for text in where:
        key, equals, value = text.partition("=")
        if not equals:
            raise UserError(f"--where {text}: write KEY=VALUE")
        pairs[key] = value
    graph, tree, _ = open_suite(suite, results)
    names = made(tree, select(graph, pairs))
    if not dry_run:
        mark(tree, names, reason)
    for name in names:
        click.echo(name)
    verb = "would be" if dry_run else "are"
    click.echo(f"{len(names)} artifacts {verb} marked as untrusted", err=True)


@click.command()
@of_suite()
@results_option
@click.option("--fast", is_flag=True, help="Take digests from manifests; read and compute nothing.")
@click.option("--cell", metavar="RUN[:METRIC]", help="Show the chain of one cell.")
@click.option("--reexecute", is_flag=True, help="Run the cell's jobs again, compare the bytes.")
@as_json_option
def audit(
    suite: str, results: Path, fast: bool, cell: str | None, reexecute: bool, as_json: bool
) -> None:
    """Prove every cell of every table, down to the data; exit status 1 if one is broken.

    RUN is as npo/text/forget10/seed0 or gold/forget10/seed0.
    """
    from clearbench.provenance.audit import Audit

    if reexecute and cell is None:
        raise UserError("--reexecute: name the cell, with --cell")
    graph, tree, environments = open_suite(suite, results)
    proof = Audit(graph, tree, environments, fast)
    if cell is None:
        _audit_all(proof, as_json)
    elif reexecute:
        _reexecute(graph, tree, cell)
    else:
        _audit_cell(graph, tree, proof, cell, as_json)


def _audit_all(proof: Any, as_json: bool) -> None:
    cells = proof.cells()
    broken = {f"{table} {cell}": link for (table, cell), link in cells.items() if link}
    files = [] if broken else proof.files()
    mixed = proof.mixed_hardware()
    if as_json:
        told = {"cells": len(cells), "broken": broken, "files": files, "mixed_hardware": mixed}
        click.echo(json.dumps(told, indent=1))
    else:
        for name, link in broken.items():
            click.echo(f"{name}: {link}")
        for line in files:
            click.echo(line)
        if mixed:
            click.echo(mixed)
        ending = f"{len(broken)} broken" if broken else "all hold"
        click.echo(f"{len(cells)} cells, {ending}", err=bool(broken or files))
    if broken or files:
        raise SystemExit(1)


def _audit_cell(graph: "Graph", tree: "Tree", proof: Any, cell: str, as_json: bool) -> None:
    from clearbench.provenance.chain import broken_links, chain, draw

    root = chain(graph, tree, cell, proof.broken_link)
    if as_json:
        click.echo(json.dumps(root, indent=1))
    else:
        for line in draw(root):
            click.echo(line)
    if broken_links(root):
        raise SystemExit(1)


def _reexecute(graph: "Graph", tree: "Tree", cell: str) -> None:
    from clearbench.provenance.reexecute import reexecute

    differing = False
    for line, same in reexecute(graph, tree, cell.partition(":")[0]):
        click.echo(line)
        differing |= not same
    if differing:
        raise SystemExit(1)


def open_suite(suite: str, results: Path) -> "tuple[Graph, Tree, Accepted]":
    """What commands look at: a suite's graph, its results, and the environments that count."""
    from clearbench.jobs import packages
    from clearbench.jobs.environment import accepted_here
    from clearbench.results.tree import Tree
    from clearbench.suite.graph import Graph
    from clearbench.suite.load import load_suite

    chosen = load_suite(suite, Path.cwd())
    unlocked = packages.unlocked()
    if unlocked:
        click.echo(f"clearbench: {packages.remark(unlocked)}", err=True)
    return Graph(chosen), Tree(results / chosen.name), accepted_here()


def _suite_of(target: str | None, results: Path, suite: str) -> str:
    """The suite that a file of the results tree belongs to; the one given for another target.

    The results do not tell where the file of a suite lies, which the one given may.
    """
    from clearbench.suite.load import suite_name

    path = None if target is None else _below(target, results)
    if path is None or not path.parts or path.parts[0] == suite_name(suite):
        return suite
    return path.parts[0]


def _below(target: str, root: Path) -> Path | None:
    """A target's path from a folder that it lies in; as it is written, or as its links lead."""
    for lead in (os.path.abspath, os.path.realpath):
        path, folder = Path(lead(target)), Path(lead(root))
        if path.is_relative_to(folder):
            return path.relative_to(folder)
    return None


def _artifact(target: str, graph: "Graph", tree: "Tree") -> "Artifact":
    """The artifact that a target is, or is a file of; of a run, its scores."""
    if target in graph.runs:
        return graph[graph.runs[target].scores]
    path = _below(target, tree.root)
    name = target if path is None else path.as_posix()
    for candidate in (PurePosixPath(name), *PurePosixPath(name).parents):
        if str(candidate) in graph:
            return graph[str(candidate)]
    known = ", ".join(list(graph.runs)[:3])
    raise UserError(
        f"{target}: neither a file below {tree.root} that the suite makes, nor a run; runs are"
        f" {known}, …"
    )
