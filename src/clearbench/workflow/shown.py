"""Whether the image shows what jobs read and write, asked before any of them starts."""

import os
import shlex
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

from clearbench.errors import BIND, UserError

_ASK = 'for path do test -e "$path" || echo "$path"; done; test -w "$1" || echo "$1"'


def check_shown(image: Path, arguments: str, root: Path, data: Iterable[Path]) -> None:
    """Raise UserError for a results tree, or a folder of data, that can't be used in the image.

    What lies below the working directory or is bound by the site is; of all else, Apptainer is
    asked, whose own configuration may bind more. `arguments` are what it is given by the user.
    """
    # The tree itself may not be there yet.
    tree = next(path for path in (root.absolute(), *root.absolute().parents) if path.exists())
    named = {tree: root} | {path.absolute(): path for path in data}
    bound = [Path.cwd(), *_bound()]
    if all(any(_lies_in(path, folder) for folder in bound) for path in named):
        return
    words = into_image(image, arguments)
    if shutil.which(words[0]) is None:
        return
    asked = [*words, "sh", "-c", _ASK, "sh", *map(str, named)]
    answer = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.splitlines()
    for path, name in named.items():
        if str(path) in answer:
            what = "written" if path == tree else "seen"
            raise UserError(f"{name}: cannot be {what} in the image {image}; {BIND}")


def into_image(image: Path, arguments: str) -> list[str]:
    """The words before those of a command that start it in the image as Snakemake does a job's.

    `arguments` are what Apptainer is given by the user.
    """
    apptainer = "apptainer" if shutil.which("apptainer") else "singularity"
    return [apptainer, "exec", "--home", str(Path.cwd()), *shlex.split(arguments), str(image)]


def _bound() -> Iterator[Path]:
    """The folders that Apptainer is told to bind, as they are named in the image."""
    for bind in os.environ.get("APPTAINER_BIND", "").split(","):
        if bind:
            source, _, rest = bind.partition(":")
            yield Path(rest.partition(":")[0] or source)


def _lies_in(path: Path, folder: Path) -> bool:
    """Whether a path lies in a folder, and so does what it is a link to."""
    return path.is_relative_to(folder) and path.resolve().is_relative_to(folder.resolve())
