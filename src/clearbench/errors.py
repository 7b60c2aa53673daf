"""Errors that the user can mend: a mistake in the input, or a disk that takes no more."""

import errno
import os
import pwd
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path

_OF_THE_SITE = {
    *("EACCES", "EPERM", "EROFS", "ENOSPC", "EDQUOT", "EFBIG", "EIO", "ESTALE", "EREMOTEIO"),
    *("EUCLEAN", "EBUSY", "ETXTBSY", "ENOTEMPTY", "EXDEV", "ELOOP", "ENAMETOOLONG", "ENOTDIR"),
    *("EISDIR", "EMFILE", "ENFILE", "ENOMEM", "EAGAIN", "ENOLCK", "EOPNOTSUPP", "ENODEV", "ENXIO"),
    *("ENOMEDIUM", "ETIMEDOUT", "EHOSTDOWN", "EHOSTUNREACH", "ENETDOWN", "ENETUNREACH"),
    *("ECONNREFUSED", "ECONNRESET", "ECONNABORTED", "ENOTCONN", "ESHUTDOWN", "ENOLINK", "ECOMM"),
}
"""The errors of an operating system that say nothing of the code that met them."""

_IMAGE = "APPTAINER_CONTAINER"
"""The environment variable by which Apptainer tells a process its image."""

BIND = "list its folder below `binds` of slurm/site.yaml"
"""What to do about a path that the image does not show, or not to be written to."""


class UserError(Exception):
    """A mistake in the input or a limit of the machine, told in one line.

    The message says what is wrong, where (file and key), and what is allowed. The command line
    prints it without a traceback and exits with 1.
    """


def unknown(name: str, known: Iterable[object], word: str = "unknown") -> str:
    """What is said of a name that is none of those known: the one most like it, and all."""
    names = [str(choice) for choice in known]
    return f"{word}{meant(name, names)}; allowed: {', '.join(names) or 'none'}"


def meant(name: str, known: Iterable[str]) -> str:
    """A question for the known name that is most like another; empty where none is."""
    near = get_close_matches(name, list(known), n=1)
    return f" (did you mean {near[0]}?)" if near else ""


class Unreadable(UserError):
    """A file that is there and cannot be read: it is not made again, since that is no cure."""

    def __init__(self, path: Path, error: OSError):
        super().__init__(f"{path}: cannot be read ({error.strerror}){remedy(error, path)}")


def of_the_site(error: OSError) -> bool:
    """Whether an error is a trouble of disks, networks, rights or limits, and none of the code."""
    if errno.errorcode.get(error.errno or 0) in _OF_THE_SITE:
        return True
    return error.filename is not None and unseen(Path(os.fsdecode(error.filename)))


def remedy(error: OSError, path: Path | None = None) -> str:
    """What is said after an error that a path met, `; ` before it; empty where nothing helps.

    It tells whose it is what this user may not read or write, and what an image does not show.
    """
    if path is None:
        if not isinstance(error.filename, str | bytes):
            return ""
        path = Path(os.fsdecode(error.filename))
    if error.errno in (errno.EACCES, errno.EPERM):
        barrier = _barrier(path)
        return "" if barrier is None else f"; {owned(barrier, path)}"
    if unseen(path):
        return f"; not seen in the image, {BIND}"
    read_only = error.errno == errno.EROFS and _IMAGE in os.environ
    return f"; the image shows it to be read only, {BIND}" if read_only else ""


def owned(barrier: Path, path: Path | None = None) -> str:
    """Whose a file or folder is that bars a user from a path, and what he can do."""
    what = "it" if barrier == path else str(barrier)
    uid = barrier.stat().st_uid
    if uid == os.geteuid():
        return f"{what} is your own, allow it with chmod"
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = f"user {uid}"
    return f"{what} belongs to {name}, who can allow it with chmod"


def unseen(path: Path) -> bool:
    """Whether this process runs in an image that shows nothing of the machine at a path.

    What is not bound into an image lies on the file system of the image itself.
    """
    if _IMAGE not in os.environ:
        return False
    path = path.resolve()
    nearest = next((folder for folder in (path, *path.parents) if _there(folder)), path)
    return _there(nearest) and nearest.stat().st_dev == Path("/").stat().st_dev


def check_seen(path: Path) -> None:
    """Raise UserError for a path that is not there because the image does not show it."""
    if unseen(path) and not _there(path):
        raise UserError(f"{path}: not seen in the image; {BIND}")


def may(path: Path, mode: int) -> bool:
    """Whether this user may do with a path what a mode of `os.access` says."""
    return os.access(path, mode, effective_ids=os.access in os.supports_effective_ids)


def _barrier(path: Path) -> Path | None:
    """What bars this user from a path: a folder above it, or itself; None where nothing does."""
    for folder in reversed(path.parents):
        if _there(folder) and not may(folder, os.X_OK):
            return folder
    if _there(path):
        if not may(path, os.R_OK) or not may(path, os.W_OK):
            return path
        folder = path.parent
    else:
        folder = next((folder for folder in path.parents if _there(folder)), Path())
    return None if may(folder, os.W_OK) else folder


def _there(path: Path) -> bool:
    """Whether there is something at a path, as far as this user may look."""
    try:
        return path.exists()
    except PermissionError:
        return False


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Raise OSError, naming `path`, for an error of the disk that a library tells in words only."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        # The libraries written in Rust, safetensors and tokenizers, end their messages so.
        number = re.search(r"\(os error (\d+)\)", str(error))
        if number is None:
            raise
        code = int(number[1])
        raise OSError(code, os.strerror(code), str(path)) from None
