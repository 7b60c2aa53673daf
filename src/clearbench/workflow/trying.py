"""Methods and metrics are tried before the first job, in a process of its own."""

import json
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

from snakemake.exceptions import WorkflowError

from clearbench.jobs.fingerprint import code_of
from clearbench.results.currency import Status


def try_out(suite: Path, statuses: Iterable[Status]) -> None:
    """Try the methods and metrics on random numbers, where cells or scores are to be made.

    What passed is not tried again here, until code or settings of it change.
    Raises WorkflowError for the first mistake, before any job has started. In a process of its
    own, for torch takes seconds to load and all the memory that it ever had.
    """
    tried = [
        status.artifact
        for status in statuses
        if status.artifact.stage in ("unlearn", "score") and not status.current
    ]
    code = {
        json.dumps(
            [artifact.stage, artifact.options.get("method"), artifact.settings], sort_keys=True
        ): code_of(artifact.stage, artifact.resolved)
        for artifact in tried
    }
    digest = sha256(json.dumps(code, sort_keys=True).encode()).hexdigest()
    passed = Path(".snakemake") / "tried" / digest
    if not tried or passed.exists() or find_spec("torch") is None:
        return
    command = [sys.executable, "-m", "clearbench", "check", "--suite", str(suite)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise WorkflowError(done.stderr.strip().removeprefix("clearbench: "))
    with suppress(OSError):
        passed.parent.mkdir(parents=True, exist_ok=True)
        passed.touch()
