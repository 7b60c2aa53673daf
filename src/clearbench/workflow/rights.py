"""What a run writes is its user's to write: asked before it starts, for it is told in one line.

Others of a group may have left it, and Snakemake tells some of it in a traceback, some only after
the job has done its work.
"""

import os
from collections.abc import Collection, Iterable
from pathlib import Path

from snakemake.exceptions import WorkflowError

from clearbench.errors import may, owned

_NOTES = Path(".snakemake")
_NOTED = ("log", "metadata", "incomplete", "iocache", "iocache/latest.pkl", "locks")
"""What Snakemake writes to in its own folder, in a dry run as well."""


def check_folder(root: Path) -> None:
    """Raise WorkflowError for a results tree in a file; OSError where it can't be looked into."""
    for folder in (root, *root.parents):
        if folder.exists() and not folder.is_dir():
            raise WorkflowError(f"--config results: {folder} is a file; name a folder")
    if root.is_dir():
        os.scandir(root).close()


def check_notes() -> None:
    """Raise WorkflowError or OSError where Snakemake may not keep its notes here."""
    for path in (_NOTES, *(_NOTES / name for name in _NOTED)):
        _check(path)


def check_outputs(outputs: Iterable[str], logs: Collection[str], only_looks: bool) -> None:
    """Raise WorkflowError for the first file that is to be written, and may not be.

    Of what is not there, a run that `only_looks` says what would be made.
    """
    if only_looks:
        outputs, logs = [path for path in outputs if Path(path).exists()], []
    # The rules keep beside each log what all attempts said.
    beside = [str(Path(log).with_suffix(".attempts")) for log in logs]
    for name in (*outputs, *logs, *beside):
        _check(Path(name).parent)
        _check(Path(name))


def _check(path: Path) -> None:
    above = [folder for folder in path.parents if folder != Path()]
    nearest = next(p for p in (path, *above, Path.cwd()) if p.exists())
    mode = os.W_OK | os.X_OK if nearest.is_dir() else os.W_OK
    if not may(nearest, mode):
        raise WorkflowError(
            f"{path}: cannot be written (Permission denied); {owned(nearest, path)}"
        )
