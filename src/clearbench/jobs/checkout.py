"""Which commit the code is of that runs here."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

CHECKOUT = "CLEARBENCH_CHECKOUT"
"""The environment variable that tells a job in an image, where no git is, what `checkout` gives."""

_ROOT = Path(__file__).resolve().parents[3]
# Who runs the code of a checkout trusts its owner; so git may read it, whoever owns it. Not so a
# repository around it, whose configuration may name commands for git to run.
_GIT = ("git", "--no-optional-locks", "-c", f"safe.directory={_ROOT}", "-c", "core.fsmonitor=false")


class _UnknownError(Exception):
    """The commit is not known; the text says why."""


def checkout() -> dict[str, Any]:
    """The `commit` of the checkout that the code runs from, and whether files differ from it.

    Where they are None, `commit_unknown` says why. Neither a repository around the checkout nor one
    that git's environment variables name is taken for it.
    """
    told = os.environ.get(CHECKOUT)
    if told and "APPTAINER_CONTAINER" in os.environ:
        facts: dict[str, Any] = json.loads(told)
        return facts
    source = Path(__file__).resolve()
    try:
        commit = _commit(source)
        dirty = bool(_ask(source.parent, "status", "--porcelain"))
        return {"commit": commit, "dirty": dirty, "commit_unknown": None}
    except _UnknownError as error:
        return {"commit": None, "dirty": None, "commit_unknown": str(error)}


def _commit(source: Path) -> str:
    """The commit of the repository whose root is that of the package and which has its files."""
    top = Path(_ask(source.parent, "rev-parse", "--show-toplevel"))
    if not top.samefile(_ROOT):
        raise _UnknownError(f"{_ROOT} lies in the repository of something else, {top}")
    if not _ask(source.parent, "ls-files", "--", str(source)):
        raise _UnknownError(f"the repository {top} has not the files that run")
    return _ask(source.parent, "rev-parse", "--verify", "HEAD")


def _ask(folder: Path, *words: str) -> str:
    """What git prints, asked in a folder; none of its environment variables count."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    try:
        answer = subprocess.run(
            [*_GIT, *words],
            cwd=folder,
            env={**environment, "LC_ALL": "C"},
            capture_output=True,
            text=True,
            check=False,
            timeout=20,
        )
    except FileNotFoundError:
        raise _UnknownError("no command git") from None
    except (OSError, subprocess.SubprocessError) as error:
        raise _UnknownError(f"git: {error}") from None
    if answer.returncode != 0:
        lines = answer.stderr.strip().splitlines() or [f"exit status {answer.returncode}"]
        refused = "safe.directory" in answer.stderr and (_ROOT / ".git").exists()
        # Before 2.38, git heeds what is said of owners in its files alone.
        remedy = f"; type: git config --global --add safe.directory {_ROOT}" if refused else ""
        raise _UnknownError(f"git: {lines[0].removeprefix('fatal: ')}{remedy}")
    return answer.stdout.strip()
