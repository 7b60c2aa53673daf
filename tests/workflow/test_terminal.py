"""What a run shows on a terminal: one line of how far it is, and what went wrong."""

import os
import pty
import re
import shutil
import subprocess

import pytest

RUN = "npo/text/forget10/seed0"


@pytest.fixture
def typed():
    """Gives what a terminal gets of a run, and the run's exit status."""

    def typed(bench, *options):
        ours, its = pty.openpty()
        with subprocess.Popen(
            bench.command(*options), cwd=bench.folder, env=bench.environment, stdout=its, stderr=its
        ) as snakemake:
            os.close(its)
            shown = b""
            while True:
                try:
                    shown += os.read(ours, 2**16)
                except OSError:
                    # The other side is closed.
                    break
        os.close(ours)
        return shown.decode().replace("\r\n", "\n"), snakemake.returncode

    return typed


def test_jobs_that_end_well_are_one_line_with_the_time_that_is_left(bench, typed):
    for gone in ("tables", f"evaluate/{RUN}", f"score/{RUN}"):
        shutil.rmtree(bench.results() / gone)
    shown, status = typed(bench)
    assert status == 0, shown
    counts = re.findall(
        r"\r\x1b\[K(\d) of 5 jobs done \(\d+%\)(, about \d+ (?:s|min) left)?", shown
    )
    told = {int(done): left for done, left in counts}
    # The tables and the report are made at once, and are done at nearly one time.
    assert list(told) in ([1, 2, 3, 4, 5], [1, 2, 4, 5])
    assert told[1]
    assert told[2]
    for of_a_job in ("jobid:", "localrule", "Finished job", "Select jobs", "batch"):
        assert of_a_job not in shown
    # The bars of its training and evaluation would write over the line.
    assert "it/s" not in shown


def test_a_job_that_fails_is_told_in_full(bench, typed):
    bench = bench.with_own_code()
    bench.edit(
        "stages/score.py",
        "    def work(job: Job) -> None:",
        "    def work(job: Job) -> None:\n        1 / 0",
    )
    shown, status = typed(bench)
    assert status != 0
    assert "Error in rule score:" in shown
    assert "ZeroDivisionError" in shown
    assert "localrule" not in shown


def test_whoever_asks_for_more_is_told_of_each_job(bench, typed):
    shutil.rmtree(bench.results() / "score" / RUN)
    shown, status = typed(bench, "--printshellcmds")
    assert status == 0, shown
    assert "localrule score:" in shown
    assert "clearbench score" in shown
