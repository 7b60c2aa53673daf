"""What is made again from what lies below it, and whether it comes out as it is said to be."""

import json

from clearbench.metrics.score import DRAWS, SCORES
from clearbench.results.scoring import score
from clearbench.results.tree import Tree
from clearbench.suite.artifact import Artifact


def score_fault(artifact: Artifact, tree: Tree) -> str | None:
    """The first score of an artifact that its records do not give; None where there is none."""
    name = artifact.name
    if tree.manifest(name).diverged:
        return None
    folders = {key: tree.folder(source) for key, source in artifact.inputs.items()}
    scored = score(folders, **artifact.resolved)
    said = json.loads((tree.folder(name) / SCORES).read_text(encoding="utf-8"))
    for key in sorted(said.keys() | scored.scores.keys()):
        if said.get(key) != scored.scores.get(key):
            both = f"{said.get(key)}, its records give {scored.scores.get(key)}"
            return f"{name}/{SCORES}: {key} is {both}"
    path = tree.folder(name) / DRAWS
    drawn = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    for key in sorted(drawn.keys() | scored.draws.keys()):
        if drawn.get(key) != scored.draws.get(key):
            return f"{name}/{DRAWS}: {key} is not what its records give"
    return None


def first_difference(one: str, other: str) -> int | None:
    """The number of the first line that differs, from 1."""
    lines = one.splitlines(), other.splitlines()
    for number, (left, right) in enumerate(zip(*lines, strict=False), start=1):
        if left != right:
            return number
    return None if one == other else min(map(len, lines)) + 1
