"""Jobs that are ended at random moments, or find the disk full, end up in the same bytes."""

import os
import random
import shutil
import signal
import subprocess
import time
from collections import Counter
from contextlib import suppress

import psutil
import pytest

from clearbench.jobs.artifacts import FAILURE, part_folder
from clearbench.jobs.record import read_record

from .disturbed import PATIENCE, Gate, artifacts, disturbed, remove

SEED = int(os.environ.get("CLEARBENCH_TEST_SEED", random.randrange(10**6)))
"""Of the random moments; the variable repeats a run."""

MEETINGS = {"base": 4, "original": 4, "gold": 3, "unlearn": 3, "evaluate": 2, "score": 1}
"""How often the jobs of an artifact are ended, by stage."""

STEPS = ("base", "original", "gold", "unlearn", "evaluate")
"""The stages that save a state."""

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
"""The last is what a job gets from the warm process when its call goes away."""

LONGEST = {**dict.fromkeys(STEPS, 0.7), "score": 0.03, "tables": 0.03}
"""Seconds that a job is let go on at most; those of `score` are done in a tenth of one."""


def let_go_and_kill(job, gate, draw):
    """End a job at a random moment; gives the signal, or None where the job was done before."""
    before = gate.saved()
    gate.open()
    # At least once among the steps, and at least once wherever it happens to be.
    if gate.stage in STEPS and (gate.left == 1 or (gate.left > 2 and draw.random() < 0.5)):
        while gate.saved() == before and job.is_running():
            time.sleep(0.002)
        time.sleep(draw.uniform(0, 0.05))
    else:
        time.sleep(draw.uniform(0, LONGEST[gate.stage]))
    number = draw.choice(SIGNALS)
    with suppress(psutil.NoSuchProcess):
        job.send_signal(number)
        job.wait(PATIENCE)
    gate.close()
    gate.left -= 1
    assert not (gate.folder / FAILURE).exists()
    if gate.done:
        return None
    if number != signal.SIGKILL:
        assert not part_folder(gate.folder).exists()
    return number


def test_a_run_that_is_ended_again_and_again_has_the_bytes_of_one_that_never_is(fresh, finished):
    print(f"CLEARBENCH_TEST_SEED={SEED}")
    draw = random.Random(SEED)
    fresh.write()
    gates = [
        Gate(fresh, name, MEETINGS.get(name.partition("/")[0], 2))
        for name in artifacts(fresh, *MEETINGS, "tables")
    ]
    kills = Counter()

    def leave_open():
        for gate in [gate for gate in gates if gate.done or not gate.left]:
            gate.open()
            gates.remove(gate)

    def kill(run, count):
        while count and gates:
            job, gate = run.meet(gates)
            kills[gate.stage, let_go_and_kill(job, gate, draw)] += 1
            count -= 1
            leave_open()

    for crash in ("machine", "snakemake"):
        with disturbed(fresh) as run:
            kill(run, 10)
            _, met = run.meet(gates)
            met.open()
            time.sleep(draw.uniform(0, LONGEST[met.stage]))
            if crash == "machine":
                run.kill_all()
                met.close()
            else:
                with run.without_snakemake():
                    for gate in gates:
                        if gate is not met:
                            gate.open()
                for gate in gates:
                    gate.close()
            leave_open()
    with disturbed(fresh) as run:
        kill(run, 99)
        run.end()

    print(kills)
    hits = {key: count for key, count in kills.items() if key[1] is not None}
    assert sum(hits.values()) >= 30
    assert {stage for stage, _ in hits} == {*MEETINGS, "tables"}
    assert {number for _, number in hits} == set(SIGNALS)
    resumed = {
        name.partition("/")[0]
        for name in artifacts(fresh, *STEPS)
        if read_record(fresh.results() / name).facts["resumed_at_steps"]
    }
    assert resumed == set(STEPS)
    assert fresh.contents() == finished.contents()


def test_a_truncated_state_is_said_and_the_job_starts_again(bench, finished):
    cell = "npo/text/forget10/seed0"
    names = ["gold/forget10/seed1", f"unlearn/{cell}", f"evaluate/{cell}"]
    # To nothing, to a part, and by a byte.
    cut = {
        names[0]: lambda _: 0,
        names[1]: lambda size: size * 2 // 3,
        names[2]: lambda size: size - 1,
    }
    remove(bench, *names, f"score/{cell}", "tables")
    gates = [Gate(bench, name) for name in names]
    with disturbed(bench) as run:
        while gates:
            job, gate = run.meet(gates)
            gate.open()
            while not gate.saved():
                time.sleep(0.002)
            with suppress(psutil.NoSuchProcess):
                job.kill()
                job.wait(PATIENCE)
            gate.close()
            assert not gate.done
            ((state, _),) = gate.saved()
            os.truncate(state, cut[gate.name](state.stat().st_size))
            gate.open()
            gates.remove(gate)
        run.end()
    said = [line for line in run.output.splitlines() if "damaged state, removed" in line]
    assert len(said) == len(names)
    for name in names:
        assert read_record(bench.results() / name).facts["resumed_at_steps"] == []
    assert bench.contents() == finished.contents()


@pytest.fixture
def fill(fresh):
    """Puts the results on a file system of a few MB; gives the function that fills it."""
    folder = fresh.folder / "results"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16m", "none", str(folder)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs to mount a file system, which is not permitted here")
    filler = folder / "filler"

    def to(free):
        """Fill all but some bytes; free everything where these are None."""
        if free is None:
            filler.unlink()
            return
        with filler.open("wb", buffering=0) as file, suppress(OSError):
            while file.write(bytes(4096)):
                pass
        os.truncate(filler, max(0, filler.stat().st_size - free))

    yield to
    # Results are looked at once the test has failed as well; a busy one stays until nobody does.
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_ends_each_job_in_one_line_and_costs_no_result(fresh, finished, fill):
    print(f"CLEARBENCH_TEST_SEED={SEED}")
    draw = random.Random(SEED)
    fresh.write()
    names = [
        "generate",
        "dataset",
        "base/seed0",
        "original/seed0",
        "gold/forget10/seed0",
        *(f"{stage}/npo/both/forget10/seed0" for stage in ("unlearn", "evaluate", "score")),
        "tables",
        "report",
    ]
    # The first time nothing fits, the second time a part of the artifact.
    gates = [Gate(fresh, name, left=2) for name in names]
    full = 0
    with disturbed(fresh) as run:
        while gates:
            job, gate = run.meet(gates)
            files = (finished.results() / gate.name).rglob("*")
            size = sum(path.stat().st_size for path in files)
            fill(0 if gate.left == 2 else int(draw.uniform(0, 0.9) * size))
            gate.open()
            with suppress(psutil.NoSuchProcess):
                job.wait(PATIENCE)
            gate.close()
            fill(None)
            full += not gate.done
            assert not part_folder(gate.folder).exists()
            gate.left -= 1
            if gate.done or not gate.left:
                gate.open()
                gates.remove(gate)
        run.end()
    lines = run.output.splitlines()
    assert full >= 1.5 * len(names)
    told = [
        line for line in lines if line.endswith("No space left on device; nothing was published")
    ]
    assert len(told) >= full
    assert all(line.startswith("clearbench: results/suite/") for line in told), told
    assert "Traceback" not in run.output, run.output
    assert fresh.contents() == finished.contents()
