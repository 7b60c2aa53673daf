"""Names that people choose, for suites and folders: what Snakemake and a shell can serve."""

import re
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from snakemake.exceptions import WorkflowError

from clearbench.config.choices import choice, quoted
from clearbench.errors import UserError, unknown

CHOICES = {"suite": "mini", "results": "results"}
"""The keys of `--config` with their defaults."""

_PLAIN = re.compile(r"[\w@%+=:,./-]+")
_BROKEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_BREAKS = "a path with a line break or control character"


def read_choices(config: Mapping[str, Any]) -> dict[str, str]:
    """The values of `--config`; UserError for another key, and for what is no text."""
    for key, value in config.items():
        if key not in CHOICES:
            raise UserError(f"--config {key}: {unknown(key, CHOICES, 'unknown key')}")
        if not isinstance(value, str):
            remedy = {"suite": "suite=config/NAME.yaml", "results": "results=./FOLDER"}[key]
            read = "empty" if value is None else f"read as {value!r}, which is no text"
            raise UserError(f"--config {key}: {read}; write it as {remedy}")
        same = [f"{key}={quote}{value}{quote}" for quote in ("", "'", '"')]
        for word in sys.argv:
            typed = word.removeprefix(f"{key}=")
            if typed == word or word in (*same, quoted(key, value)):
                continue
            if _BROKEN.search(typed):
                raise UserError(f"--config {key}: {typed!r}: {_BREAKS}")
            remedy = shlex.quote(quoted(key, typed))
            raise UserError(f"--config {key}: read as {value!r}; write it as {remedy}")
    return {**CHOICES, **config}


def is_plain(path: str) -> bool:
    """Whether no shell would have to quote a path."""
    return _PLAIN.fullmatch(path) is not None


def check_path(path: Path, forbidden: str = "", reason: str = "") -> None:
    """Raise WorkflowError for a path that Snakemake or a command can't be given."""
    if _BROKEN.search(str(path)):
        raise WorkflowError(f"{str(path)!r}: {_BREAKS}")
    letters = [letter for letter in forbidden if letter in str(path)]
    if letters:
        raise WorkflowError(f"{path}: {' '.join(letters)}{reason}; choose another path")


def check_elsewhere(paths: tuple[Path, ...], chosen: Mapping[str, str]) -> None:
    """Raise WorkflowError for names that Snakemake does not pass on whole to other machines."""
    for path in paths:
        check_path(path, "$`\\\"'", " are not passed on to jobs on other machines")
    for key, value in chosen.items():
        if choice(key, value) != f"{key}={value}":
            raise WorkflowError(
                f"--config {key}: {value}: needs quotes, which are not passed on to jobs on"
                " other machines; choose another path"
            )
