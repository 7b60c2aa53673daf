"""The hub: datasets and models by their commits, read from its cache or downloaded into it.

What is in the cache needs no network; `HF_HOME` and `HF_HUB_OFFLINE` mean what they always do. A
model may also come in a wheel of the Python package index: it lies beside the cache, converted
(`models/wheel.py`), and is read from there.
"""

import errno
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from clearbench.errors import BIND, UserError, check_seen, unseen

Kind = Literal["dataset", "model"]

_BESIDE = ("non_lora_trainables*", "mm_projector*")
"""Weights that trainers save beside an adapter: to see that they are there; they are not opened."""

# The files of a model that are read, and weights that a repository holds a second time.
_WANTED: dict[Kind, list[str] | None] = {
    "dataset": None,
    "model": ["*.json", "*.jinja", "*.txt", "*.model", "*.safetensors", *_BESIDE],
}
_UNWANTED: dict[Kind, list[str] | None] = {
    "dataset": None,
    "model": ["consolidated*", "original/*"],
}


_WHEEL = "pip:"
SPELLING = f"{_WHEEL}PACKAGE==VERSION/FILE.gguf"
"""How a model is named that comes in a wheel."""

_IN_WHEEL = re.compile(
    rf"{_WHEEL}(?P<package>\w[\w.-]*)==(?P<version>\w[\w.!+-]*)/(?P<file>[^:]*[^:/]\.gguf)"
)

_UNWRITABLE = (errno.EROFS, errno.EACCES, errno.EPERM)
_FOLDER: dict[Kind, str] = {
    "dataset": " (`folder` in a suite, or CLEARBENCH_DATA; docs/cluster.md says how)",
    "model": "",
}


@dataclass(frozen=True)
class Fetched:
    """A dataset or model in the cache, all its files as the hub has them; `size` is in bytes."""

    folder: Path
    commit: str
    files: int
    size: int


@dataclass(frozen=True)
class Wheel:
    """A file of a wheel: `file` is its path inside, `sha256` that of the whole wheel."""

    package: str
    version: str
    file: str
    sha256: str

    @classmethod
    def named(cls, name: str, revision: str | None) -> Self:
        """The wheel of a model's name, its checksum for a revision; UserError in one line."""
        match = _IN_WHEEL.fullmatch(name)
        if match is None:
            raise UserError(f"model {name}: no file of a wheel; it needs {SPELLING}")
        if revision is None or re.fullmatch("[0-9a-f]{64}", revision) is None:
            raise UserError(
                f"model {name}: revision {revision or 'missing'}; a wheel needs its sha256 there,"
                " 64 hexadecimal digits"
            )
        return cls(**match.groupdict(), sha256=revision)

    @property
    def folder(self) -> Path:
        """Where the converted model lies, by the name of its wheel's checksum."""
        from huggingface_hub import constants

        release = f"{self.package}-{self.version}"
        cache = Path(constants.HF_HOME, "clearbench", "wheels")
        return cache / release / Path(self.file).stem / self.sha256


def is_named(kind: Kind, name: str) -> bool:
    """Whether a name is of what has to be fetched: an id of the hub, or a model in a wheel."""
    return is_id(name) or (kind == "model" and is_wheel(name))


def is_id(name: str) -> bool:
    """Whether a name is an id of the hub (`owner/name`), and not a folder here."""
    return re.fullmatch(r"\w[\w.-]*/\w[\w.-]*", name) is not None and not Path(name).is_dir()


def is_wheel(name: str) -> bool:
    """Whether a name is one of a file in a wheel."""
    return name.startswith(_WHEEL)


def snapshot(kind: Kind, name: str, revision: str | None, cached: bool = False) -> Path:
    """The folder of a hub id at a revision; it is named by the commit that the revision is.

    That of a model which comes in a wheel, whose revision is a checksum, is named by this. Files
    that the cache lacks are downloaded, unless it must be `cached`; those of a wheel never. Raises
    UserError in one line that says what to do: no such id or revision, no access, no network and no
    copy, or a cache that takes no files.
    """
    if kind == "model" and is_wheel(name):
        return _of_wheel(name, revision)
    from huggingface_hub import snapshot_download
    from huggingface_hub.utils import logging

    if not is_id(name):
        check_seen(Path(name))

    # It warns of every attempt; how the last one ended is told below.
    logging.set_verbosity_error()
    try:
        return Path(
            snapshot_download(
                name,
                repo_type=kind,
                revision=revision,
                allow_patterns=_WANTED[kind],
                ignore_patterns=_UNWANTED[kind],
                local_files_only=cached,
            )
        )
    except Exception as error:
        raise _told(kind, name, revision, error) from error


def folder(kind: Kind, name: str, revision: str | None) -> Path:
    """The folder of a dataset or model: the one named, or `snapshot` of a hub id."""
    return Path(name) if Path(name).is_dir() else snapshot(kind, name, revision)


def cached(kind: Kind, name: str, revision: str | None, file: str) -> Path | None:
    """A file of a folder, or of a hub id as far as it is in the cache; None where it is not."""
    if is_wheel(name) or not is_id(name):
        folder = Wheel.named(name, revision).folder if is_wheel(name) else Path(name)
        return folder / file if (folder / file).is_file() else None
    from huggingface_hub import try_to_load_from_cache

    location = try_to_load_from_cache(name, file, revision=revision, repo_type=kind)
    return Path(location) if isinstance(location, str) else None


def fetch(kind: Kind, name: str, revision: str | None) -> Fetched:
    """Download what the cache lacks, and hold all of it against the hub's own checksums.

    Raises UserError as `snapshot` does, and where a file is not the hub's, with its path.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.utils import filter_repo_objects

    folder = snapshot(kind, name, revision)
    try:
        verification = HfApi().verify_repo_checksums(name, repo_type=kind, revision=folder.name)
    except Exception as error:
        raise _told(kind, name, revision, error) from error
    damaged = [entry["path"] for entry in verification.mismatches]
    damaged += filter_repo_objects(
        verification.missing_paths, allow_patterns=_WANTED[kind], ignore_patterns=_UNWANTED[kind]
    )
    if damaged:
        path = (folder / damaged[0]).resolve()
        raise UserError(
            f"{kind} {name}: {damaged[0]} is not the file that the hub has; delete {path} and fetch"
            " again"
        )
    files = [path for path in folder.rglob("*") if path.is_file()]
    return Fetched(folder, folder.name, len(files), sum(path.stat().st_size for path in files))


def _of_wheel(name: str, revision: str | None) -> Path:
    """The folder of a model in a wheel that was fetched; UserError where it was not."""
    folder = Wheel.named(name, revision).folder
    if not folder.is_dir():
        raise UserError(
            f"model {name}: not in {folder.parent}; run `clearbench fetch` on a machine that pip"
            " brings packages to, with this HF_HOME"
        )
    return folder


def _told(kind: Kind, name: str, revision: str | None, error: Exception) -> UserError:
    """An error of the hub's library as one line: what, where, and what to do."""
    from huggingface_hub import constants
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    at = f"{kind} {name}, revision {revision or 'main'}"
    key = "revision" if kind == "model" else "images_revision or texts_revision"
    cause: Any = error
    while cause is not None and not isinstance(cause, HfHubHTTPError):
        cause = cause.__cause__
    cause = cause or error
    if isinstance(cause, GatedRepoError):
        return UserError(
            f"{at}: is gated; accept its terms at {constants.ENDPOINT}/{name} and log in with"
            " `hf auth login`, or set HF_TOKEN"
        )
    if isinstance(cause, RevisionNotFoundError):
        return UserError(f"{at}: the hub has no such revision; put a commit of it into {key}")
    if isinstance(cause, RepositoryNotFoundError):
        return UserError(
            f"{at}: the hub has none of this name that you may see; correct it, or log in with"
            " `hf auth login`"
        )
    unwritable = isinstance(error, OSError) and error.errno in _UNWRITABLE
    if unseen(Path(constants.HF_HUB_CACHE)) and (
        unwritable or isinstance(error, LocalEntryNotFoundError)
    ):
        return UserError(
            f"{at}: the cache {constants.HF_HUB_CACHE} is not seen in the image; {BIND}"
        )
    if unwritable:
        return UserError(
            f"{at}: the cache {constants.HF_HUB_CACHE} can't be written; run `clearbench fetch`"
            " where it can be, or set HF_HOME to a folder of your own"
        )
    if isinstance(error, LocalEntryNotFoundError):
        return UserError(
            f"{at}: can't be read from the hub, and the cache {constants.HF_HUB_CACHE} lacks it or"
            " a part of it; run `clearbench fetch` on a machine with a network and this HF_HOME, or"
            f" name a local folder in the same layout instead{_FOLDER[kind]}"
        )
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        raise error
    reason = " ".join(str(cause).split())
    return UserError(f"{at}: can't be read from the hub: {reason}")
