"""Reading a suite's results tree: the one file of the tables that reads files."""

import json
import math
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from clearbench.data.tasks import Tasks
from clearbench.errors import UserError
from clearbench.jobs.artifacts import FAILURE, MANIFEST, PROVENANCE
from clearbench.jobs.environment import Accepted, accepted_here
from clearbench.jobs.record import digest
from clearbench.metrics.score import DRAWS, SCORES
from clearbench.results.currency import assess, failure_now
from clearbench.results.hardware import hardware
from clearbench.results.runs import Document, DocumentName, Outcome, Results, Source, groups_of
from clearbench.results.tree import Tree
from clearbench.suite.graph import Graph
from clearbench.suite.runs import Run, having_records


def read_results(
    graph: Graph,
    tree: Tree,
    broken: Callable[[str], str | None] | None = None,
    environments: Accepted | None = None,
) -> Results:
    """Read what there is of a suite's runs in its results tree.

    A run is failed where the job of a stage that it needs has failed. It is missing where one has
    not finished, or is not proven: by default, where it is not current, for what was made of other
    settings is no result of this suite; `broken` tells it by an artifact's name. Raises UserError
    for a damaged file.
    """
    here = environments or accepted_here()
    statuses = {} if broken else assess(graph, tree, here)

    def stale(name: str) -> str | None:
        link = tree.broken_link(graph[name])
        # That a job failed is told for itself, and only the scores' own damage would show here.
        causes = [c for c in statuses[name].causes if c.kind not in ("failed", "damaged")]
        return link or (f"{name}: {causes[0].kind}: {causes[0].text}" if causes else None)

    @cache
    def obstacle(name: str) -> Outcome | None:
        """What a run is that needs an artifact which is not there, or not proven."""
        before = filter(None, map(obstacle, graph[name].inputs.values()))
        return next(before, None) or own_obstacle(name)

    def own_obstacle(name: str) -> Outcome | None:
        stage = graph[name].rule
        missing = tree.manifest_digest(name) is None
        reason = f"{stage} not finished" if missing else (broken or stale)(name)
        if reason is None:
            return None
        failure = failure_now(graph[name], tree, here)
        if failure is not None:
            proof = Source(f"{name}/{FAILURE}", "message")
            return Outcome("failed", detail=stage, reason=f"{stage} failed: {failure}", proof=proof)
        return Outcome("missing", detail="" if missing else "unproven", reason=reason)

    tasks = graph.suite.tasks
    runs = {
        name: obstacle(run.scores) or _read_run(tree, run, tasks)
        for name, run in graph.runs.items()
    }
    finished = [graph.runs[name] for name, run in runs.items() if run.state == "ok"]
    made = {a.name: a for run in finished for a in graph.ancestors(run.scores)}
    return Results(
        graph.suite,
        groups_of(graph.runs.values()),
        runs,
        _twins(tree, [run for run in finished if run.plain]),
        hardware(made.values(), tree),
    )


def unproven(read: Callable[[], Results]) -> dict[str, Any]:
    """A setting of what shows results: the runs that it shows as not proven, by their reasons.

    None where all are proven. What proves them later may be the same bytes, by which nobody would
    know that tables and page have to be made again. What can't be read, the job itself tells.
    """
    try:
        runs = read().runs
    except UserError:
        return {}
    told = {name: run.reason for name, run in runs.items() if run.detail == "unproven"}
    return {"unproven": told} if told else {}


def _read_run(tree: Tree, run: Run, tasks: Tasks) -> Outcome:
    scored = run.scores
    manifest = tree.manifest(scored)
    if manifest.diverged:
        when = "evaluation" if manifest.step is None else f"step {manifest.step}"
        proof = Source(f"{scored}/{MANIFEST}", "status")
        return Outcome("diverged", detail=when, reason=f"diverged ({when})", proof=proof)
    contents = {}
    for name in (SCORES, DRAWS):
        known = manifest.files.get(name)
        path = f"{scored}/{name}"
        if known is None and name == DRAWS:
            continue
        content = _read(tree.root / path)
        if known is None or digest(content) != known.sha256:
            reason = f"{tree.root / path}: not the file that the job wrote"
            return Outcome("missing", detail="unproven", reason=reason)
        contents[name] = _numbers(content, name == DRAWS)
        if contents[name] is None:
            reason = f"{tree.root / path}: not numbers by name, as a job writes them"
            return Outcome("missing", detail="unproven", reason=reason)
    documents: dict[DocumentName, Document] = {
        "score": Document(f"{scored}/{SCORES}", contents[SCORES]),
        "evaluate": _cost(tree, run.records),
    }
    if run.trained:
        documents["train"] = _cost(tree, run.weights)
    return Outcome(documents=documents, draws=contents.get(DRAWS, {}), tasks=tasks)


def _numbers(content: bytes, of_draws: bool) -> Any:
    """What a file of scores, or of their draws, says by key; None for what no job writes."""
    try:
        numbers = json.loads(content)
        good = (
            isinstance(value, list)
            if of_draws
            else isinstance(value, int | float) and math.isfinite(value)
            for value in numbers.values()
        )
        return numbers if all(good) else None
    except (ArithmeticError, AttributeError, RecursionError, ValueError):
        return None


def _cost(tree: Tree, name: str) -> Document:
    """The numbers of a provenance record, those of its measures as `measures/NAME`."""
    facts = tree.record(name).facts
    measures = {f"measures/{key}": value for key, value in facts["measures"].items()}
    numbers = {
        key: value for key, value in {**facts, **measures}.items() if isinstance(value, int | float)
    }
    return Document(f"{name}/{PROVENANCE}", numbers)


def _twins(tree: Tree, runs: list[Run]) -> tuple[tuple[str, ...], ...]:
    """The runs with the same records, or the same unlearned weights.

    Both are compared: where evaluation is not bit-exact, equal weights give unequal records.
    """
    same: dict[tuple[str, ...], list[str]] = {}
    for run in having_records(runs):
        records = tree.manifest(run.records).files
        unlearned = tree.manifest(run.weights).files if run.cell else {}
        for files in (
            [entry.sha256 for _, entry in sorted(records.items())],
            [entry.sha256 for name, entry in unlearned.items() if name.endswith(".safetensors")],
        ):
            if files:
                same.setdefault(tuple(files), []).append(run.name)
    return tuple(dict.fromkeys(tuple(names) for names in same.values() if len(names) > 1))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error}); rerun") from None
