"""A results tree as it lies on disk: manifests and records, each read once."""

import contextlib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from clearbench.digests import folder_digest, sha256
from clearbench.errors import Unreadable, UserError
from clearbench.jobs.artifacts import (
    FAILURE,
    INVALID,
    MANIFEST,
    PROVENANCE,
    Manifest,
    parse_manifest,
)
from clearbench.jobs.record import Failure, Record, digest, parse_failure, parse_record
from clearbench.suite.artifact import Artifact

CHECKED = ".checked.json"
"""Size, time of the last change (ctime) and sha256 of files that were read, to read them once.

A time of modification can be set to anything, by archives as by people, and tells nothing.
"""


def sources_of(
    artifact: Artifact, root: Path, partial: bool
) -> tuple[dict[str, Path], dict[str, Path]]:
    """The folders below `root` that an artifact is made from, and the records that it reads.

    By the names of its inputs and of the records' files; if `partial`, those that are there.
    """
    inputs = {name: root / source for name, source in artifact.inputs.items()}
    reads = {f"{name}/{PROVENANCE}": root / name / PROVENANCE for name in artifact.reads}
    if partial:
        inputs = {name: folder for name, folder in inputs.items() if (folder / MANIFEST).is_file()}
        reads = {name: path for name, path in reads.items() if path.is_file()}
    return inputs, reads


class Tree:
    """The artifacts below a suite's results, by name; what is read is kept.

    Those of `elsewhere` lie in other folders: the tree as it would be, had it taken these over.
    """

    def __init__(self, root: Path, elsewhere: Mapping[str, Path] | None = None):
        self.root = root
        self._elsewhere = {} if elsewhere is None else elsewhere
        self._bytes = cache(self._read)
        self._parsed = cache(parse_record)
        self._folder_digest = cache(lambda path: folder_digest(path, self._sha256))
        self._checked: dict[str, list[int | str]] | None = None

    def folder(self, name: str) -> Path:
        """Where an artifact lies."""
        return self._elsewhere.get(name, self.root / name)

    def manifest(self, name: str) -> Manifest:
        """An artifact's manifest; UserError where it is missing or not one."""
        path = self.folder(name) / MANIFEST
        text = self._manifest(name)
        if text is None:
            raise UserError(f"{path}: missing; the stage that makes it has not finished")
        return parse_manifest(text, path)

    def manifest_digest(self, name: str) -> str | None:
        """The sha256 of an artifact's manifest, or None without one."""
        text = self._manifest(name)
        return None if text is None else digest(text)

    def record(self, name: str) -> Record:
        """An artifact's provenance record; UserError where it is missing, damaged or edited."""
        path = self.folder(name) / PROVENANCE
        text = self._bytes(path)
        if text is None:
            raise UserError(f"{path}: missing; nothing tells how the artifact was made")
        return self._parsed(text, path)

    def own_record(self, name: str) -> Record:
        """An artifact's record, if it is of the manifest that lies here; else UserError as well."""
        record = self.record(name)
        if self.manifest_digest(name) != record.manifest:
            path = self.folder(name) / MANIFEST
            raise UserError(f"{path}: not the one that the job wrote")
        return record

    def record_digest(self, name: str) -> str | None:
        """The sha256 of an artifact's provenance record, or None without one."""
        text = self._bytes(self.folder(name) / PROVENANCE)
        return None if text is None else digest(text)

    def failure(self, name: str) -> Failure | None:
        """What the last job of an artifact left that failed, or None."""
        path = self.folder(name) / FAILURE
        text = self._bytes(path)
        return None if text is None else parse_failure(text, path)

    def invalidation(self, name: str) -> str | None:
        """Why an artifact is marked as untrusted, or None."""
        mark = self._json(self.folder(name) / INVALID)
        return str(mark["reason"]) if mark else None

    def inputs(self, artifact: Artifact) -> dict[str, str | None]:
        """The digests of an artifact's inputs as its job would record them; None for a missing."""
        digests = {name: self.manifest_digest(source) for name, source in artifact.inputs.items()}
        digests |= {f"{name}/{PROVENANCE}": self.record_digest(name) for name in artifact.reads}
        return digests | {
            name: self._folder_digest(path) for name, path in artifact.outside.items()
        }

    def broken_link(self, artifact: Artifact) -> str | None:
        """Why an artifact is not proven by its record and its inputs as they are; None if it is."""
        path = self.folder(artifact.name)
        try:
            record = self.own_record(artifact.name)
        except UserError as error:
            return str(error)
        for name, input_digest in self.inputs(artifact).items():
            if record.recipe.inputs.get(name) != input_digest:
                return f"{path}: made from another {name} than the one here"
        return None

    def damage(self, name: str, reread: bool = False) -> str | None:
        """The first file of an artifact that is gone or not what the manifest says; None if whole.

        A file that was not changed since the job left it counts as whole, unless `reread`. Raises
        Unreadable for one that cannot be read.
        """
        record = self.record(name)
        for file, entry in self.manifest(name).files.items():
            path = self.folder(name) / file
            try:
                stat = path.stat()
            except (FileNotFoundError, NotADirectoryError):
                return f"{path}: gone"
            except OSError as error:
                raise Unreadable(path, error) from None
            if stat.st_size != entry.size:
                return f"{path}: {stat.st_size} bytes, the manifest says {entry.size}"
            if reread:
                checksum = sha256(path)
            elif stat.st_ctime_ns == record.times.get(file):
                continue
            else:
                checksum = self._sha256(path)
            if checksum != entry.sha256:
                return f"{path}: other bytes than those that were made"
        return None

    def remember(self) -> None:
        """Write down which files were read and found whole, so that they need not be read again."""
        if self._checked:
            text = json.dumps(self._checked, indent=0, sort_keys=True) + "\n"
            part = self.root / f"{CHECKED}.part"
            # On a full or read-only disk only time is lost.
            with contextlib.suppress(OSError):
                try:
                    part.write_text(text, encoding="utf-8")
                    part.replace(self.root / CHECKED)
                finally:
                    part.unlink(missing_ok=True)

    def _sha256(self, path: Path) -> str:
        """The sha256 of a file, read only if it was changed since it was read before."""
        if self._checked is None:
            self._checked = self._remembered()
        inside = path.is_relative_to(self.root)
        name = path.relative_to(self.root).as_posix() if inside else str(path.absolute())
        stat = path.stat()
        state: list[int | str] = [stat.st_size, stat.st_ctime_ns]
        if self._checked.get(name, [])[:2] != state:
            self._checked[name] = [*state, sha256(path)]
        return str(self._checked[name][2])

    def _remembered(self) -> dict[str, list[int | str]]:
        with contextlib.suppress(OSError, ValueError, TypeError):
            return dict(json.loads((self.root / CHECKED).read_text(encoding="utf-8")))
        return {}

    @staticmethod
    def _read(path: Path) -> bytes | None:
        try:
            return path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise Unreadable(path, error) from None

    def _manifest(self, name: str) -> bytes | None:
        """An artifact's manifest, also while Snakemake has removed it to start a job on it."""
        text = self._bytes(self.folder(name) / MANIFEST)
        if text is not None or self._bytes(self.folder(name) / PROVENANCE) is None:
            return text
        with contextlib.suppress(UserError):
            told = self.record(name).manifest_text
            return None if told is None else told.encode()
        return None

    def _json(self, path: Path) -> dict[str, Any] | None:
        text = self._bytes(path)
        if text is None:
            return None
        try:
            data: dict[str, Any] = json.loads(text)
        except ValueError as error:
            raise UserError(f"{path}: not JSON ({error}); remove it") from None
        return data
