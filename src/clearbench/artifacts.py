"""Artifacts: folders that appear whole or not at all, each described by its manifest.

A manifest (`manifest.json`) names every file of the artifact with its size and sha256. It is the
edge of the workflow: a rule depends on manifests, so the same bytes made again trigger nothing, and
an artifact without a manifest does not exist. The provenance record lies beside it and is not part
of it, since two runs that make the same bytes have different records.
"""

import hashlib
import json
import os
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path

from clearbench.errors import UserError

MANIFEST = "manifest.json"
PROVENANCE = "provenance.json"
FAILURE = "failure.json"


@dataclass(frozen=True)
class FileEntry:
    """Size in bytes and sha256 of one file."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What an artifact holds.

    `status` is `ok`, or `diverged` for a cell whose loss left the finite numbers at optimiser step
    `step` (counted from 1); a diverged artifact has no weights, no records and no scores.
    """

    stage: str
    files: dict[str, FileEntry] = field(default_factory=dict)
    status: str = "ok"
    step: int | None = None

    @property
    def diverged(self) -> bool:
        """Whether the cell ended without a model."""
        return self.status == "diverged"


def sha256(path: Path) -> str:
    """The sha256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_manifest(folder: Path) -> Manifest:
    """The manifest of an artifact, after a look that its files are there in their full size.

    Raises UserError where the manifest is missing or not one, or a file is missing or cut short.
    """
    path = folder / MANIFEST
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        files = {name: FileEntry(**entry) for name, entry in data.pop("files").items()}
        manifest = Manifest(files=files, **data)
    except FileNotFoundError:
        raise UserError(f"{path}: missing; the stage that makes it has not finished") from None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UserError(f"{path}: not a manifest ({error}); remove the folder and rerun") from None
    for name, entry in manifest.files.items():
        file = folder / name
        if not file.is_file():
            raise UserError(f"{file}: named in the manifest but missing; remove {path} and rerun")
        if file.stat().st_size != entry.size:
            raise UserError(
                f"{file}: {file.stat().st_size} bytes, the manifest says {entry.size};"
                f" remove {path} and rerun"
            )
    return manifest


def part_folder(folder: Path) -> Path:
    """Where an artifact is written before it is published: a sibling, so that a rename suffices."""
    return folder.with_name(f".{folder.name}.part")


def publish(part: Path, folder: Path, manifest: Manifest) -> Manifest:
    """Turn a filled part folder into the artifact `folder`, replacing an older one.

    The manifest is completed with the part's files and written into it; every byte is flushed to
    disk before the rename, so that a crash leaves either the whole artifact or none.
    """
    files = {}
    for path in sorted(part.rglob("*")):
        if path.is_file():
            _flush(path)
            if path.name != PROVENANCE:
                files[str(path.relative_to(part))] = FileEntry(path.stat().st_size, sha256(path))
    complete = Manifest(manifest.stage, files, manifest.status, manifest.step)
    target = part / MANIFEST
    target.write_text(json.dumps(asdict(complete), indent=1, sort_keys=True) + "\n")
    _flush(target)
    if folder.exists():
        shutil.rmtree(folder)
    part.rename(folder)
    return complete


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
