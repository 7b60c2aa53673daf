"""Errors that the user can mend: a mistake in the input, or a disk that takes no more."""

import errno
import os
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
        help_ = "; its owner can allow it with chmod" if isinstance(error, PermissionError) else ""
        super().__init__(f"{path}: cannot be read ({error.strerror}){help_}")


def of_the_site(error: OSError) -> bool:
    """Whether an error is a trouble of disks, networks, rights or limits, and none of the code."""
    return errno.errorcode.get(error.errno or 0) in _OF_THE_SITE


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
