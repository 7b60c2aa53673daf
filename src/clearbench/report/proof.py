"""Proof: every run's numbers, and every artifact with how it was made and from which others."""

import json
import shlex
from collections.abc import Sequence
from typing import Any

from clearbench.errors import UserError
from clearbench.jobs.takeover import TAKEN_OVER
from clearbench.metrics.keys import Key
from clearbench.metrics.score import SCORES
from clearbench.report.head import state_of
from clearbench.report.shared import Shared
from clearbench.results.runs import Outcome, Results
from clearbench.results.tree import Tree
from clearbench.suite.artifact import Artifact
from clearbench.suite.graph import REPORT, Graph
from clearbench.tables.base import Column

FACTS = ("host", "gpu", "processor", "commit", "dirty")
TRAINED = ("steps", "first_loss", "last_loss")
FIELDS = (
    *("name", "stage", "from", "manifest", "record", "started", "seconds", "memory", "command"),
    *("settings", "code", "lock", "image", *FACTS, "diverged", "taken", "trained"),
)
"""What is told of an artifact, in this order, since the names of thousands would take megabytes."""


def proof_of(
    graph: Graph, tree: Tree, results: Results, columns: Sequence[Column], shared: Shared
) -> dict[str, Any]:
    """Runs and artifacts, which name each other by number; long texts are `shared`."""
    names = list(graph[REPORT].reads)
    # As things flow, so that an input comes before what is made from it.
    ordered = [artifact for artifact in graph if artifact.name in set(names)]
    places = {artifact.name: number for number, artifact in enumerate(ordered)}
    return {
        "scores": SCORES,
        "runs": [_run(name, run, graph, columns, places) for name, run in results.runs.items()],
        "fields": FIELDS,
        "artifacts": [_artifact(artifact, tree, places, shared) for artifact in ordered],
    }


def _run(
    name: str, run: Outcome, graph: Graph, columns: Sequence[Column], places: dict[str, int]
) -> dict[str, Any]:
    """A run's state, and of each column its number with the ends of its interval."""
    document = run.documents.get("score")
    numbers = {} if document is None else document.numbers
    values = []
    for column in columns:
        low, high = Key.parse(column.key).interval
        triple = [numbers.get(key) for key in (column.key, low, high)]
        within = (min(max(end, column.low), column.high) for end in triple[1:] if end is not None)
        ends = [] if None in triple else [round(end, 6) for end in within]
        values.append(None if triple[0] is None else [triple[0], *ends])
    told = {
        "name": name,
        "state": state_of(run),
        "reason": run.reason,
        "artifact": places[graph.runs[name].scores],
        "values": values if document is not None else [],
    }
    return {key: value for key, value in told.items() if value not in ("", [])}


def _artifact(artifact: Artifact, tree: Tree, places: dict[str, int], shared: Shared) -> list[Any]:
    """The fields of an artifact, to the last that it has; without a record, the first few."""
    told = _told(artifact, tree, places, shared)
    fields = [told.get(field) for field in FIELDS]
    while fields[-1] in (None, []):
        fields.pop()
    return fields


def _told(artifact: Artifact, tree: Tree, places: dict[str, int], shared: Shared) -> dict[str, Any]:
    told: dict[str, Any] = {
        "name": artifact.name,
        "stage": shared.number(artifact.stage),
        "from": [[shared.number(key), places[source]] for key, source in artifact.inputs.items()],
        "manifest": tree.manifest_digest(artifact.name),
        "record": tree.record_digest(artifact.name),
    }
    try:
        record = tree.record(artifact.name)
    except UserError:
        return told
    facts = record.facts
    measures = facts.get("measures", {})
    told |= {key: shared.number(str(facts[key])) for key in FACTS if facts.get(key)}
    told |= {
        "settings": shared.number(json.dumps(dict(record.recipe.settings), sort_keys=True)),
        "code": shared.number(str(facts["fingerprint"])),
        "lock": record.recipe.lock and shared.number(record.recipe.lock),
        "image": record.recipe.image and shared.number(record.recipe.image),
        "started": facts["started"],
        "seconds": facts["seconds"],
        "memory": facts.get("peak_memory_bytes"),
        # A word is often that of many jobs, as settings and folders are.
        "command": shared.numbers(shlex.quote(word) for word in facts["command"]),
        "diverged": facts["step"] if facts["status"] == "diverged" else None,
        "trained": [measures[key] for key in TRAINED] if measures.keys() >= set(TRAINED) else None,
        "taken": [shared.number(str(taken["from"])) for taken in facts.get(TAKEN_OVER, ())],
    }
    return told
