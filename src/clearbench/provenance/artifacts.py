"""Artifacts: folders that appear whole or not at all, each described by its manifest.

A manifest (`manifest.json`) names every file of the artifact with its size and sha256. It is the
edge of the workflow: a rule depends on manifests, so the same bytes made again trigger nothing, and
an artifact without a manifest does not exist. The provenance record lies beside it and is not part
of it, since two runs that make the same bytes have different records.
"""

import fcntl
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from clearbench.errors import UserError

MANIFEST = "manifest.json"
PROVENANCE = "provenance.json"
FAILURE = "failure.json"
INVALID = "invalid.json"

_PART = f".{MANIFEST}.part"
_BESIDE = (MANIFEST, PROVENANCE, FAILURE, INVALID, _PART)
"""What lies beside an artifact's files and is not of them."""


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


def manifest_text(manifest: Manifest) -> str:
    """A manifest as its file holds it: one text for one content."""
    return json.dumps(asdict(manifest), indent=1, sort_keys=True) + "\n"


def write_manifest(folder: Path, text: str) -> None:
    """Write an artifact's manifest, whole or not at all."""
    part = folder / _PART
    part.write_text(text, encoding="utf-8")
    part.replace(folder / MANIFEST)


def parse_manifest(text: bytes, path: Path) -> Manifest:
    """A manifest from its file's bytes; `path` is named in the UserError for what is not one."""
    try:
        data = json.loads(text)
        files = {name: FileEntry(**entry) for name, entry in data.pop("files").items()}
        return Manifest(files=files, **data)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UserError(f"{path}: not a manifest ({error}); remove the folder and rerun") from None


def folder_digest(folder: Path, digest_of: Callable[[Path], str] = sha256) -> str:
    """The names and contents of a folder's files as one hash: of data that no job made.

    Of a single file, its name and content.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = [f"{path.relative_to(folder).as_posix()} {digest_of(path)}" for path in files]
    if folder.is_file():
        lines = [f"{folder.name} {digest_of(folder)}"]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def folders(**names: str | None) -> dict[str, Path]:
    """Those of some hub ids or folders that are folders here."""
    paths = {key: Path(name) for key, name in names.items() if name}
    return {key: path for key, path in paths.items() if path.is_dir()}


def read_manifest(folder: Path) -> Manifest:
    """The manifest of an artifact, after a look that its files are there in their full size.

    Raises UserError where the manifest is missing or not one, or a file is missing or cut short.
    """
    path = folder / MANIFEST
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{path}: missing; the stage that makes it has not finished") from None
    manifest = parse_manifest(text, path)
    for name, entry in manifest.files.items():
        file = folder / name
        if not file.is_file():
            raise UserError(f"{file}: named in the manifest but missing; rerun")
        if file.stat().st_size != entry.size:
            raise UserError(
                f"{file}: {file.stat().st_size} bytes, the manifest says {entry.size}; rerun"
            )
    return manifest


def take_stock(folder: Path, manifest: Manifest) -> Manifest:
    """A manifest completed with the files that a folder holds, each read for its checksum."""
    files = {
        str(path.relative_to(folder)): FileEntry(path.stat().st_size, sha256(path))
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in _BESIDE
    }
    return Manifest(manifest.stage, files, manifest.status, manifest.step)


def part_folder(folder: Path) -> Path:
    """Where an artifact is written before it is published: a sibling, so that a rename suffices."""
    return folder.with_name(f".{folder.name}.part")


def publish(part: Path, folder: Path) -> None:
    """Turn a filled part folder into the artifact `folder`, replacing an older one.

    Every byte is flushed to disk before the rename, so that a crash leaves either the whole
    artifact or none.
    """
    for path in sorted(part.rglob("*")):
        if path.is_file():
            flush(path)
    if folder.exists():
        shutil.rmtree(folder)
    part.rename(folder)


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold an artifact while it is made: another job that is to make the same waits here.

    A file system without locks is no error; Snakemake alone then keeps two jobs apart.
    """
    path = folder.with_name(f".{folder.name}.lock")
    folder.parent.mkdir(parents=True, exist_ok=True)
    while True:
        with path.open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print(f"{folder}: another job makes it; waiting for its end", file=sys.stderr)
                fcntl.flock(file, fcntl.LOCK_EX)
            except OSError:
                pass
            # Who held it before may have removed the file, and a third may hold a new one.
            if not _is_at(path, file.fileno()):
                continue
            try:
                yield
            finally:
                path.unlink(missing_ok=True)
            return


def _is_at(path: Path, descriptor: int) -> bool:
    """Whether an open file is the one that lies at a path now."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def flush(path: Path) -> None:
    """Wait until a file's bytes are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
