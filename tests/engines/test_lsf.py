"""Snakemake on a stand-in for LSF: nothing here has met a real one.

The stand-in's commands take and say what IBM's documentation says, and run the jobs here.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from clearbench.cluster.lsf import Bsub, call, left_behind, state_of
from clearbench.cluster.words import FAILED, Refusal
from clearbench.config.site import Mail, Site
from clearbench.errors import UserError
from clearbench.warm import VARIABLE, warm_process
from installed import forgotten, install  # noqa: F401
from workflow.bench import Bench

ROOT = Path(__file__).resolve().parents[2]

SNAKEFILE = """
import json

from clearbench.cluster.ends import ends
from clearbench.config.site import Site
from clearbench.workflow.process import use_own_executor

JOBS = json.loads(open("jobs.json").read())

localrules: all

onerror:
    for path in sorted(JOBS):
        print("ends", path, ends(path))

def before(wildcards):
    if workflow.is_main_process:
        use_own_executor(workflow, Site(submit_pause=0))
    return []

rule all:
    default_target: True
    input: list(JOBS)

rule job:
    input: before
    output: "made/{name}"
    resources:
        mem_mb=400,
        runtime=lambda wildcards: JOBS["made/" + wildcards.name].get("runtime", 500),
        gpu_count=lambda wildcards: JOBS["made/" + wildcards.name].get("gpus", 0),
        lsf_extra=lambda wildcards: JOBS["made/" + wildcards.name].get("extra", ""),
    params: first=lambda wildcards: JOBS["made/" + wildcards.name].get("first", "true")
    shell: "{params.first}; touch {output}"
"""
QUICK = ("--seconds-between-status-checks", "1", "--jobs", "20", "--keep-going")


def stand_in(folder: Path, **variables: str) -> dict[str, str]:
    """The environment in which LSF's commands are the stand-in's, and those of this checkout."""
    bin, state = folder / "bin", folder / "lsf"
    bin.mkdir()
    state.mkdir()
    for name in ("bsub", "bjobs", "bkill"):
        (bin / name).write_text(Path(__file__).with_name("standin_lsf.py").read_text())
        (bin / name).chmod(0o755)
    path = os.pathsep.join([str(bin), str(Path(sys.executable).parent), os.environ["PATH"]])
    source = str(ROOT / "src")
    given = {"STANDIN": str(state), "PATH": path, "PYTHONPATH": source, "OMP_NUM_THREADS": "1"}
    return {**os.environ, **given, **variables}


class Run:
    """Snakemake with some jobs, in a folder."""

    def __init__(self, folder: Path, jobs: dict[str, dict], **variables: str):
        self.folder = folder
        self.environment = stand_in(folder, **variables)
        (folder / "Snakefile").write_text(SNAKEFILE)
        (folder / "jobs.json").write_text(json.dumps({f"made/{n}": j for n, j in jobs.items()}))

    def start(self, *options: str) -> "Run":
        words = [sys.executable, "-m", "snakemake", "--executor", "clearbench-lsf"]
        with (self.folder / "output").open("wb") as output:
            self.process = subprocess.Popen(
                [*words, *QUICK, *options],
                cwd=self.folder,
                env=self.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self

    def lsf(self, name: str) -> Path:
        return self.folder / "lsf" / name

    def calls(self) -> list[dict]:
        return [json.loads(path.read_text()) for path in sorted(self.folder.glob("lsf/*/call"))]

    def number(self, name: str) -> str:
        return next(
            path.parent.name
            for path in self.folder.glob("lsf/*/call")
            if f"rule_job_{name}:" in json.loads(path.read_text())["-Jd"]
        )

    def has(self, name: str) -> bool:
        return (self.folder / name).exists()

    def output(self) -> str:
        return (self.folder / "output").read_text()

    def ends(self, name: str) -> str:
        found = re.search(rf"^ends made/{name} \[(.*)\]$", self.output(), re.MULTILINE)
        assert found, self.output()
        return found[1].replace("'", "")

    def wait_until(self, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 90
        while not holds():
            assert time.monotonic() < deadline, self.output()
            assert self.process.poll() is None, self.output()
            time.sleep(0.1)

    def wait(self) -> int:
        return self.process.wait(timeout=120)


def asleep(name: str) -> dict:
    return {"first": f"touch {name}.began; sleep 300"}


def test_how_lsf_ended_a_job_is_told_and_jobs_that_end_well_go_on(tmp_path):
    trial = Run(
        tmp_path,
        {
            "good": {"gpus": 2},
            "bad": {"first": "false"},
            "long": {**asleep("long"), "runtime": 1},
            "killed": asleep("killed"),
            "gone": asleep("gone"),
        },
        STANDIN_MINUTE="4",
    ).start()
    trial.wait_until(lambda: trial.has("killed.began") and trial.has("gone.began"))
    subprocess.run([tmp_path / "bin/bkill", trial.number("killed")], env=trial.environment)
    trial.lsf(f"{trial.number('gone')}/gone").touch()
    assert trial.wait() == 1, trial.output()
    assert trial.has("made/good")
    known = {"good": "", "bad": "FAILED", "long": "TIMEOUT", "killed": "CANCELLED", "gone": "GONE"}
    assert {name: trial.ends(name) for name in known} == known
    output = trial.output()
    assert re.search(r"LSF job \d+ ended as TIMEOUT: it needed more time than it had asked", output)
    assert re.search(r"LSF job \d+ is gone: LSF no longer knows it, and it has not made", output)
    promised = {
        found[1]
        for path in tmp_path.glob("lsf/*/script")
        if (found := re.search(r"export CLEARBENCH_GPUS=(\d)", path.read_text()))
    }
    assert promised == {"0", "2"}


def test_submission_waits_while_lsf_is_away_or_full_and_loses_no_job(tmp_path):
    trial = Run(tmp_path, {"a": {}, "b": {}})
    trial.lsf("lose").touch()
    trial.lsf("refuse").write_text("never: nothing")
    trial.lsf("down").touch()
    trial.start()
    trial.wait_until(lambda: "LSF is out of reach (LSF is down. Please wait ...)" in trial.output())
    trial.lsf("refuse").write_text("*: Pending job threshold reached. Job not submitted.")
    trial.lsf("down").unlink()
    trial.wait_until(lambda: "LSF takes no more jobs of yours at present" in trial.output())
    trial.lsf("refuse").unlink()
    assert trial.wait() == 0, trial.output()
    # Of the one whose answer was lost there is one job as well.
    assert len(trial.calls()) == 2
    assert "Error in rule" not in trial.output()


def test_what_lsf_refuses_is_a_failed_attempt_at_once_with_its_own_words(tmp_path):
    trial = Run(tmp_path, {"a": {"extra": "-q nope"}, "b": {}})
    trial.lsf("refuse").write_text("nope: nope: No such queue. Job not submitted.")
    trial.start("--retries", "1")
    assert trial.wait() == 1, trial.output()
    assert trial.has("made/b")
    assert trial.ends("a") == "REFUSED, REFUSED"
    assert "LSF takes no such job (nope: No such queue. Job not submitted.)" in trial.output()


def test_a_run_that_is_stopped_cancels_its_jobs(tmp_path, monkeypatch):
    trial = Run(tmp_path, {"a": asleep("a")}).start()
    trial.wait_until(lambda: trial.has("a.began"))
    for name, value in trial.environment.items():
        monkeypatch.setenv(name, value)
    assert left_behind(tmp_path) == ["1"]
    assert left_behind(tmp_path / "lsf") == []
    os.killpg(trial.process.pid, signal.SIGINT)
    assert trial.wait() == 1, trial.output()
    assert trial.lsf("1/reason").read_text().startswith("TERM_OWNER")
    assert left_behind(tmp_path) == []


def profile(folder: Path) -> None:
    """Write the profile for a machine without Apptainer that has little time."""
    told = yaml.safe_load((ROOT / "lsf/config.yaml").read_text())
    assert told.pop("software-deployment-method") == "apptainer"
    told |= {"seconds-between-status-checks": 1, "latency-wait": 5}
    (folder / "lsf-here").mkdir()
    (folder / "lsf-here/config.yaml").write_text(yaml.safe_dump(told))


FRAGILE = """
import os
from dataclasses import dataclass
from pathlib import Path

from clearbench.methods.npo import NegativePreferenceOptimisation


@dataclass(frozen=True)
class Fragile(NegativePreferenceOptimisation):
    def loss(self, student, reference):
        tried = Path("tried")
        if "LSB_JOBID" in os.environ and not tried.exists():
            tried.touch()
            raise RuntimeError("the first time it breaks")
        return super().loss(student, reference)
"""
POINTS = {"methods": {"fragile": "fragile"}}


def test_cells_share_a_job_and_one_that_fails_is_tried_again_alone(tmp_path, monkeypatch):
    folder = tmp_path / "bench"
    folder.mkdir()
    own = install(monkeypatch, tmp_path / "own", {"fragile.py": FRAGILE}, POINTS)
    bench = Bench(folder, installed=(own,)).fill()
    bench.write(methods={"fragile": {}, "retain_ft": {}}, modalities=["text"])
    profile(folder)
    (folder / "slurm").mkdir()
    # Twice what a cell, its evaluation and its scores may take.
    (folder / "slurm/site.yaml").write_text("group_minutes: 140\n")
    with warm_process() as address:
        environment = {**stand_in(tmp_path), **bench.environment, VARIABLE: address}
        environment["PATH"] = f"{tmp_path / 'bin'}{os.pathsep}{environment['PATH']}"
        environment["STANDIN"] = str(tmp_path / "lsf")
        # What the cells share is quicker made without a cluster.
        for options in (["--cores", "2", "--omit-from", "unlearn"], ["--profile", "lsf-here"]):
            words = ["-m", "snakemake", *options, "--config", "suite=suite"]
            done = subprocess.run(
                [sys.executable, *words],
                cwd=folder,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stdout + done.stderr
    assert (bench.results() / "tables/manifest.json").exists()
    calls = [json.loads(path.read_text()) for path in tmp_path.glob("lsf/*/call")]
    shared = [told for told in calls if told["-Jd"].startswith("group_cells")]
    # The second one is for what was left: it asks for the time of all, and makes the rest.
    assert [told["-W"] for told in shared] == ["140", "140"]
    assert all(told["-M"] == "3000MB" for told in shared)
    assert all("rusage[mem=3000MB]" in told["-R"] for told in shared)
    assert not any("-gpu" in told for told in calls)
    others = {told["-Jd"].partition(":")[0] for told in calls if told not in shared}
    assert others == {"rule_tables", "rule_report"}
    logs = {
        name: (bench.results() / f"logs/unlearn/{name}/text/forget10/seed0.attempts").read_text()
        for name in ("fragile", "retain_ft")
    }
    assert "the first time it breaks" in logs["fragile"]
    assert logs["retain_ft"].count("unchanged, kept") == 1
    assert not list(bench.results().rglob("failure.json"))


@pytest.mark.skipif(shutil.which("nvidia-smi") is not None, reason="there may be a GPU")
def test_a_job_that_was_promised_a_gpu_and_sees_none_ends_in_a_line(tmp_path):
    folder = tmp_path / "bench"
    folder.mkdir()
    bench = Bench(folder).fill()
    bench.write(methods={"retain_ft": {}}, modalities=["text"])
    path = folder / "config/models/small-llava.yaml"
    model = yaml.safe_load(path.read_text())
    model["resources"]["base"] = {"gpus": 1, "mem_mb": 3000, "minutes": 30}
    path.write_text(yaml.safe_dump(model))
    profile(folder)
    environment = {**bench.environment, **stand_in(tmp_path)}

    def status(name: str, *options: str) -> int:
        words = [sys.executable, "-m", "snakemake", *options, "--config", "suite=suite"]
        words += ["--", f"results/suite/{name}/manifest.json"]
        return subprocess.run(words, cwd=folder, env=environment, check=False).returncode

    # Quicker without a cluster.
    assert status("dataset", "--cores", "1") == 0
    assert status("base/seed0", "--profile", "lsf-here", "--retries", "0") == 1
    log = (bench.results() / "logs/base/seed0.log").read_text()
    assert re.search(r"GPUs promised to this job: 1, seen by torch \S+: 0 \(CUDA_VIS", log), log
    assert "Traceback" not in log
    (told,) = [json.loads(path.read_text()) for path in tmp_path.glob("lsf/*/call")]
    assert told["-gpu"] == "num=1:j_exclusive=yes"


def words_of(site: Site, **asked: object) -> str:
    return call(site, asked, "run", "rule_x", Path("/here"), Path("/here/log"))


def test_the_site_file_says_queue_project_reservation_and_hosts_of_lsf_too():
    site = Site(
        partition="normal",
        gpu_partition="gpus",
        account="p1",
        reservation="r",
        constraint="avx2",
        mail=Mail(user="me"),
    )
    told = words_of(site, gpu_count=2, gpu_type="A100", cpus_per_task=16, mem_mb=1000, runtime=60)
    assert " -q gpus -P p1 -U r -R 'select[avx2]' -u me -N " in told
    assert "-gpu num=2:gmodel=A100:j_exclusive=yes" in told
    assert "-n 16 -R 'span[hosts=1]' -W 60 -M 1000MB -R 'rusage[mem=63MB]'" in told
    assert " -q normal " in words_of(site)
    assert words_of(Site()).endswith("-n 1 -R 'span[hosts=1]'")
    for key, value in {"qos": "high", "options": ["--nice"]}.items():
        with pytest.raises(
            UserError, match=rf"slurm/site.yaml: {key}: is for SLURM; on LSF name a"
        ):
            words_of(Site(**{key: value}))


@pytest.mark.parametrize(
    ("stat", "reason", "state"),
    [
        ("PEND", "-", "PENDING"),
        ("SSUSP", "-", "SUSPENDED"),
        ("UNKWN", "-", "RUNNING"),
        ("DONE", "-", "COMPLETED"),
        ("EXIT", "-", "FAILED"),
        (
            "EXIT",
            "TERM_MEMLIMIT: job killed after reaching LSF memory usage limit",
            "OUT_OF_MEMORY",
        ),
        ("EXIT", "TERM_RUNLIMIT: job killed after reaching LSF run time limit", "TIMEOUT"),
        ("EXIT", "TERM_PREEMPT: job killed after preemption", "PREEMPTED"),
        ("EXIT", "TERM_UNHEARD: of", "FAILED"),
    ],
)
def test_states_of_lsf_are_those_that_decide_what_a_retry_gets(stat, reason, state):
    assert state_of(stat, reason) == state
    assert stat != "EXIT" or state in FAILED


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("LSF is down. Please wait ...", Refusal.AWAY),
        ("batch system daemon not responding ... still trying", Refusal.AWAY),
        ("Pending job threshold reached. Retrying in 60 seconds...", Refusal.FULL),
        ("nope: No such queue. Job not submitted.", Refusal.FINAL),
        ("RUNLIMIT: Cannot exceed queue's hard limit(s). Job not submitted.", Refusal.FINAL),
        ("", Refusal.FINAL),
    ],
)
def test_what_bsub_says_is_waited_for_or_final(words, kind):
    assert Bsub(lambda: "run", 0, lambda *_: None)._refusal(words)[0] is kind
