"""What becomes of jobs that SLURM refuses, never starts, throws out or cannot be asked about."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from workflow.bench import ROOT

from .cluster import USER, Cluster, wait_until

# A job goes on at once where one of its name was started before, and otherwise as `first` says.
SNAKEFILE = """
import json

from clearbench.cluster.ends import ends
from clearbench.config.site import Site
from clearbench.workflow.process import use_own_executor

JOBS = json.loads(open("jobs.json").read())

localrules: all, gate

onerror:
    for path in sorted(JOBS):
        print("ends", path, ends(path))

def before(wildcards):
    # As the rules of a suite do, once Snakemake knows where its jobs run.
    if workflow.is_main_process:
        use_own_executor(workflow, Site(submit_pause=0.5))
    return JOBS[f"{wildcards.partition}/{wildcards.name}"].get("after", [])

def of(key, default):
    def value(wildcards, attempt):
        job = JOBS[f"{wildcards.partition}/{wildcards.name}"]
        return job.get(key, default) if attempt == 1 else job.get("again", {}).get(key, default)
    return value

rule all:
    default_target: True
    input: list(JOBS)

rule gate:
    output: "gate"
    shell: "until [ -e go ]; do sleep 0.2; done; touch {output}"

rule job:
    input: before
    output: "{partition}/{name}"
    resources:
        mem_mb=400,
        runtime=of("runtime", 1),
        slurm_partition=lambda wildcards: wildcards.partition,
        slurm_extra=of("extra", ""),
    params: first=lambda wildcards: of("first", "true")(wildcards, 1)
    shell: "[ -e {output}.seen ] || {{ touch {output}.seen; {params.first}; }}; touch {output}"
"""
OPTIONS = [
    "--executor",
    "slurm",
    "--jobs",
    "20",
    "--keep-going",
    "--slurm-status-command",
    "squeue",
]
QUICK = [
    "--slurm-init-seconds-before-status-checks",
    "2",
    "--slurm-delete-logfiles-older-than",
    "0",
]
LOSES_ITS_FIRST_ANSWER = """#!/bin/sh
/usr/bin/sbatch "$@" > answer || exit
mkdir lost 2> /dev/null || exec cat answer
echo 'sbatch: error: Batch job submission failed: Socket timed out on send/recv operation' >&2
exit 1
"""


class Run:
    """Snakemake with some jobs, in a folder of the cluster's user."""

    def __init__(self, cluster: Cluster, folder: Path, jobs: dict[str, dict]):
        self.cluster, self.folder, self.jobs = cluster, folder, jobs
        folder.mkdir()
        shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("*.egg-info"))
        (folder / "Snakefile").write_text(SNAKEFILE)
        (folder / "bin").mkdir()

    def start(self, *options: str) -> None:
        (self.folder / "jobs.json").write_text(json.dumps(self.jobs))
        subprocess.run(["chown", "-R", f"{USER}:", str(self.folder)], check=True)
        path = f"PATH={self.folder}/bin:{self.cluster.venv}/bin:/usr/bin:/bin"
        words = ["env", path, "snakemake", *OPTIONS, *QUICK, *options]
        with (self.folder / "output").open("wb") as output:
            self.process = subprocess.Popen(
                self.cluster.command(self.folder, *words),
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def has(self, name: str) -> bool:
        return (self.folder / name).exists()

    def output(self) -> str:
        return (self.folder / "output").read_text()

    def ends(self, name: str) -> str:
        found = re.search(rf"^ends {name} \[(.*)\]$", self.output(), re.MULTILINE)
        assert found, self.output()
        return found[1].replace("'", "")

    def wait_until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds while it runs."""
        wait_until(lambda: holds() or self.process.poll() is not None, 120)
        assert holds(), self.output()

    def wait(self, seconds: float = 300) -> int:
        return self.process.wait(timeout=seconds)

    def id_of(self, name: str) -> str:
        """The SLURM job of one of its jobs, pending, running or ending; empty if there is none."""
        asked = self.cluster.ask("squeue", "--noheader", "--format=%i|%k|%Z").splitlines()
        mark = f"_{name.replace('/', '_')}:"
        found = [line.split("|") for line in asked]
        return next(
            (n for n, comment, at in found if mark in comment + ":" and at == str(self.folder)), ""
        )


@pytest.fixture
def run(cluster, request):
    runs = []

    def make(**jobs: dict) -> Run:
        named = {name.replace("__", "/"): job for name, job in jobs.items()}
        runs.append(Run(cluster, cluster.folder.parent / f"{request.node.name}{len(runs)}", named))
        return runs[-1]

    yield make
    cluster.limit(None)
    for run in runs:
        run.process.kill()
        shutil.rmtree(run.folder)
    cluster.ask("scancel", "--user", USER)
    cluster.wait_for_no_jobs()


def test_a_job_that_is_thrown_out_or_never_starts_is_a_failed_attempt_and_no_end_of_waiting(
    run, cluster
):
    later = {"extra": "--begin=now+1hour"}
    asleep = {"first": "sleep 300", "runtime": 6}
    trial = run(
        cancelled__a=asleep,
        requeued__a=asleep,
        cpu__held=later,
        short__a={"runtime": 5},
        nope__a={},
    )
    # The time limit of the second attempt is as much too long.
    trial.jobs["short/a"]["again"] = {"runtime": 5}
    trial.start("--retries", "1")
    trial.wait_until(lambda: trial.has("cancelled/a.seen") and trial.has("requeued/a.seen"))
    trial.wait_until(lambda: trial.id_of("cpu/held") != "")
    cluster.ask("scontrol", "hold", trial.id_of("cpu/held"))
    requeued = trial.id_of("requeued/a")
    cpus = str(os.cpu_count())
    urgent = ["sbatch", "--wait", "-p", "urgent", "-n", cpus, "--mem=100", "-o", "/dev/null"]
    subprocess.run(
        cluster.command(trial.folder, *urgent, "--wrap", "sleep 1"), check=True, timeout=60
    )
    told = time.monotonic()
    # Otherwise SLURM lets it wait for two minutes.
    trial.wait_until(lambda: "PENDING" in cluster.ask("squeue", "-j", requeued, "-h", "-o", "%T"))
    cluster.ask("scontrol", "update", f"JobId={requeued}", "StartTime=now")
    assert trial.wait() == 1, trial.output()
    assert time.monotonic() - told < 200
    output = trial.output()
    assert all(trial.has(name) for name in ("cancelled/a", "requeued/a", "cpu/held")), output
    assert trial.ends("cancelled/a") == "PREEMPTED"
    assert trial.ends("requeued/a") == ""
    assert trial.ends("cpu/held") == "JobHeldAdmin"
    assert trial.ends("short/a") == "PartitionTimeLimit, PartitionTimeLimit"
    assert trial.ends("nope/a") == "REFUSED, REFUSED"
    assert re.search(r"SLURM job \d+ ended as PREEMPTED: another job took its place; ", output)
    assert re.search(r"SLURM job \d+ would never have started \(PartitionTimeLimit\): it ", output)
    assert "SLURM takes no such job (invalid partition specified: nope; Invalid par" in output
    assert cluster.jobs() == []


def test_submission_waits_for_the_controller_and_for_a_limit_and_loses_no_attempt(run, cluster):
    asleep = {"first": "until [ -e wake ]; do sleep 0.2; done", "runtime": 6}
    trial = run(cpu__a=asleep, cpu__b={"after": ["gate"]})
    # One that SLURM took, and could not say so, must not run twice.
    (trial.folder / "bin/sbatch").write_text(LOSES_ITS_FIRST_ANSWER)
    (trial.folder / "bin/sbatch").chmod(0o755)
    trial.start()
    trial.wait_until(lambda: trial.has("cpu/a.seen"))
    cluster.limit(1)
    cluster.stop_controller()
    (trial.folder / "go").touch()
    trial.wait_until(lambda: trial.has("gate"))
    # Five queries and two submissions that fail.
    time.sleep(20)
    cluster.start_controller()
    (trial.folder / "wake").touch()
    assert trial.wait() == 0, trial.output()
    output = trial.output()
    assert "Error in rule" not in output
    assert "Socket timed out" in output
    assert output.count("SLURM is out of reach") == 1
    assert output.count("SLURM takes no more jobs of yours at present (") == 1
    assert trial.has("lost")
    ids = re.findall(r"SLURM jobid (\d+)", output)
    assert len(ids) == len(set(ids)) == len(trial.jobs)


def test_an_array_beyond_a_limit_is_submitted_job_by_job(run, cluster):
    trial = run(**{f"cpu__{i}": {} for i in range(3)})
    cluster.limit(2)
    trial.start("--slurm-array-jobs", "all")
    assert trial.wait() == 0, trial.output()


def test_a_run_that_waits_to_submit_can_be_stopped(run, cluster):
    trial = run(cpu__a={}, cpu__b={})
    cluster.limit(0)
    trial.start()
    trial.wait_until(lambda: "SLURM takes no more jobs" in trial.output())
    os.killpg(trial.process.pid, signal.SIGINT)
    assert trial.wait(20) == 1, trial.output()


def test_what_slurm_forgets_is_done_if_it_was_made_and_otherwise_a_failed_attempt(run, cluster):
    wakes = {"first": "until [ -e wake ]; do sleep 0.2; done", "runtime": 6}
    trial = run(cpu__a={"first": "sleep 300", "runtime": 6}, cpu__b=wakes)
    trial.start()
    trial.wait_until(lambda: trial.has("cpu/a.seen") and trial.has("cpu/b.seen"))
    cluster.stop_controller()
    (trial.folder / "wake").touch()
    trial.wait_until(lambda: trial.has("cpu/b"))
    cluster.start_controller("-c")
    assert trial.wait() == 1, trial.output()
    assert trial.ends("cpu/a") == "GONE"
    assert trial.ends("cpu/b") == ""
    assert "is gone: SLURM no longer knows it" in trial.output()
