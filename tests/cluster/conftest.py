"""One cluster for all tests of this folder; skipped, with the reason, where none can be had."""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from .bench import ClusterBench
from .cluster import SYSTEM, Cluster, foreign

STATE = Path("/var/lib/clearbench-cluster")
HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """SLURM with an idle node, and the venv and the image of its user."""
    reason = STATE / "unavailable"
    if reason.exists():
        pytest.skip(f"no cluster: {reason.read_text().strip()}")
    if not (STATE / "ready").exists() or os.getuid() != 0:
        pytest.skip("no cluster: tests/cluster/install.sh has not been run, as root")
    if foreign():
        pytest.skip(f"no cluster: this machine has one, by {SYSTEM}")
    made = subprocess.run(
        [HERE / "environment.sh"], stdout=subprocess.PIPE, text=True, check=True
    ).stdout.split()
    # One at a time: the ports and the configuration are the machine's.
    lock = (STATE / "lock").open("w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    # The ordinary user has to get in, and pytest shuts its own folders to all but root.
    with TemporaryDirectory(prefix="clearbench-cluster-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        cluster = Cluster(folder / "slurm", Path(made[0]), Path(made[1]))
        try:
            cluster.start()
            yield cluster
        finally:
            cluster.stop()


@pytest.fixture(scope="session")
def finished(cluster) -> ClusterBench:
    """The small suite, run on the cluster from nothing to its tables; tests only look at it."""
    bench = ClusterBench(cluster.folder.parent / "finished", cluster=cluster).fill()
    bench.commit()
    done = bench.snakemake("--profile", "slurm")
    assert done.status == 0, done.output
    return bench


@pytest.fixture(scope="session")
def local(cluster) -> ClusterBench:
    """The same suite on this machine, without SLURM and the image, beside a warm process."""
    bench = ClusterBench(cluster.folder.parent / "local", cluster=cluster).fill()
    warm = ("python", "-m", "clearbench.warm")
    done = bench.run(*warm, "snakemake", "--cores", "2", "--config", "suite=suite")
    assert done.status == 0, done.output
    return bench


@pytest.fixture
def fresh(cluster, request) -> Iterator[ClusterBench]:
    """A working directory of the ordinary user without results."""
    folder = cluster.folder.parent / request.node.name
    yield ClusterBench(folder, cluster=cluster).fill()
    shutil.rmtree(folder)
