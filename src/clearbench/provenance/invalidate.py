"""Marking results as untrusted: the next run makes them and all that depends on them again."""

import getpass
import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime

from clearbench.errors import UserError, unknown
from clearbench.jobs.artifacts import INVALID
from clearbench.results.tree import Tree
from clearbench.suite.artifact import Artifact
from clearbench.suite.graph import Graph


def select(graph: Graph, where: Mapping[str, str]) -> list[Artifact]:
    """The artifacts with some labels (`method`, `seed`, …), and all that are made from them.

    Raises UserError for an unknown label, and where none is found.
    """
    known: dict[str, set[str]] = {}
    for artifact in graph:
        for key, value in labels(artifact).items():
            known.setdefault(key, set()).add(value)
    for key, value in where.items():
        if key not in known:
            raise UserError(f"--where {key}: {unknown(key, sorted(known))}")
        if value not in known[key]:
            allowed = ", ".join(sorted(known[key]))
            raise UserError(f"--where {key}={value}: none here; there are: {allowed}")
    names = [a.name for a in graph if where.items() <= labels(a).items()]
    if not names:
        shown = " ".join(f"{key}={value}" for key, value in where.items())
        raise UserError(f"--where {shown}: no artifact of the suite has all of these")
    return graph.descendants(*names)


def labels(artifact: Artifact) -> dict[str, str]:
    """What an artifact is found by: its rule and what it is of."""
    values: dict[str, object] = {"stage": artifact.rule}
    if artifact.run is not None and artifact.run.cell is not None:
        values.update(vars(artifact.run.cell), row=artifact.run.row)
        if artifact.run.choice is not None:
            values["point"] = artifact.run.choice
        if artifact.run.request is not None:
            values["request"] = artifact.run.request
        if artifact.run.stress is not None:
            values["stress"] = artifact.run.stress
        if "strength" in artifact.options:
            values["strength"] = artifact.options["strength"]
    else:
        names = ("method", "forget_size", "seed")
        options = {name: artifact.options.get(name) for name in names}
        values.update({name: value for name, value in options.items() if value is not None})
    return {key: str(value) for key, value in values.items()}


def made(tree: Tree, artifacts: list[Artifact]) -> list[str]:
    """The names of those artifacts that have been made."""
    return [a.name for a in artifacts if tree.manifest_digest(a.name) is not None]


def mark(tree: Tree, names: list[str], reason: str) -> None:
    """Mark artifacts as untrusted.

    The reason, the time and the user go on into the provenance record of what replaces them.
    """
    note = {
        "reason": reason,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "by": _user(),
    }
    for name in names:
        path = tree.root / name / INVALID
        path.write_text(json.dumps(note, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _user() -> str:
    """The user's name, or number where the machine knows no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
