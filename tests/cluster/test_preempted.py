"""Jobs that SLURM ends go on where they were: what is done twice is counted step by step.

Of four cells that are unlearned in the image, one needs more time than any job gets, one is put
back into the queue, one is cancelled, and one is killed with all that it is made of. Two that share
a job, in which both are forked from one process, are each met by a signal.
"""

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from clearbench.jobs.artifacts import MANIFEST, PROVENANCE
from clearbench.jobs.environment import image_digest
from workflow.bench import TRAINING

from .bench import ClusterBench
from .cluster import wait_until

LINE = "        self._steps += 1\n"
PATCH = (
    LINE
    + """        end = __import__("os").environ.get("CLEARBENCH_DEADLINE")
        if end and "unlearn" in str(self._path):
            name = "-".join(self._path.parts[3:5])
            waits = name == "retain_ft-text" and self._steps in (5, 10)
            time.sleep(max(0.5, waits * (float(end) - time.time() - 6)))
            with open(f"steps/{name}", "a") as file:
                print(self._steps, file=file)
            with open(f"/proc/{__import__('os').getppid()}/cmdline") as command:
                Path(f"steps/{name}.parent").write_text(command.read())
"""
)
"""Each step of a SLURM job takes its time, and leaves its number in the file of its cell.

Beside it is the command of the process that started the cell's.

One cell waits for the end of its time twice.
"""

CELLS = ["retain_ft-text", "npo-both", "retain_ft-both", "npo-text"]
TARGETS = [
    f"results/suite/unlearn/{name.replace('-', '/')}/forget10/seed0/manifest.json" for name in CELLS
]
PROFILE = ("--profile", "slurm", "--slurm-init-seconds-before-status-checks", "2", "--retries", "9")
SAME_IMAGE = ("--software-deployment-method", "apptainer")
LONGER = {**TRAINING, "lr": 1.0e-3, "epochs": 4, "batch_size": 8}


@pytest.fixture(scope="module")
def undisturbed(cluster) -> Iterator[ClusterBench]:
    """A working directory whose cells have many steps, which were made in the image by no SLURM."""
    bench = ClusterBench(cluster.folder.parent / "undisturbed", cluster=cluster).fill()
    path = bench.folder / "src/clearbench/jobs/state.py"
    text = path.read_text()
    assert text.count(LINE) == 1
    path.write_text(text.replace(LINE, PATCH))
    (bench.folder / "steps").mkdir()
    bench.resources(unlearn={"mem_mb": 2000, "minutes": 2})
    bench.write(unlearn=LONGER)
    bench.give()
    done = bench.snakemake("--cores", "2", *TARGETS, *SAME_IMAGE)
    assert done.status == 0, done.output
    yield bench
    shutil.rmtree(bench.folder)


@pytest.fixture
def slow(undisturbed, request) -> Iterator[ClusterBench]:
    """A copy whose cells have to be made again, by SLURM, where each step takes its time."""
    bench = undisturbed.copy(undisturbed.folder.parent / request.node.name)
    for name in ("unlearn", "logs/unlearn"):
        shutil.rmtree(bench.results() / name)
    # However often a job is tried again.
    bench.write_site(max_minutes=2)
    yield bench
    shutil.rmtree(bench.folder)


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


def test_what_slurm_ends_goes_on_to_the_same_bytes_and_does_no_step_twice(
    slow, undisturbed, cluster
):
    running = slow.start(*PROFILE, *TARGETS)

    out_of_time, requeued, cancelled, killed = CELLS
    ahead = {
        requeued: lambda job: cluster.ask("scontrol", "requeue", job),
        cancelled: lambda job: cluster.ask("scancel", job),
        killed: cluster.kill,
    }
    while ahead:
        wait_until(lambda: any(len(steps(slow, name)) >= 5 for name in ahead))
        name = next(name for name in ahead if len(steps(slow, name)) >= 5)
        (number,) = slow.jobs_of(*name.split("-"))
        ahead.pop(name)(number)
    assert running.wait(timeout=900) == 0, slow.output() + slow.logs()

    redone = {name: twice(slow, name) for name in CELLS}
    # Saved once a second, or a hundred times what a save takes on a busy machine.
    assert redone.pop(killed) <= 10
    assert set(redone.values()) == {0}, redone
    records = {cell: record(slow, cell) for cell in CELLS}
    attempts = {name: 1 + len(record["resumed_at_steps"]) for name, record in records.items()}
    assert attempts[out_of_time] >= 3
    assert records[out_of_time]["slurm"]["time_limit"] == "2:00"
    assert min(attempts.values()) >= 2
    for name, told in (
        (requeued, "ended by SIGTERM"),
        (out_of_time, "ended ahead of its time limit"),
    ):
        cell = folder(slow, name).relative_to(slow.results())
        log = (slow.results() / "logs" / f"{cell}.attempts").read_text()
        assert log.count("== 20") == attempts[name]
        assert f"{told} after step" in log
    for name in CELLS:
        assert digests(slow, name) == digests(undisturbed, name)


def test_cells_of_a_shared_job_are_forked_and_each_goes_on_where_a_signal_met_it(
    slow, undisturbed, cluster
):
    cells = ["npo-both", "npo-text"]
    targets = [target for target in TARGETS if "/npo/" in target]
    # Room for both, however long their evaluations and scores may take.
    slow.write_site(group_minutes=200)
    running = slow.start(*PROFILE, *targets)
    ahead = set(cells)
    while ahead:
        wait_until(lambda: running.poll() or any(len(steps(slow, name)) >= 5 for name in ahead))
        assert running.poll() is None, slow.output() + slow.logs()
        ahead.remove(next(name for name in ahead if len(steps(slow, name)) >= 5))
        (job,) = cluster.jobs()
        cluster.ask("scancel", job)
    assert running.wait(timeout=900) == 0, slow.output() + slow.logs()

    assert {name: twice(slow, name) for name in cells} == dict.fromkeys(cells, 0)
    records = [record(slow, name) for name in cells]
    assert [len(record["resumed_at_steps"]) for record in records] == [1, 1]
    assert {record["image"] for record in records} == {image_digest(cluster.image)}
    for name in cells:
        parent = (slow.folder / f"steps/{name}.parent").read_text().split("\0")
        assert parent[1:3] == ["-m", "clearbench.cli.serve"]
        assert digests(slow, name) == digests(undisturbed, name)
