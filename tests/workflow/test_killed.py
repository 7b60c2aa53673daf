"""Killed jobs and runs: nothing unfinished is taken for a result, nothing done is redone."""

import os
import shutil
import signal
import subprocess
import time
from contextlib import contextmanager, suppress

import psutil

from clearbench.jobs.artifacts import MANIFEST, part_folder

from .bench import COLD

MADE = ["evaluate", "report", "score", "tables", "unlearn"]


@contextmanager
def run_to_the_middle(bench, part):
    """Start Snakemake and wait until a job has begun to write its part folder."""
    # Not warm, for a job is then the process that carries its stage's name.
    with (
        (bench.folder / "output").open("w") as output,
        subprocess.Popen(
            bench.command(),
            cwd=bench.folder,
            env={**bench.environment, **COLD},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as snakemake,
    ):
        while not part.exists():
            assert snakemake.poll() is None, f"no job wrote to {part}"
            time.sleep(0.02)
        yield snakemake


def makes(process, artifact):
    """Whether a process is the job of an artifact, e.g. `base/seed0`."""
    words = process.cmdline()
    return any(word.endswith("/clearbench") for word in words) and any(
        word.endswith(f"/{artifact}") for word in words
    )


def test_a_run_with_a_killed_job_ends_elsewhere_in_the_same_bytes(fresh, finished):
    fresh.write()
    with run_to_the_middle(fresh, part_folder(fresh.results() / "base/seed0")) as snakemake:
        processes = psutil.Process(snakemake.pid).children(recursive=True)
        (job,) = (process for process in processes if makes(process, "base/seed0"))
        job.kill()
        assert snakemake.wait() != 0
    assert not (fresh.results() / "base/seed0").exists()

    done = fresh.snakemake()
    assert done.status == 0, done.output
    assert "generate" not in done.jobs
    assert fresh.contents() == finished.contents()


def test_ctrl_c_is_told_as_what_it_is_and_not_as_jobs_that_failed(bench):
    run = "npo/text/forget10/seed0"
    for gone in ("tables", f"unlearn/{run}", f"evaluate/{run}", f"score/{run}"):
        shutil.rmtree(bench.results() / gone)
    with run_to_the_middle(bench, part_folder(bench.results() / "unlearn" / run)) as snakemake:
        # A terminal's goes to all that runs in it.
        os.killpg(snakemake.pid, signal.SIGINT)
        assert snakemake.wait() != 0
    output = (bench.folder / "output").read_text()
    assert "Error" not in output, output
    assert output.splitlines()[-1].startswith("clearbench: stopped by you; what is done stays")


def test_a_machine_that_dies_in_a_cell_leaves_nothing_that_is_taken_for_the_cell(bench, finished):
    run = "npo/text/forget10/seed0"
    for gone in ("tables", f"unlearn/{run}", f"evaluate/{run}", f"score/{run}"):
        shutil.rmtree(bench.results() / gone)
    cell = bench.results() / "unlearn" / run
    part = part_folder(cell)
    with run_to_the_middle(bench, part) as snakemake:
        process = psutil.Process(snakemake.pid)
        for each in [process, *process.children(recursive=True)]:
            # One that waited for another may be gone by itself.
            with suppress(psutil.NoSuchProcess):
                each.kill()
    assert part.exists()
    assert not (cell / MANIFEST).exists()

    # As a user types it, who knows of no lock and of nothing incomplete.
    done = bench.snakemake()
    assert (done.status, done.jobs) == (0, MADE), done.output
    assert bench.contents() == finished.contents()
