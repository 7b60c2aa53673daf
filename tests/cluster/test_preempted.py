"""Jobs that SLURM ends go on where they were: what is done twice is counted step by step.

Four cells are unlearned at once, in the image, with steps that take half a second. One is put back
into the queue, one is killed with its node, one is cancelled, and one needs more time than it gets.
"""

from collections import Counter

import pytest

from workflow.bench import TRAINING

from .cluster import wait_until

LINE = "        self._steps += 1\n"
PATCH = (
    LINE
    + """        if "unlearn" in str(self._path):
            time.sleep(0.5)
            with open(f"steps/{'-'.join(self._path.parts[3:5])}", "a") as file:
                print(self._steps, file=file)
"""
)
"""Each step takes half a second at least, and leaves its number in the file of its cell."""

CELLS = ["retain_ft-text", "retain_ft-both", "npo-text", "npo-both"]
TARGETS = [
    f"results/suite/unlearn/{name.replace('-', '/')}/forget10/seed0/manifest.json" for name in CELLS
]
PROFILE = ("--profile", "slurm", "--slurm-init-seconds-before-status-checks", "2")
LONGER = {**TRAINING, "lr": 1.0e-3, "epochs": 20, "batch_size": 8}


@pytest.fixture
def slow(fresh):
    """A working directory whose cells take many steps, and each of them its time."""
    path = fresh.folder / "src/clearbench/jobs/state.py"
    text = path.read_text()
    assert text.count(LINE) == 1
    path.write_text(text.replace(LINE, PATCH))
    (fresh.folder / "steps").mkdir()
    fresh.resources(unlearn={"mem_mb": 2000, "minutes": 1})
    fresh.write(unlearn=LONGER)
    fresh.give()
    return fresh


def steps(bench, name: str) -> list[int]:
    """The steps of a cell in the order in which they were done."""
    path = bench.folder / "steps" / name
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def twice(bench, name: str) -> int:
    """How many steps of a cell were done more than once."""
    return sum(count - 1 for count in Counter(steps(bench, name)).values())


def test_what_slurm_ends_goes_on_and_has_the_bytes_of_what_nothing_ended(slow, cluster):
    running = slow.start(*PROFILE, *TARGETS)

    def job(name: str) -> str:
        (number,) = slow.jobs_of(*name.split("-"))
        return number

    def meet(name: str) -> str:
        """Wait until a cell is some steps beyond what was saved last, give its job."""
        before = len(steps(slow, name))
        wait_until(lambda: len(steps(slow, name)) >= before + 5)
        return job(name)

    requeued = meet("retain_ft-text")
    cluster.ask("scontrol", "requeue", requeued)
    print(steps(slow, "retain_ft-text"), cluster.ask("squeue"))
    assert running.wait(timeout=900) == 0, slow.output() + slow.logs()
    for name in CELLS:
        print(name, twice(slow, name), len(steps(slow, name)))
