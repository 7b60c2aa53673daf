"""What goes wrong on a cluster: the run goes on, or goes on when it is started again.

Each test starts from the finished run, edits the stage `unlearn`, so that all cells are to be made
again, and lets some of them meet a trouble. In the end the tables must be those of the local run.
"""

import json
import os
import re
import signal

import pytest

from .bench import ClusterBench
from .cluster import wait_until

LINE = "        place = Place("
PATCH = """        for _kind in Path("trouble").glob(f"{cell.method}-{cell.modality}.*"):
            _act = {
                "sleep": "_kind.unlink(); __import__('time').sleep(300)",
                "exit": "_kind.unlink(); __import__('os')._exit(3)",
                # More than the first attempt has, less than the second.
                "memory": "_hog = bytearray(b'x') * 4_500_000_000; __import__('time').sleep(4)",
            }
            exec(_act[_kind.suffix[1:]])
"""
"""Each trouble is a file, `METHOD-MODALITY.KIND`, and those that come once remove it."""

CELLS = ["retain_ft-text", "retain_ft-both", "npo-text", "npo-both"]
PROFILE = ("--profile", "slurm", "--slurm-init-seconds-before-status-checks", "2")


@pytest.fixture
def troubled(finished, request):
    """A copy of the finished run whose cells have to be made again, with the troubles given."""

    def prepare(minutes: int = 2, **troubles: str) -> ClusterBench:
        bench = finished.copy(finished.folder.parent / request.node.name)
        path = bench.folder / "src/clearbench/stages/unlearn.py"
        text = path.read_text()
        assert text.count(LINE) == 1
        path.write_text(text.replace(LINE, PATCH + LINE))
        (bench.folder / "trouble").mkdir()
        for cell, kind in troubles.items():
            (bench.folder / "trouble" / f"{cell.replace('__', '-')}.{kind}").touch()
        bench.resources(unlearn={"mem_mb": 3000, "minutes": minutes})
        bench.give()
        return bench

    return prepare


def cell(name: str) -> str:
    method, modality = name.split("-")
    return f"unlearn/{method}/{modality}/forget10/seed0"


def slurm(bench: ClusterBench, name: str) -> dict:
    """What SLURM gave the job that made an artifact."""
    return json.loads(bench.records()[name])["slurm"]


def test_whatever_becomes_of_jobs_the_tables_are_the_same(troubled, cluster, local):
    bench = troubled(
        retain_ft__text="sleep", retain_ft__both="sleep", npo__text="memory", npo__both="exit"
    )
    waiting = {bench.folder / f"trouble/retain_ft-{name}.sleep" for name in ("text", "both")}
    running = bench.start(*PROFILE)
    wait_until(lambda: not any(path.exists() for path in waiting))
    # One of them is cancelled; the other one is left to run out of time.
    (number,) = bench.jobs_of("retain_ft", "text")
    cluster.ask("scancel", number)
    cluster.stop_controller()
    cluster.start_controller()
    assert running.wait(timeout=900) == 0, bench.output() + bench.logs()
    assert bench.tables() == local.tables()
    # More of what was lacking, and of nothing else.
    for name, memory, time_limit in (
        ("retain_ft-text", "3000M", "2:00"),
        ("retain_ft-both", "3000M", "4:00"),
        ("npo-text", "6000M", "2:00"),
        ("npo-both", "3000M", "2:00"),
    ):
        given = slurm(bench, cell(name))
        assert (given["attempt"], given["memory"], given["time_limit"]) == (2, memory, time_limit)
    assert slurm(bench, "original/seed0")["attempt"] == 1


def test_a_run_that_was_interrupted_or_killed_goes_on_later(troubled, cluster, local):
    # Nobody tries again what runs out of time, with Snakemake gone.
    bench = troubled(minutes=10, npo__text="sleep", npo__both="sleep")
    before = bench.records()

    def made_or_told(name: str) -> bool:
        """Whether a cell is made again, or SLURM knows of its job."""
        old = before[cell(name)]
        made = bench.records().get(cell(name), old) != old
        return made or bool(bench.jobs_of(*name.split("-")))

    running = bench.start(*PROFILE)
    wait_until(lambda: not any((bench.folder / "trouble").iterdir()))
    os.killpg(running.pid, signal.SIGINT)
    assert running.wait(timeout=120) != 0
    # It cancels its jobs; one that is killed leaves them to the next.
    cluster.wait_for_no_jobs()
    (bench.folder / "trouble/npo-both.sleep").touch()
    running = bench.start(*PROFILE)
    wait_until(lambda: not any((bench.folder / "trouble").iterdir()))
    # A cell that SLURM was not told of before the end would be made by the last run.
    wait_until(lambda: all(map(made_or_told, CELLS)))
    os.killpg(running.pid, signal.SIGKILL)
    running.wait(timeout=30)
    refused = bench.snakemake(*PROFILE)
    assert refused.status == 1
    assert "SLURM jobs of a run that was killed still work here: " in refused.output
    (sleeping,) = bench.jobs_of("npo", "both")
    assert re.search(rf"type: scancel .*\b{sleeping}\b", refused.output)
    # The others end by themselves, and what they made is kept.
    wait_until(lambda: cluster.jobs() == [sleeping])
    cluster.ask("scancel", sleeping)
    cluster.wait_for_no_jobs()
    made = bench.records()
    done = bench.snakemake(*PROFILE)
    assert done.status == 0, done.output
    assert bench.tables() == local.tables()
    now = bench.records()
    for name in CELLS:
        assert (made.get(cell(name)) == now[cell(name)]) is (name != "npo-both")
