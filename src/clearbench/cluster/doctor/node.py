"""What is looked at on a node: shared folder, scratch, Apptainer; then the same from the image.

`python -m clearbench.cluster.doctor.node REQUIREMENTS`, started there by srun, prints its findings.
"""

import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from clearbench.cluster.doctor.finding import Finding, from_text, look, look_at_setup, to_text
from clearbench.cluster.doctor.requirements import Requirements
from clearbench.config.site import SITE, enter, load_site
from clearbench.errors import UserError


def examine(required: Requirements) -> Iterator[Finding]:
    """All findings from here."""
    host = socket.gethostname()
    kind = "GPU node" if required.gpu else "node"
    yield from look_at_setup(f"{kind} {host}, ", load_site())
    shared = look(
        f"{kind} {host}, working directory",
        partial(_shared, Path(required.token)),
        "run in a folder on a file system that login node and nodes share",
    )
    yield shared
    if not required.gpu:
        yield look(
            f"{kind} {host}, temporary files",
            partial(_scratch, required.scratch),
            f"set scratch in {SITE} to a folder that jobs may write",
        )
    yield from _from_the_image(f"{kind} {host}", required)


def _shared(token: Path) -> str:
    if not token.is_file():
        raise UserError(f"{Path.cwd()}: a file that the login node wrote is not there")
    with tempfile.NamedTemporaryFile(dir=".", prefix=".doctor-"):
        pass
    return f"{Path.cwd()}, shared and writable"


def _scratch(folder: str | None) -> str:
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        return f"{Path(file.name).parent}, writable"


def _from_the_image(where: str, required: Requirements) -> list[Finding]:
    """What a process in the image reports, started as a job's would be."""
    enter(load_site())
    words = ["apptainer", "exec", "--home", str(Path.cwd()), required.image]
    words += ["python", "-m", "clearbench.cluster.doctor.inside", required.text()]
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        return [Finding(f"{where}, {f.what}", f.seen, f.remedy) for f in from_text(done.stdout)]
    except FileNotFoundError:
        return [Finding(f"{where}, Apptainer", "no such command", "install Apptainer on the nodes")]
    except ValueError:
        lines = done.stderr.strip().splitlines() or [f"status {done.returncode}"]
        return [
            Finding(
                f"{where}, image",
                f"does not start: {lines[-1]}",
                "the image must lie on a shared file system, and Apptainer needs user namespaces"
                " (`unshare --user true`) or its setuid program",
            )
        ]


if __name__ == "__main__":
    print(to_text(examine(Requirements.read(sys.argv[1]))))
