"""Jobs that SLURM ends go on where they were: what is done twice is counted step by step.

Four cells are unlearned in the image, by steps of half a second, and none gets the time that it
needs. One is put back into the queue, one is cancelled, and one is killed with all that it is made
of.
"""

import json
import shutil
from collections import Counter
from pathlib import Path

import pytest

from clearbench.jobs.artifacts import MANIFEST, PROVENANCE
from workflow.bench import TRAINING

from .cluster import wait_until

LINE = "        self._steps += 1\n"
PATCH = (
    LINE
    + """        if "unlearn" in str(self._path):
            time.sleep(0.5 if "SLURM_JOB_ID" in __import__("os").environ else 0)
            with open(f"steps/{'-'.join(self._path.parts[3:5])}", "a") as file:
                print(self._steps, file=file)
"""
)
"""Each step takes half a second at least, and leaves its number in the file of its cell."""

CELLS = ["retain_ft-text", "retain_ft-both", "npo-text", "npo-both"]
TARGETS = [
    f"results/suite/unlearn/{name.replace('-', '/')}/forget10/seed0/manifest.json" for name in CELLS
]
PROFILE = ("--profile", "slurm", "--slurm-init-seconds-before-status-checks", "2", "--retries", "5")
SAME_IMAGE = ("--software-deployment-method", "apptainer")
LONGER = {**TRAINING, "lr": 1.0e-3, "epochs": 6, "batch_size": 8}


@pytest.fixture
def slow(fresh):
    """A working directory whose cells take many steps, and each of them its time."""
    path = fresh.folder / "src/clearbench/jobs/state.py"
    text = path.read_text()
    assert text.count(LINE) == 1
    path.write_text(text.replace(LINE, PATCH))
    (fresh.folder / "steps").mkdir()
    fresh.resources(unlearn={"mem_mb": 2000, "minutes": 1})
    fresh.write_site(max_minutes=1)
    fresh.write(unlearn=LONGER)
    fresh.give()
    return fresh


def steps(bench, name: str) -> list[int]:
    """The steps of a cell in the order in which they were done."""
    path = bench.folder / "steps" / name
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def folder(bench, name: str) -> Path:
    """Where a cell is."""
    return bench.results() / f"unlearn/{name.replace('-', '/')}/forget10/seed0"


def record(bench, name: str) -> dict:
    return json.loads((folder(bench, name) / PROVENANCE).read_text())


def digests(bench, name: str) -> dict:
    """The digests of what a cell has."""
    return json.loads((folder(bench, name) / MANIFEST).read_text())["files"]


def twice(bench, name: str) -> int:
    """How many steps of a cell were done more than once."""
    return sum(count - 1 for count in Counter(steps(bench, name)).values())


def test_what_slurm_ends_goes_on_to_the_same_bytes_and_does_no_step_twice(slow, cluster):
    running = slow.start(*PROFILE, *TARGETS)

    def meet(name: str) -> str:
        """The job of a cell that has done some steps since it was started last."""
        before = len(steps(slow, name))
        wait_until(lambda: len(steps(slow, name)) >= before + 5)
        (number,) = slow.jobs_of(*name.split("-"))
        return number

    requeued, cancelled, killed = "npo-both", "retain_ft-both", "npo-text"
    number = meet(requeued)
    cluster.ask("scontrol", "requeue", number)
    cluster.ask("scancel", meet(cancelled))
    cluster.ask("scancel", "--signal=KILL", "--full", meet(killed))
    assert running.wait(timeout=900) == 0, slow.output() + slow.logs()

    redone = {name: twice(slow, name) for name in CELLS}
    # A save is done a second after the last one at the latest, and takes less than a step.
    assert redone.pop(killed) <= 4
    assert set(redone.values()) == {0}, redone
    records = {cell: record(slow, cell) for cell in CELLS}
    assert records[requeued]["slurm"]["restarts"] == 1
    # Of what has to be made in three times a minute, nothing is lost between them.
    assert all(record["resumed_at_steps"] for record in records.values())
    assert max(len(record["resumed_at_steps"]) for record in records.values()) >= 2
    assert all(record["slurm"]["time_limit"] == "1:00" for record in records.values())
    cell = folder(slow, requeued).relative_to(slow.results())
    log = (slow.results() / "logs" / f"{cell}.log").read_text()
    assert log.count("== 20") == 1 + len(records[requeued]["resumed_at_steps"])
    assert "ended by SIGTERM after step" in log
    assert "ended ahead of its time limit after step" in log

    before = {name: digests(slow, name) for name in CELLS}
    for name in CELLS:
        shutil.rmtree(folder(slow, name))
    undisturbed = slow.snakemake("--cores", "2", *SAME_IMAGE, *TARGETS)
    assert undisturbed.status == 0, undisturbed.output
    assert {name: digests(slow, name) for name in CELLS} == before
