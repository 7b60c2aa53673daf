"""Which calls the warm process answers, and how."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from clearbench.warm import VARIABLE

ROOT = Path(__file__).resolve().parents[2]
CALL = "from clearbench.warm import delegate; print(delegate())"
SERVER = """
import sys
from clearbench.cli.serve import serve

serve(sys.argv[1], lambda: sys.exit(7))
"""


@contextmanager
def server(name: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process that answers each call with status 7, as an engine's job would start it."""
    with TemporaryDirectory(prefix="clearbench-", dir="/tmp") as folder:
        address = f"{folder}/{name}"
        process = subprocess.Popen(
            [sys.executable, "-c", SERVER, address],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
            preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM]),
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        try:
            yield process, address
        finally:
            process.communicate()


def call(address: str, **variables: str) -> tuple[str, str]:
    """What delegating a call gives, and what it says."""
    told = {"PYTHONPATH": str(ROOT / "src"), VARIABLE: address, **variables}
    known = {name: value for name, value in os.environ.items() if name != "CLEARBENCH_KERNELS"}
    done = subprocess.run(
        [sys.executable, "-c", CALL], env={**known, **told}, capture_output=True, text=True
    )
    return done.stdout.strip(), done.stderr


def test_a_call_goes_to_the_side_of_the_image_that_it_is_on():
    inside = {"APPTAINER_CONTAINER": "some.sif"}
    with server("pinned") as (_, address):
        assert call(address) == ("7", "")
        assert call(address, **inside) == ("None", "")
    with server("pinned-in-image") as (_, address):
        assert call(address) == ("None", "")
        assert call(address, **inside) == ("7", "")
        assert call(address, **inside, CLEARBENCH_KERNELS="native") == ("None", "")


def test_no_job_is_begun_when_an_engine_has_asked_all_processes_to_end():
    with server("pinned") as (process, address):
        assert call(address)[0] == "7"
        process.send_signal(signal.SIGTERM)
        status, said = call(address)
    assert status == str(128 + signal.SIGTERM)
    assert said == "clearbench: not begun, for the job of the cluster has been asked to end\n"
