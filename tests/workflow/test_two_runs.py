"""Two Snakemake runs on one results tree: the second says that the first holds it."""

import signal
import subprocess
import time

from clearbench.jobs.artifacts import part_folder

from .bench import Bench


def start(bench, part):
    """Start a run, and wait until a job of it has begun."""
    snakemake = subprocess.Popen(
        bench.command(),
        cwd=bench.folder,
        env=bench.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while not part.exists():
        assert snakemake.poll() is None
        time.sleep(0.02)
    return snakemake


def test_a_second_run_says_who_holds_the_results_and_changes_nothing(fresh, tmp_path):
    fresh.write()
    first = start(fresh, part_folder(fresh.results() / "base/seed0"))
    try:
        # The same tree from another working directory, where Snakemake's own lock does not reach.
        (tmp_path / "other").mkdir()
        other = Bench(tmp_path / "other").fill()
        other.write()
        (other.folder / "results").symlink_to(fresh.folder / "results")
        before = fresh.records()
        done = other.snakemake()
        assert done.status != 0
        assert done.jobs == []
        assert f"results/suite: snakemake, process {first.pid} on " in done.output
        assert "is running on these results; wait for its end, or stop it" in done.output
        assert "Traceback" not in done.output
        # To look is allowed.
        assert other.snakemake("--dry-run").status == 0

        # And from the same working directory.
        done = fresh.snakemake()
        assert done.status != 0
        assert f"results/suite: snakemake, process {first.pid} on " in done.output
        assert fresh.records().keys() >= before.keys()
    finally:
        first.send_signal(signal.SIGINT)
        first.wait()
    # It is free again, and what the first made is there.
    done = other.snakemake("results/suite/dataset/manifest.json")
    assert (done.status, done.jobs) == (0, []), done.output
