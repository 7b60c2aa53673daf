"""Digests: the content of a file, and of a folder of data that no job made, as one hash."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from clearbench.errors import Unreadable


def sha256(path: Path) -> str:
    """The sha256 of a file's bytes, in hexadecimal; Unreadable where they cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise Unreadable(path, error) from None


def visible_files(folder: Path) -> list[Path]:
    """The files below a folder, sorted, but for what systems and editors leave in any.

    Left out are hidden files (`.DS_Store`, `.nfs…`, `.x.swp`), backups (`x~`, `#x#`) and
    `__pycache__`. Raises Unreadable for a folder that cannot be listed, whose files would be
    missing without a word.
    """

    def refuse(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError | NotADirectoryError):
            raise Unreadable(Path(error.filename), error) from None

    paths = []
    for parent, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if not _litter(name)]
        paths += [Path(parent, name) for name in names if not _litter(name)]
    return sorted(path for path in paths if path.is_file())


def _litter(name: str) -> bool:
    return name.startswith((".", "#")) or name.endswith("~") or name == "__pycache__"


def folder_digest(folder: Path, digest_of: Callable[[Path], str] = sha256) -> str:
    """The names and contents of a folder's files as one hash: of data that no job made.

    A single file is hashed by its name and content.
    """
    lines = [
        f"{path.relative_to(folder).as_posix()} {digest_of(path)}" for path in visible_files(folder)
    ]
    if folder.is_file():
        lines = [f"{folder.name} {digest_of(folder)}"]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
