"""Snakemake's calls, in forks of a process that has imported it: most of a small call is imports.

`python forked.py SOCKET` serves them as `clearbench.cli.serve` does jobs: each is Snakemake's own
command line with the arguments, environment and folder of its caller, by the code of its bench.
What is about signals and terminals starts Snakemake itself, as do `finished` and the cluster.
"""

import importlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile

from snakemake import cli

from clearbench.cli.serve import serve
from clearbench.warm import ask

VARIABLE = "CLEARBENCH_FORKED"
"""The environment variable that names the socket."""

IMPORTED = ("clearbench.workflow", "smart_open", "snakemake.report.html_reporter")


@contextmanager
def forked_snakemake() -> Iterator[str]:
    """The address of a process that answers calls of Snakemake."""
    with TemporaryDirectory(prefix="clearbench-", dir="/tmp") as folder:
        address = Path(folder) / "snakemake"
        command = [sys.executable, __file__, address]
        server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        try:
            while not address.exists():
                assert server.poll() is None
                time.sleep(0.1)
            yield str(address)
        finally:
            server.kill()
            server.wait()


def is_snakemake(command: Sequence[str]) -> bool:
    """Whether a command is a call of Snakemake and nothing else."""
    return command[0] == "snakemake" or list(command[:3]) == [sys.executable, "-m", "snakemake"]


def call(
    command: Sequence[str], folder: Path, environment: Mapping[str, str]
) -> tuple[int, str, str]:
    """The exit status of a call of Snakemake, its output and its errors."""
    # As Python begins: the folder, PYTHONPATH, and what comes with Python and the environment.
    own = [path for path in sys.path if path.startswith((sys.prefix, sys.base_prefix))]
    request = {
        "argv": command[command.index("snakemake") :],
        "cwd": str(folder),
        "env": dict(environment),
        "path": [str(folder), *environment["PYTHONPATH"].split(os.pathsep), *own],
    }
    with Path(os.devnull).open() as nothing, TemporaryFile() as output, TemporaryFile() as errors:
        standard = [file.fileno() for file in (nothing, output, errors)]
        answer = ask(environment[VARIABLE], request, standard)
        assert answer, "Snakemake's process is not there, or its fork was killed"
        output.seek(0)
        errors.seek(0)
        return answer[0], output.read().decode(), errors.read().decode()


if __name__ == "__main__":
    for name in IMPORTED:
        importlib.import_module(name)
    # This looks for Snakemake's plugins, once a process.
    cli.get_argument_parser()
    serve(sys.argv[1], cli.main)
