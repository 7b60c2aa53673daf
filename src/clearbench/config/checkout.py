"""Where the files of the workflow lie: its locks, its site file."""

from pathlib import Path

_CHECKOUT = Path(__file__).resolve().parents[3]


def of_workflow(path: Path) -> Path:
    """A file or folder of the workflow: below the working directory, else beside this code.

    Jobs start in the folder of the Snakefile; a recorded command may be typed anywhere.
    """
    beside = _CHECKOUT / path
    return beside if not path.exists() and beside.exists() else path
