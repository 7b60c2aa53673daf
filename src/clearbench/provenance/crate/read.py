"""Reading a crate: its list of files, and the suite and results in it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from clearbench.errors import Unreadable, UserError
from clearbench.jobs.environment import Accepted
from clearbench.provenance.conditions import other_settings
from clearbench.provenance.crate.contents import COPIED, METADATA
from clearbench.results.read import read_results
from clearbench.results.runs import Results
from clearbench.results.tree import Tree
from clearbench.suite.artifact import Artifact
from clearbench.suite.graph import Graph
from clearbench.suite.load import load_suite

STRANGE = (
    *(UserError, ArithmeticError, AttributeError, LookupError, OSError, RuntimeError, TypeError),
    ValueError,
)
"""What files may lead to that somebody else wrote, who may have written anything."""

_ANYWHERE = Accepted(frozenset(), None)
_OF_THE_MACHINE = ("texts", "forget_sizes")
"""Settings of a dataset that CLEARBENCH_DATA decides."""


def is_crate(folder: Path) -> bool:
    """Whether a folder is a crate."""
    return (folder / METADATA).is_file()


@dataclass(frozen=True)
class Crate:
    """A crate that lies in a folder; its files are read as they are asked for.

    Raises UserError for a folder that is no crate of a suite, or lists no suite that can be read.
    """

    folder: Path

    def __post_init__(self) -> None:
        if self.folder.is_file():
            raise UserError(f"{self.folder}: a file; unpack the crate, and name its folder")
        if not is_crate(self.folder):
            raise UserError(f"{self.folder}: no crate: it has no {METADATA}")

    @cached_property
    def metadata(self) -> list[Mapping[str, Any]]:
        """The entities of the crate's metadata."""
        path = self.folder / METADATA
        try:
            entities = json.loads(path.read_bytes())["@graph"]
            if not all(isinstance(entity["@id"], str) for entity in entities):
                raise TypeError("an @id is no text")
        except OSError as error:
            raise Unreadable(path, error) from None
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise UserError(f"{path}: not the metadata of a crate ({error})") from None
        return list(entities)

    @cached_property
    def files(self) -> dict[str, str | None]:
        """The checksum of each file that is to be in the crate, by its path.

        None for a file that is listed without one, or with several.
        """
        files: dict[str, str | None] = {}
        for entity in self.metadata:
            if _is_file(entity) and not entity["@id"].startswith("#"):
                name, checksum = unquote(entity["@id"]), entity.get("sha256")
                files[name] = checksum if files.get(name, checksum) == checksum else None
        return files

    @property
    def author(self) -> str | None:
        """The name of who ran the suite, if the crate tells."""
        entities = {entity["@id"]: entity for entity in self.metadata}
        author = entities.get("./", {}).get("author")
        identifier = author.get("@id") if isinstance(author, Mapping) else None
        named = entities.get(identifier, {}).get("name") if identifier else None
        return None if named is None else str(named)

    @cached_property
    def graph(self) -> Graph:
        """What was to be made, by the crate's own configuration."""
        trees = [path for path in sorted(self.folder.glob("results/*")) if path.is_dir()]
        if len(trees) != 1:
            names = ", ".join(path.name for path in trees) or "none"
            raise UserError(f"{self.folder}/results: holds results of one suite, here: {names}")
        file = self.folder / "config" / f"{trees[0].name}.yaml"
        return Graph(load_suite(str(file), self.folder))

    @cached_property
    def tree(self) -> Tree:
        """The results in the crate."""
        return Tree(self.folder / "results" / self.graph.suite.name)

    @cached_property
    def results(self) -> Results:
        """The numbers of all runs; those that are not proven in the crate count as missing."""
        return read_results(self.graph, self.tree, self.fault, _ANYWHERE)

    def holds(self, name: str) -> bool:
        """Whether the files of an artifact are to be in the crate, beside manifest and record."""
        return all(self.path(name, file) in self.files for file in self.tree.manifest(name).files)

    def path(self, name: str, file: str = "") -> str:
        """The path in the crate of an artifact's file, or of its folder."""
        return f"results/{self.graph.suite.name}/{name}/{file}"

    def fault(self, name: str) -> str | None:
        """Why an artifact is not proven by what lies in the crate; None where it is.

        By its record, its inputs, the settings of the crate's suite, and its files where these are
        to be here.
        """
        known = self._faults
        if name not in known:
            try:
                known[name] = self._fault(self.graph[name])
            except UserError as error:
                known[name] = str(error)
            except STRANGE as error:
                told = f"cannot be read ({type(error).__name__}: {error})"
                known[name] = f"{self.tree.folder(name)}: {told}"
        return known[name]

    @cached_property
    def _faults(self) -> dict[str, str | None]:
        return {}

    def _fault(self, artifact: Artifact) -> str | None:
        name, tree = artifact.name, self.tree
        # Data that no job made lies where it lay.
        link = tree.broken_link(replace(artifact, outside={}))
        if link is not None:
            return link
        settings = dict(artifact.options)
        if artifact.stage == "dataset":
            then = tree.record(name).recipe.settings
            settings |= {key: then[key] for key in _OF_THE_MACHINE if key in then}
        reason = other_settings(replace(artifact, options=settings), tree)
        if reason is not None:
            return f"{tree.folder(name)}: {reason}"
        if artifact.stage in COPIED or self.holds(name):
            for file, entry in tree.manifest(name).files.items():
                if self.files.get(self.path(name, file)) != entry.sha256:
                    return f"{tree.folder(name) / file}: the crate lists other bytes than its job"
        return None


def _is_file(entity: Mapping[str, Any]) -> bool:
    kinds = entity.get("@type")
    return kinds == "File" or (isinstance(kinds, list) and "File" in kinds)
