"""How commands are told their suite, and a cell, file or table of it: one way for all of them."""

import errno
import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from clearbench.errors import UserError, may

DEFAULT = "mini"

results_option = click.option(
    "--results",
    # Whose it is that may not be read, the commands tell.
    type=click.Path(path_type=Path, file_okay=False, readable=False),
    default=Path("results"),
    show_default=True,
    help="The folder of all suites' results.",
)


class NewFile(click.Path):
    """A file to be written; its folder is looked for before the work that fills it."""

    def __init__(self) -> None:
        super().__init__(path_type=Path, dir_okay=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        if not path.parent.is_dir():
            option = f"{param.opts[0]} " if param else ""
            raise UserError(f"{option}{path}: {path.parent} is no folder; make it first")
        if not may(path if path.exists() else path.parent, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return path


class _Words(click.Argument):
    """Bare words; the usage shows what they may be, and nothing where they only name the suite."""

    def get_usage_pieces(self, ctx: click.Context) -> list[str]:
        return [self.metavar] if self.metavar else []


def of_suite(target: str | None = None, many: bool = False) -> Callable[..., Any]:
    """Give a command `--suite`, and perhaps one or `many` other words as its parameter `target`.

    A word that is a suite's name or file is the same as `--suite`, which is not in the help.
    """

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(command)
        def wrapper(suite: str | None, words: tuple[str, ...], **given: Any) -> Any:
            named = [word for word in words if _names_suite(word)]
            others = [word for word in words if word not in named]
            if target is None:
                # Told as a suite that is not there.
                named, others = named + others, []
            if suite is not None:
                named.insert(0, suite)
            extra = dict.fromkeys(named[1:]) if len(set(named)) > 1 else {}
            if not many and len(others) > 1:
                extra = dict.fromkeys(others[1:])
            if extra:
                raise click.UsageError(f"Got unexpected extra argument ({' '.join(extra)})")
            if target is not None:
                given["target"] = tuple(others) if many else next(iter(others), None)
            return command(suite=named[0] if named else DEFAULT, **given)

        metavar = target and f"[{target.upper()}]{'…' if many else ''}"
        words = click.argument("words", nargs=-1, cls=_Words, metavar=metavar)
        option = click.option(
            "--suite", metavar="SUITE", help=f"A suite's name or file.  [default: {DEFAULT}]"
        )
        return option(words(wrapper))

    return decorate


def _names_suite(word: str) -> bool:
    if word.endswith((".yaml", ".yml")):
        return True
    from clearbench.suite.load import suite_names

    try:
        return word in suite_names(Path.cwd())
    except UserError:
        return False
