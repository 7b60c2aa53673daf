"""Mistakes in a method, metric, table or layout, told in one line with its file and line."""

import traceback
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from clearbench.errors import UserError


def mistake(
    what: str, file: str, line: int, text: str, error: BaseException | None = None
) -> UserError:
    """The line for `what` (`method npo`), whose code begins in a file at a line.

    Of an `error` that it raised, it names the last line of the file that led there, and the error
    in place of a `text`.
    """
    if isinstance(error, SyntaxError) and error.filename == file:
        line, text = error.lineno or line, f"is not Python: {error.msg}"
    elif error is not None:
        own = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == file]
        line = (own[-1].lineno if own else None) or line
        said = " ".join(str(error).split())
        text = f"raises {type(error).__name__}{': ' if said else ''}{said}"
    path = Path(file)
    if path.is_relative_to(Path.cwd()):
        path = path.relative_to(Path.cwd())
    return UserError(f"{path}, line {line}: {what}: {text}")


def load(module: str, what: str) -> ModuleType:
    """Import a module by its absolute name; UserError with file and line for what it raises."""
    try:
        return import_module(module)
    except UserError:
        raise
    except Exception as error:
        spec = find_spec(module)
        file = (spec and spec.origin) or module
        raise mistake(what, file, 1, "", error) from error
