"""Where the files of the workflow lie: its locks, its site file."""

from pathlib import Path

_CHECKOUT = Path(__file__).resolve().parents[3]


def of_workflow(path: Path) -> Path:
    """A file or folder of the workflow: below the working directory, if that is the workflow's.

    Jobs start there, but a recorded command may be typed anywhere: then it lies beside this code.
    """
    here = Path("Snakefile").exists() or path.exists()
    beside = _CHECKOUT / path
    return beside if not here and beside.exists() else path
