"""What goes wrong on a cluster: the run goes on, or goes on when it is started again."""

import os
import signal

import pytest

PATCH = """    from pathlib import Path as _Path

    for kind in _Path("trouble").glob("*"):
        {act}
"""
"""What a stage does first: each trouble is a file, and those that come once remove it."""

ACTS = {
    "sleep": "kind.unlink(); __import__('time').sleep(300)",
    "exit": "kind.unlink(); __import__('os')._exit(3)",
    # More than the first attempt has, less than the second.
    "memory": "hog = bytearray(b'x') * 4_500_000_000; __import__('time').sleep(4)",
}


@pytest.fixture
def troubled(fresh):
    """A working directory whose job `generate` meets a trouble."""

    def prepare(kind: str):
        path = fresh.folder / "src/clearbench/stages/generate.py"
        text = path.read_text()
        line = "    Job("
        assert text.count(line) == 1
        path.write_text(text.replace(line, PATCH.format(act=ACTS[kind]) + line))
        (fresh.folder / "trouble").mkdir()
        (fresh.folder / "trouble" / kind).touch()
        fresh.give()
        return fresh

    return prepare


QUICK = ("--profile", "slurm", "--until", "generate")
QUICK += ("--slurm-init-seconds-before-status-checks", "1")


def ended_well(bench, running) -> str:
    status = running.wait(timeout=300)
    output = bench.output()
    assert status == 0, output + bench.logs()
    assert list(bench.records()) == ["generate"]
    return output


def test_a_job_that_dies_is_tried_again(troubled):
    bench = troubled("exit")
    output = ended_well(bench, bench.start(*QUICK))
    assert output.count("Error in rule generate") == 1


def test_a_job_that_needs_more_memory_gets_it_at_the_next_attempt(troubled):
    bench = troubled("memory")
    output = ended_well(bench, bench.start(*QUICK))
    assert output.count("Error in rule generate") == 1
    assert "mem_mb=3000" in output
    assert "mem_mb=6000" in output


def test_a_job_that_runs_out_of_time_is_tried_again(troubled):
    bench = troubled("sleep")
    output = ended_well(bench, bench.start(*QUICK, "--set-resources", "generate:runtime=1"))
    assert output.count("Error in rule generate") == 1


def test_a_cancelled_job_is_tried_again(troubled, cluster):
    bench = troubled("sleep")
    running = bench.start(*QUICK)
    bench.wait_for_sleep()
    cluster.ask("scancel", *cluster.jobs())
    output = ended_well(bench, running)
    assert output.count("Error in rule generate") == 1


def test_a_restart_of_the_controller_is_not_noticed(troubled, cluster):
    bench = troubled("exit")
    running = bench.start(*QUICK)
    cluster.wait_for_jobs()
    cluster.stop_controller()
    cluster.start_controller()
    ended_well(bench, running)


def test_an_interrupted_run_cancels_its_jobs_and_goes_on_later(troubled, cluster):
    bench = troubled("sleep")
    running = bench.start(*QUICK)
    bench.wait_for_sleep()
    os.killpg(running.pid, signal.SIGINT)
    assert running.wait(timeout=120) != 0
    cluster.wait_for_no_jobs()
    ended_well(bench, bench.start(*QUICK))


def test_a_killed_run_leaves_its_job_and_goes_on_after_an_unlock(troubled, cluster):
    bench = troubled("sleep")
    running = bench.start(*QUICK)
    bench.wait_for_sleep()
    os.killpg(running.pid, signal.SIGKILL)
    running.wait(timeout=30)
    assert cluster.jobs()
    assert "--unlock" in bench.snakemake(*QUICK).output
    cluster.ask("scancel", *cluster.jobs())
    cluster.wait_for_no_jobs()
    assert bench.snakemake("--unlock").status == 0
    ended_well(bench, bench.start(*QUICK))
