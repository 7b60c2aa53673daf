"""Artifacts: folders that appear whole or not at all, each described by its manifest.

A manifest (`manifest.json`) names every file of the artifact with its size and sha256. It is the
edge of the workflow: a rule depends on manifests, so the same bytes made again trigger nothing, and
an artifact without a manifest does not exist. The provenance record lies beside it and is not part
of it, since two runs that make the same bytes have different records. An artifact is what its
manifest names: a file that somebody else left in its folder neither damages nor changes it.
"""

import errno
import fcntl
import json
import os
import re
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from stat import S_IMODE
from uuid import uuid4

from clearbench.digests import sha256, visible_files
from clearbench.errors import Unreadable, UserError

MANIFEST = "manifest.json"
PROVENANCE = "provenance.json"
FAILURE = "failure.json"
INVALID = "invalid.json"

_PART = f".{MANIFEST}.part"
_BESIDE = (MANIFEST, PROVENANCE, FAILURE, INVALID, _PART)
"""What lies beside an artifact's files and is not of them."""

_UNFLUSHED = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)
"""What a file system says that cannot flush at all."""


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


def folders(**names: str | None) -> dict[str, Path]:
    """The paths of those names, of hub ids or folders, that are folders here."""
    paths = {key: Path(name) for key, name in names.items() if name}
    return {key: path for key, path in paths.items() if path.is_dir()}


def read_manifest(folder: Path) -> Manifest:
    """The manifest of an artifact, after a look that its files are there in their full size.

    Raises UserError where the manifest is missing or not one, or a file is missing or cut short.
    """
    path = folder / MANIFEST
    try:
        text = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(f"{path}: missing; the stage that makes it has not finished") from None
    except OSError as error:
        raise Unreadable(path, error) from None
    manifest = parse_manifest(text, path)
    for name, entry in manifest.files.items():
        file = folder / name
        try:
            # Opened, since libraries take one that may not be read for one that is not there.
            with file.open("rb") as opened:
                size = os.fstat(opened.fileno()).st_size
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            raise UserError(f"{file}: named in the manifest but missing; rerun") from None
        except OSError as error:
            raise Unreadable(file, error) from None
        if size != entry.size:
            raise UserError(f"{file}: {size} bytes, the manifest says {entry.size}; rerun")
    return manifest


def take_stock(folder: Path, manifest: Manifest, names: Iterable[str] | None = None) -> Manifest:
    """A manifest completed with the files that a folder holds, each read for its checksum.

    With `names`, of these files alone; FileNotFoundError where one is not there.
    """
    if names is None:
        paths = [path for path in visible_files(folder) if path.name not in _BESIDE]
    else:
        paths = [folder / name for name in sorted(names)]
    entries = {
        str(path.relative_to(folder)): FileEntry(path.stat().st_size, sha256(path))
        for path in paths
    }
    return Manifest(manifest.stage, entries, manifest.status, manifest.step)


def actual(folder: Path) -> Path:
    """Where an artifact's folder lies: that of a link to another disk lies there.

    Raises UserError for a link to a disk that is not there.
    """
    if not folder.is_symlink():
        return folder
    target = folder.resolve()
    if not target.parent.is_dir():
        raise UserError(f"{folder}: a link to {target}, which is not there; is its disk mounted?")
    return target


def part_folder(folder: Path) -> Path:
    """Where an artifact is written before it is published: a sibling, so that a rename suffices."""
    folder = actual(folder)
    return folder.with_name(f".{folder.name}.part")


def settle(part: Path) -> None:
    """Bring every byte of a part folder to the disk, with the permissions that the umask leaves.

    Some libraries write files that nobody else may read.
    """
    modes = {True: S_IMODE(part.stat().st_mode), False: plain_mode(part)}
    for path in sorted(part.rglob("*")):
        mode = modes[path.is_dir()]
        if S_IMODE(path.stat().st_mode) != mode:
            # Some file systems have no permissions.
            with suppress(OSError):
                path.chmod(mode)
        if path.is_file():
            flush(path)


def plain_mode(folder: Path) -> int:
    """The permissions of a new file in a folder, by the umask or the folder's access list."""
    probe = folder / f".{uuid4().hex}.mode"
    probe.touch()
    try:
        return S_IMODE(probe.stat().st_mode)
    finally:
        probe.unlink()


def publish(part: Path, folder: Path) -> None:
    """Turn a filled part folder into the artifact `folder`, replacing an older one.

    Every byte is flushed to disk before the rename, so that a crash leaves either the whole
    artifact or none. A link to another disk stays, as do files that are not of the older artifact.
    Raises UserError where the file system refuses; the part folder then stays as it is.
    """
    settle(part)
    target = actual(folder)
    try:
        _swap(part, target)
    except OSError:
        # The folder is where a disk is mounted, belongs to somebody else, is on another layer.
        try:
            _copy_over(part, target)
        except OSError as error:
            raise UserError(
                f"{folder}: finished, but cannot be put in its place ({error.strerror}); it waits"
                f" in {part}, from where the next attempt publishes it"
            ) from None


def _swap(part: Path, folder: Path) -> None:
    """Put one folder into the place of another by renaming both."""
    if not folder.exists():
        part.rename(folder)
        return
    others = _files_of_others(folder)
    old = _aside(folder)
    try:
        part.rename(folder)
    except OSError:
        old.rename(folder)
        raise
    for name in others:
        with suppress(OSError):
            if not (folder / name).exists():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (old / name).rename(folder / name)
    _remove(old)


def _copy_over(part: Path, folder: Path) -> None:
    """Copy an artifact file by file into a folder that cannot be renamed, the manifest last."""
    older: set[str] = {FAILURE, INVALID}
    with suppress(OSError, UserError):
        older |= parse_manifest((folder / MANIFEST).read_bytes(), folder).files.keys()
    folder.mkdir(exist_ok=True)
    (folder / MANIFEST).unlink(missing_ok=True)
    names = [path.relative_to(part).as_posix() for path in visible_files(part)]
    for name in sorted(names, key=lambda name: name == MANIFEST):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = target.with_name(f".{target.name}.part")
        shutil.copyfile(part / name, aside)
        flush(aside)
        if name == MANIFEST:
            for gone in older - set(names):
                (folder / gone).unlink(missing_ok=True)
        aside.replace(target)
    discard(part)


def _files_of_others(folder: Path) -> list[str]:
    """The files in an artifact's folder that are not of it, by path from there."""
    try:
        path = folder / MANIFEST
        own = {*parse_manifest(path.read_bytes(), path).files, *_BESIDE}
    except (OSError, UserError):
        # Nothing tells what was the artifact's.
        return []
    names = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return [name for name in names if name not in own]


def discard(folder: Path) -> None:
    """Remove a folder; of one with files that are in use, at least the name becomes free."""
    if folder.exists():
        with suppress(OSError):
            folder = _aside(folder)
        _remove(folder)


def recover(folder: Path) -> None:
    """Undo a replacement of an artifact that was cut off between its renames."""
    folder = actual(folder)
    ours = re.compile(rf"\.{re.escape(folder.name)}(\.part)?\.[0-9a-f]{{8}}\.old")
    for old in [path for path in folder.parent.iterdir() if ours.fullmatch(path.name)]:
        if (old / MANIFEST).exists() and not folder.exists():
            old.rename(folder)
        else:
            _remove(old)


def _aside(folder: Path) -> Path:
    """Rename a folder that is to be removed; gives its new path."""
    name = f".{folder.name.removeprefix('.')}.{uuid4().hex[:8]}.old"
    return folder.rename(folder.with_name(name))


def _remove(folder: Path) -> None:
    # Without its manifest it is never taken back.
    with suppress(OSError):
        (folder / MANIFEST).unlink()
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def held(folder: Path, wait: bool = True) -> Iterator[bool]:
    """Hold an artifact while it is made: another job that is to make the same waits here.

    Gives whether it is held: not where another job makes it and this one is not to `wait`. A file
    system without locks is no error; Snakemake alone then keeps two jobs apart.
    """
    path = folder.with_name(f".{folder.name}.lock")
    folder.parent.mkdir(parents=True, exist_ok=True)
    while True:
        with path.open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if not wait:
                    yield False
                    return
                print(f"{folder}: another job makes it; waiting for its end", file=sys.stderr)
                fcntl.flock(file, fcntl.LOCK_EX)
            except OSError:
                pass
            # Who held it before may have removed the file, and a third may hold a new one.
            if not _is_at(path, file.fileno()):
                continue
            try:
                yield True
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
    """Wait until a file's bytes are on the disk, as far as the file system can tell."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _UNFLUSHED:
            raise
    finally:
        os.close(descriptor)
