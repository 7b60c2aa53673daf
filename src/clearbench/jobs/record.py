"""The provenance record of an artifact, and the recipe in it: all that its bytes depend on."""

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from clearbench.errors import Unreadable, UserError
from clearbench.jobs.artifacts import (
    MANIFEST,
    PROVENANCE,
    FileEntry,
    Manifest,
    manifest_text,
    take_stock,
    write_manifest,
)
from clearbench.jobs.fingerprint import fingerprint


@dataclass(frozen=True)
class Recipe:
    """What an artifact is made of, and so what its bytes depend on.

    `inputs` are the sha256 of the files that it was made from, by name: manifests, mostly. `code`
    are the modules with the hashes of their code, `lock` and `image` digests, None where there is
    none. `unlocked` are the packages that were not the lock's, as `packages.unlocked` tells them.
    """

    stage: str
    settings: Mapping[str, Any]
    inputs: Mapping[str, str]
    code: Mapping[str, str]
    lock: str | None
    image: str | None
    unlocked: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """All of it as one hash of 64 hexadecimal digits."""
        return _digest(asdict(self))


@dataclass(frozen=True)
class Record:
    """A provenance record, as the job writes it beside its artifact.

    `paths` are those of the inputs by name, as the command names them; `manifest` the sha256 of the
    artifact's manifest; `times` the times of its files' last change in nanoseconds (ctime, which no
    tool can set), so that a look tells whether a file was written to since. `facts` is what else is
    told: what the manifest holds, command, commit, packages, machine, start, seconds, peak memory,
    measures, reasons of invalidations.
    """

    recipe: Recipe
    paths: Mapping[str, str]
    manifest: str
    times: Mapping[str, int]
    facts: Mapping[str, Any]

    @property
    def manifest_text(self) -> str | None:
        """The manifest as its file holds it; None where the record does not tell."""
        facts = self.facts
        if "files" not in facts:
            return None
        files = {name: FileEntry(**entry) for name, entry in facts["files"].items()}
        text = manifest_text(Manifest(self.recipe.stage, files, facts["status"], facts["step"]))
        return text if digest(text.encode()) == self.manifest else None

    def text(self) -> str:
        """The record as its file holds it, sealed: its own checksum is part of it."""
        data: dict[str, Any] = {
            "stage": self.recipe.stage,
            "settings": dict(self.recipe.settings),
            "inputs": {
                name: {"path": self.paths[name], "sha256": digest}
                for name, digest in self.recipe.inputs.items()
            },
            "code": dict(self.recipe.code),
            "fingerprint": fingerprint(self.recipe.code),
            "lock": self.recipe.lock,
            "image": self.recipe.image,
            "unlocked": dict(self.recipe.unlocked),
            "manifest": self.manifest,
            "times": dict(self.times),
            **self.facts,
        }
        return json.dumps({**data, "seal": _digest(data)}, indent=1, sort_keys=True) + "\n"


@dataclass(frozen=True)
class Failure:
    """What a failed job left: the error in a line, and its recipe, None where it knew none yet."""

    text: str
    recipe: Recipe | None


def parse_failure(text: bytes, path: Path) -> Failure:
    """The note of a failed job from its file's bytes; UserError, naming `path`, for no such."""
    try:
        data = json.loads(text)
    except ValueError as error:
        raise UserError(f"{path}: not JSON ({error}); remove it") from None
    try:
        recipe = data.get("recipe")
        said = f"{data['error']}: {data['message']}"
        return Failure(said, None if recipe is None else Recipe(**recipe))
    except (TypeError, KeyError, AttributeError) as error:
        raise UserError(f"{path}: not a note of a failure ({error}); remove it") from None


def parse_record(text: bytes, path: Path) -> Record:
    """A record from its file's bytes.

    Raises UserError, naming `path`, for what is not a record and for one whose seal is broken.
    """
    try:
        data = json.loads(text)
        if not isinstance(data, dict):
            raise ValueError("must hold keys and values")
        seal = data.pop("seal")
        sealed = seal == _digest(data)
        inputs = data.pop("inputs")
        recipe = Recipe(
            data.pop("stage"),
            data.pop("settings"),
            {name: entry["sha256"] for name, entry in inputs.items()},
            data.pop("code"),
            data.pop("lock"),
            data.pop("image"),
            data.pop("unlocked"),
        )
        paths = {name: entry["path"] for name, entry in inputs.items()}
        record = Record(recipe, paths, data.pop("manifest"), data.pop("times"), data)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UserError(f"{path}: not a provenance record ({error})") from None
    if not sealed:
        raise UserError(f"{path}: edited since the job wrote it (its seal is broken)")
    return record


def read_record(folder: Path) -> Record:
    """The record of an artifact; UserError where it is missing, damaged or edited."""
    path = folder / PROVENANCE
    try:
        return parse_record(path.read_bytes(), path)
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(f"{path}: missing; nothing tells how the artifact was made") from None
    except OSError as error:
        raise Unreadable(path, error) from None


def whole_manifest(record: Record, folder: Path) -> str | None:
    """The manifest of what a record tells of, if a folder holds every byte of it; else None."""
    facts = record.facts
    told = Manifest(record.recipe.stage, {}, facts["status"], facts["step"])
    try:
        text = manifest_text(take_stock(folder, told, record.times))
    except FileNotFoundError:
        return None
    return text if digest(text.encode()) == record.manifest else None


def restore_manifest(folder: Path) -> None:
    """Write an artifact's manifest again that Snakemake removed to start a job on it."""
    if not (folder / MANIFEST).exists():
        with suppress(UserError):
            text = read_record(folder).manifest_text
            if text is not None:
                write_manifest(folder, text)


def digest(content: bytes) -> str:
    """The sha256 of some bytes, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def _digest(data: Any) -> str:
    return digest(json.dumps(data, sort_keys=True, separators=(",", ":")).encode())
