"""What other suites of a results folder hold already, so that it need not be made again."""

import json
import os
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from clearbench.errors import UserError
from clearbench.jobs.artifacts import PROVENANCE
from clearbench.jobs.environment import Accepted
from clearbench.jobs.takeover import TAKEN_OVER, take_over
from clearbench.results.currency import Status, assess, status_of
from clearbench.results.tree import Tree
from clearbench.suite.artifact import Artifact
from clearbench.suite.graph import OF_SUITE, Graph


@dataclass(frozen=True)
class Prospect:
    """What a suite is, and what it is once a run has taken over what there is to take over.

    `now` and `then` are the statuses of all artifacts, `sources` the folders that some are to be
    taken from, by name in the flow's order, and `tree` is the tree with these in it.
    """

    now: Mapping[str, Status]
    then: Mapping[str, Status]
    sources: Mapping[str, Path]
    tree: Tree

    @property
    def origins(self) -> dict[str, str]:
        """The sources by their paths in the results folder, as `mini/base`."""
        folder = self.tree.root.parent
        return {name: os.path.relpath(path, folder) for name, path in self.sources.items()}


def look_ahead(
    graph: Graph, tree: Tree, environments: Accepted, wanted: Collection[str] | None = None
) -> Prospect:
    """What can be taken over of a suite, or of the artifacts `wanted` alone.

    That is what is not current, is made from what is, and lies in some results tree beside this one
    with the recipe of now, whole and proven. What is marked as untrusted here is to be made again.
    Tables and report are never taken over: they tell of their own suite.
    """
    sources: dict[str, Path] = {}
    now = assess(graph, tree, environments)
    if all(status.current for status in now.values()):
        return Prospect(now, now, sources, tree)
    then: dict[str, Status] = {}
    shelf = _Shelf(tree.root.parent)
    ahead = Tree(tree.root, sources)
    # What was made with other packages than the lock's may be worked with, and is not passed on.
    proven = replace(environments, unlocked={})
    for artifact in graph:
        name = artifact.name
        status = status_of(artifact, ahead, environments, then)
        asked = name not in OF_SUITE and (wanted is None or name in wanted)
        if asked and status.causes and not status.waits and ahead.invalidation(name) is None:
            for folder in shelf.alike(artifact, ahead.inputs(artifact)):
                sources[name] = folder
                # Another tree may be at work, or not ours to read.
                with suppress(UserError, OSError):
                    status_there = status_of(artifact, ahead, proven, then)
                    if status_there.current:
                        status = status_there
                        break
                del sources[name]
        then[name] = status
    ahead.remember()
    return Prospect(now, then, sources, ahead)


def take_all(graph: Graph, prospect: Prospect) -> Iterator[tuple[str, str | None]]:
    """Take over what a prospect names: each by name, with what was in the way of it, or None.

    What is made from one that could not be taken over is left as well.
    """
    ahead, root = prospect.tree, prospect.tree.root
    left: set[str] = set()
    for name, source in prospect.sources.items():
        artifact = graph[name]
        if not left.isdisjoint(artifact.inputs.values()):
            left.add(name)
            continue
        inputs = {key: root / made for key, made in artifact.inputs.items()}
        reads = {f"{read}/{PROVENANCE}": root / read / PROVENANCE for read in artifact.reads}
        origin = {"from": prospect.origins[name], "record": str(ahead.record_digest(name))}
        trouble = None
        try:
            paths = {**inputs, **reads, **artifact.outside}
            command = graph.command(name, root)
            take_over(source, ahead.record(name), root / name, paths, command, origin)
        except UserError as error:
            trouble = str(error)
        except OSError as error:
            trouble = f"{error.filename or source}: {error.strerror}"
        if trouble is not None:
            left.add(name)
        yield name, trouble


class _Shelf:
    """The artifacts of all results trees in a folder, by what they were made of."""

    def __init__(self, folder: Path):
        self._folder = folder

    def alike(self, artifact: Artifact, inputs: Mapping[str, str | None]) -> list[Path]:
        """The folders of what was made by an artifact's stage and settings from some inputs.

        The latest first; of the same one, where a job made it before where it was taken over.
        """
        return self._by_making.get(_making(artifact.stage, artifact.resolved, inputs), [])

    @cached_property
    def _by_making(self) -> dict[str, list[Path]]:
        folders: dict[str, list[tuple[str, int, Path]]] = defaultdict(list)
        for folder in _made(self._folder):
            # What is no record, or cannot be read, tells of nothing.
            with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
                record = json.loads((folder / PROVENANCE).read_bytes())
                inputs = {name: entry["sha256"] for name, entry in record["inputs"].items()}
                making = _making(record["stage"], record["settings"], inputs)
                order = str(record["started"]), -len(record.get(TAKEN_OVER, ()))
                folders[making].append((*order, folder))
        return {
            making: [folder for *_, folder in sorted(several, reverse=True)]
            for making, several in folders.items()
        }


def _making(stage: str, settings: Mapping[str, Any], inputs: Mapping[str, str | None]) -> str:
    return json.dumps([stage, settings, inputs], sort_keys=True)


def _made(results: Path) -> Iterator[Path]:
    """The folders with a record, links followed; hidden ones are of jobs at work."""
    seen = set()
    for folder, below, files in os.walk(results, followlinks=True):
        place = os.path.realpath(folder)
        # Links may lead in a circle, or twice to one folder.
        below[:] = [name for name in below if place not in seen and not name.startswith(".")]
        if PROVENANCE in files and place not in seen:
            yield Path(folder)
        seen.add(place)
