"""One run of the small suite from nothing, which many tests look at or go on from."""

import fcntl
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from clearbench.warm import VARIABLE, warm_process

from . import forked
from .bench import COLD, Bench
from .forked import forked_snakemake


@pytest.fixture(scope="session")
def warm() -> Iterator[str]:
    """The address of a process that runs the jobs of all tests, each by the code of its bench."""
    with warm_process() as address:
        while not Path(address).exists():
            time.sleep(0.1)
        yield address


@pytest.fixture(scope="package", autouse=True)
def _among_warm_calls(warm) -> Iterator[None]:
    with forked_snakemake() as address, pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, warm)
        patch.setenv(forked.VARIABLE, address)
        yield


@pytest.fixture
def fresh(tmp_path) -> Bench:
    """A working directory without results."""
    folder = tmp_path / "bench"
    folder.mkdir()
    return Bench(folder).fill()


@pytest.fixture(scope="session")
def finished(tmp_path_factory, request) -> Bench:
    """The small suite, run from nothing to its tables: once, whatever the number of workers.

    Tests may look at it but not change it.
    """
    parent = tmp_path_factory.getbasetemp()
    if hasattr(request.config, "workerinput"):
        parent = parent.parent
    # As a person may name a folder: all tests of this run show that it breaks nothing.
    bench = Bench(parent / '-it\'s a "checkout" & $HOME; {ü}')
    with Path(parent / "finished.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not bench.folder.exists():
            bench.folder.mkdir()
            bench.fill().write()
            # As `make` does it, beside a warm process of its own.
            warm = [sys.executable, "-m", "clearbench.warm"]
            done = bench.call([*warm, *bench.command()], **COLD)
            (bench.folder / "output").write_text(done.output)
    assert (bench.results() / "tables/manifest.json").exists(), (
        bench.folder / "output"
    ).read_text()
    return bench


@pytest.fixture
def bench(finished, tmp_path) -> Bench:
    """A copy of the finished run, to go on from."""
    return finished.copy(tmp_path / "bench")
