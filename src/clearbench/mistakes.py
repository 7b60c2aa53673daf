"""Mistakes in a method or a metric that somebody wrote, told in one line with its file and line."""

import traceback
from pathlib import Path

from clearbench.errors import UserError


def mistake(
    what: str, file: str, line: int, text: str, error: BaseException | None = None
) -> UserError:
    """The line for `what` (`method npo`), whose code begins in a file at a line.

    Of an `error` that it raised, it names the last line of the file that led there, and the error
    in place of a `text`.
    """
    if error is not None:
        own = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == file]
        line = (own[-1].lineno if own else None) or line
        said = " ".join(str(error).split())
        text = f"raises {type(error).__name__}{': ' if said else ''}{said}"
    path = Path(file)
    if path.is_relative_to(Path.cwd()):
        path = path.relative_to(Path.cwd())
    return UserError(f"{path}, line {line}: {what}: {text}")
