"""Cells that diverge, jobs that fail or are killed: what is done stays, nothing false appears."""

import subprocess
import time
from pathlib import Path

import psutil

from clearbench.artifacts import FAILURE, MANIFEST, PROVENANCE

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


def kill_in_the_middle(bench, stage, part):
    """Start Snakemake and kill a job of a stage once it has begun to write; gives the status."""
    # Not warm, for the job is then the process that carries its name.
    with subprocess.Popen(
        bench.command("--keep-going"),
        cwd=bench.folder,
        env=bench.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as snakemake:
        while not part.exists():
            assert snakemake.poll() is None, f"no {stage} job wrote to {part}"
            time.sleep(0.02)
        (job,) = (
            process
            for process in psutil.Process(snakemake.pid).children(recursive=True)
            if any(
                word.endswith("/clearbench") and following == stage
                for word, following in zip(process.cmdline(), process.cmdline()[1:], strict=False)
            )
        )
        job.kill()
        return snakemake.wait()


def test_a_run_with_a_killed_job_ends_elsewhere_in_the_same_bytes(fresh, finished):
    fresh.write()
    status = kill_in_the_middle(fresh, "base", fresh.results() / ".base.part")
    assert status != 0
    assert not (fresh.results() / "base").exists()

    done = fresh.snakemake("--rerun-incomplete")
    assert done.status == 0, done.output
    assert "generate" not in done.jobs
    assert contents(fresh) == contents(finished)


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
