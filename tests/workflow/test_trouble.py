"""Cells that diverge, jobs that fail or are killed: what is done stays, nothing false appears."""

import shutil
import subprocess
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from clearbench.artifacts import FAILURE, MANIFEST, PROVENANCE, part_folder

METHODS = {"retain_ft": {}, "npo": {}}
EVALUATED = ["evaluate", "score", "tables", "unlearn"]


def status_of(frame, method):
    (status,) = set(frame[(frame.method == method) & (frame.metric == "forget")].status)
    return status


def test_a_diverged_cell_is_in_the_tables_and_stops_nothing(bench):
    bench.write(modalities=["text"], methods={"ga": {"lr": 1e30}, **METHODS})
    done = bench.snakemake("--keep-going")
    assert (done.status, done.jobs) == (0, EVALUATED), done.output
    frame = bench.table()
    assert [status_of(frame, name) for name in ("ga", *METHODS)] == ["diverged", "ok", "ok"]
    assert "diverged (step 2)" in (bench.results() / "tables/comparison.md").read_text()
    files = {path.name for path in (bench.results() / "unlearn/ga/text/forget10/seed0").iterdir()}
    assert files == {MANIFEST, PROVENANCE}


def test_a_failed_cell_leaves_the_others_and_reruns_alone_once_it_is_mended(bench):
    # The model has layers 0 and 1. gd is new as well, so that something must go on.
    bench.write(modalities=["text"], methods={"rmu": {"layer": 99}, "gd": {}, **METHODS})
    failed = bench.snakemake("--keep-going")
    assert failed.status != 0
    assert failed.jobs == ["evaluate", "score", "unlearn"], failed.output
    frame = bench.table(kind="partial-tables")
    assert [status_of(frame, name) for name in ("rmu", "gd", *METHODS)] == ["failed", *["ok"] * 3]
    cell = bench.results() / "unlearn/rmu/text/forget10/seed0"
    assert {path.name for path in cell.iterdir()} == {FAILURE}
    assert "Traceback" not in failed.output, failed.output

    bench.write(modalities=["text"], methods={"rmu": {"layer": 1}, "gd": {}, **METHODS})
    mended = bench.snakemake("--keep-going")
    assert (mended.status, mended.jobs) == (0, EVALUATED), mended.output
    assert status_of(bench.table(), "rmu") == "ok"


@contextmanager
def run_to_the_middle(bench, part):
    """Start Snakemake and wait until a job has begun to write its part folder."""
    # Not warm, for a job is then the process that carries its stage's name.
    with subprocess.Popen(
        bench.command("--keep-going"),
        cwd=bench.folder,
        env=bench.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as snakemake:
        while not part.exists():
            assert snakemake.poll() is None, f"no job wrote to {part}"
            time.sleep(0.02)
        yield snakemake


def is_job(process, stage):
    words = process.cmdline()
    return stage in words and any(word.endswith("/clearbench") for word in words)


def test_a_run_with_a_killed_job_ends_elsewhere_in_the_same_bytes(fresh, finished):
    fresh.write()
    with run_to_the_middle(fresh, part_folder(fresh.results() / "base")) as snakemake:
        processes = psutil.Process(snakemake.pid).children(recursive=True)
        (job,) = (process for process in processes if is_job(process, "base"))
        job.kill()
        assert snakemake.wait() != 0
    assert not (fresh.results() / "base").exists()

    done = fresh.snakemake("--rerun-incomplete")
    assert done.status == 0, done.output
    assert "generate" not in done.jobs
    assert contents(fresh) == contents(finished)


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

    assert bench.snakemake("--unlock", warm=False).status == 0
    done = bench.snakemake("--rerun-incomplete")
    assert (done.status, done.jobs) == (0, EVALUATED), done.output
    assert contents(bench) == contents(finished)


def contents(bench):
    """The bytes of every artifact's files by path, without what tells one run from another."""
    root = bench.results()
    found = {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and path.name != PROVENANCE
    }
    # Tables show what the runs cost, also those of the run that was killed.
    other = ("logs/", "tables/", "partial-tables/")
    kept = {name: data for name, data in found.items() if not name.startswith(other)}
    kinds = {Path(name).name for name in kept}
    assert {"records.jsonl", "scores.json", "adapter_model.safetensors", MANIFEST} <= kinds
    return kept
