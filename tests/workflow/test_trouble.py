"""Cells that diverge or fail: what is done stays, what is not is shown."""

import os

from clearbench.jobs.artifacts import FAILURE, MANIFEST, PROVENANCE

METHODS = {"retain_ft": {}, "npo": {}}
TIMES = (0, 1600000000, 4102444800)
UNTRIED = "if len(student.forget.labels) > 40:\n"
"""What a method's trial ahead of the jobs does not see: a batch of more than a few tokens."""
EVALUATED = ["evaluate", "report", "score", "tables", "unlearn"]


def status_of(frame, method):
    (status,) = set(frame[(frame.method == method) & (frame.metric == "forget")].status)
    return status


def test_a_diverged_cell_is_in_the_tables_and_stops_nothing(bench):
    bench.write(modalities=["text"], methods={"ga": {"lr": 1e30}, **METHODS})
    done = bench.snakemake()
    assert (done.status, done.jobs) == (0, EVALUATED), done.output
    frame = bench.table()
    assert [status_of(frame, name) for name in ("ga", *METHODS)] == ["diverged", "ok", "ok"]
    assert "diverged (step 2)" in (bench.results() / "tables/comparison.md").read_text()
    files = {path.name for path in (bench.results() / "unlearn/ga/text/forget10/seed0").iterdir()}
    assert files == {MANIFEST, PROVENANCE}


def test_a_rerun_that_fails_leaves_what_was_there_and_taken_back_makes_nothing(bench, monkeypatch):
    bench, cell = bench.with_own_code(), "unlearn/npo/text/forget10/seed0"
    before, records = bench.contents(), bench.records()
    right, wrong = (
        "ratio = ",
        f'{UNTRIED}            raise ValueError("no ratio")\n        ratio = ',
    )
    bench.edit("methods/npo.py", right, wrong)
    failed = bench.snakemake("--keep-going")
    assert (failed.status, failed.jobs) == (1, []), failed.output
    assert "incomplete" not in failed.output
    frame = bench.table(kind="partial-tables")
    assert [status_of(frame, name) for name in METHODS] == ["ok", "failed"]
    told = bench.clearbench("why", cell.partition("/")[2]).output
    assert "no ratio; what is here was made before" in told
    assert "code: clearbench.methods.npo changed" in told
    assert f"{cell}: failed: " in bench.clearbench("audit", "--fast").output

    # Somebody's times, files, disks and containers are no reason to make anything.
    for number, path in enumerate(sorted(bench.results().rglob("*.json"))):
        os.utime(path, (TIMES[number % len(TIMES)],) * 2)
    folder, disk = bench.results() / cell, bench.folder / "disk"
    (folder / ".DS_Store").write_text("")
    folder.rename(disk)
    folder.symlink_to(disk)
    for name in ("own.sif", "clearbench-cuda.sif"):
        (bench.folder / name).write_text(name)
    monkeypatch.setenv("APPTAINER_CONTAINER", str(bench.folder / "own.sif"))
    bench.edit("methods/npo.py", wrong, right)
    taken_back = bench.snakemake()
    assert (taken_back.status, taken_back.jobs) == (0, []), taken_back.output
    told = bench.clearbench("why", str(folder / "adapter_model.safetensors")).output
    assert told == f"{cell}: current\n"
    folder.unlink()
    disk.rename(folder)
    (folder / ".DS_Store").unlink()
    assert bench.contents() == before
    assert bench.records() == records


def test_a_failed_cell_leaves_the_others_and_reruns_alone_once_it_is_mended(bench):
    # gd is new as well, so that something must go on.
    bench = bench.with_own_code()
    right, wrong = (
        "target = ",
        f'{UNTRIED}            raise ValueError("no target")\n        target = ',
    )
    bench.edit("methods/rmu.py", right, wrong)
    bench.write(modalities=["text"], methods={"rmu": {"layer": 1}, "gd": {}, **METHODS})
    failed = bench.snakemake()
    assert failed.status != 0
    assert failed.jobs == ["evaluate", "score", "unlearn"], failed.output
    frame = bench.table(kind="partial-tables")
    assert [status_of(frame, name) for name in ("rmu", "gd", *METHODS)] == ["failed", *["ok"] * 3]
    cell = bench.results() / "unlearn/rmu/text/forget10/seed0"
    assert {path.name for path in cell.iterdir()} == {FAILURE}
    assert "Traceback" not in failed.output, failed.output
    assert "--settings" not in failed.output, "the command buries what it said"

    bench.edit("methods/rmu.py", wrong, right)
    mended = bench.snakemake()
    assert (mended.status, mended.jobs) == (0, EVALUATED), mended.output
    assert status_of(bench.table(), "rmu") == "ok"
    assert not (bench.results() / "partial-tables").exists(), "tables of the failed run remain"
