"""Calls of a stage as one process or as several, by the command line.

Most of a small call is imports, and a launcher of two processes has three times as many. So `run`
forks them from a process that has imported the libraries, each with what the launcher would tell
it. What is about the launcher itself, or about signals, calls `launched` or starts a `command`.
"""

import atexit
import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile

from clearbench import parallel
from clearbench.jobs.artifacts import PROVENANCE
from clearbench.warm import ask, warm_process

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}

PATIENCE = 600
"""Seconds that a call may take: processes that wait for each other would do so for ever."""


def command(processes: int, stage: str, settings, *words: str) -> list[str]:
    """A stage as one or several processes; `OUT` stands for a folder of each number."""
    words = [word.replace("OUT", str(processes)) for word in words]
    many = ["--processes", str(processes)] if processes > 1 else []
    made_of = (
        ["--dataset", "dataset"] if stage == "base" else ["--base", "base", "--dataset", "dataset"]
    )
    given = ["--settings", settings.model_dump_json(), *made_of, *words]
    return [sys.executable, "-m", "clearbench", *many, stage, *given]


def launched(
    root: Path, processes: int, stage: str, settings, *words: str, **variables: str
) -> None:
    """Call a stage as a user does, in an environment with further variables."""
    done = subprocess.run(
        command(processes, stage, settings, *words),
        cwd=root,
        env={**ENVIRONMENT, **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr


def run(root: Path, processes: int, stage: str, settings, *words: str) -> None:
    """Call a stage, as forks of a process that has imported the libraries."""
    # The connection on which a fork tells its end; without it the fork ends.
    socket.setdefaulttimeout(PATIENCE)
    called = ["clearbench", *command(processes, stage, settings, *words)[3:]]
    if processes == 1:
        _assert_done(_forked(called, root, {}))
        return
    called.insert(1, parallel.LAUNCHED)
    meeting = {"WORLD_SIZE": str(processes), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": _port()}
    with ThreadPoolExecutor(processes) as pool:
        ranks = (meeting | {"RANK": str(n), "LOCAL_RANK": str(n)} for n in range(processes))
        jobs = [pool.submit(_forked, called, root, variables) for variables in ranks]
        for job in jobs:
            _assert_done(job.result())


def _assert_done(ended: tuple[bytes | None, str]) -> None:
    answer, errors = ended
    assert answer == b"\0", errors


def _forked(
    called: list[str], root: Path, variables: Mapping[str, str]
) -> tuple[bytes | None, str]:
    """What the process answers to a call, and the call's errors."""
    request = {"argv": called, "cwd": str(root), "env": ENVIRONMENT | variables, "path": sys.path}
    with Path(os.devnull).open("r+") as nothing, TemporaryFile() as errors:
        answer = ask(_imported(), request, [nothing.fileno(), nothing.fileno(), errors.fileno()])
        errors.seek(0)
        return answer, errors.read().decode()


@cache
def _imported() -> str:
    """The address of a process that has imported the libraries; it ends with this one."""
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(warm_process(wait=PATIENCE))


def _port() -> str:
    """A port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])


def facts(folder: Path) -> dict:
    return json.loads((folder / PROVENANCE).read_text())
