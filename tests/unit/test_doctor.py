"""Checks of a cluster, where there is none; `tests/cluster/test_doctor.py` has a real one."""

from datetime import datetime

import pytest

from clearbench.cluster.doctor.finding import Finding, from_text, look, to_text
from clearbench.cluster.doctor.inside import examine as examine_inside
from clearbench.cluster.doctor.login import examine
from clearbench.cluster.doctor.requirements import Requirements
from clearbench.cluster.doctor.storage import Asked
from clearbench.cluster.slurm import end_time, grant, left_behind
from clearbench.config.site import Site
from clearbench.errors import UserError
from clearbench.suite.load import load_suite
from workflow.bench import ROOT


@pytest.fixture
def no_commands(monkeypatch, tmp_path):
    """A machine without SLURM and Apptainer."""
    monkeypatch.setenv("PATH", str(tmp_path))


def required(**changes) -> Requirements:
    values = {"image": "x.sif", "token": "t", "scratch": None, "gpu": False}
    return Requirements(**{**values, "folders": [], "hub": [], **changes})


def test_a_machine_without_a_cluster_is_told_what_it_lacks(no_commands, tmp_path):
    site = Site(image=tmp_path / "no.sif")
    asked = Asked(tmp_path / "results", jobs=3, size=2**20, unknown=1)
    found = examine(load_suite("mini", ROOT), site, "slurm", wait=1, asked=asked)
    packages, *lines = [finding.line for finding in found]
    assert packages.startswith("ok    packages of Python 3.")
    assert [line.partition(":")[0] for line in lines] == [
        "FAIL  SLURM",
        "FAIL  Apptainer",
        "FAIL  image",
        f"ok    room below {tmp_path}/results",
    ]
    assert lines[3].endswith("without 1 of its 3 jobs, of which nothing is on record")
    assert lines[0].endswith(
        "squeue: no such command; run this on a login node, where squeue works"
    )


def test_without_slurm_no_job_is_left_and_none_is_granted(no_commands, tmp_path, monkeypatch):
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    assert left_behind(tmp_path) == []
    assert grant(attempt=1) is None
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    for name in ("SLURM_RESTART_COUNT", "SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID"):
        monkeypatch.delenv(name, raising=False)
    nothing = {"memory": None, "time_limit": None, "start": None}
    known = {"job": "7", "array": None, "attempt": 2, "restarts": 0}
    assert grant(attempt=2) == {**known, **nothing}


def test_a_job_that_slurm_started_again_and_a_task_of_an_array_say_so(tmp_path, monkeypatch):
    """By the number of the array's first job, SLURM tells of all its tasks."""
    (tmp_path / "squeue").write_text(
        "#!/bin/sh\ncase $2 in --job=7_3) ;; *) echo '1M|1:00|N/A' ;; esac\n"
        "echo '4000M|30:00|2024-01-02T03:04:05'\n"
    )
    (tmp_path / "squeue").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    variables = {"JOB_ID": "7", "RESTART_COUNT": "2", "ARRAY_JOB_ID": "7", "ARRAY_TASK_ID": "3"}
    for name, value in variables.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    assert grant(attempt=1) == {
        **{"job": "7", "array": "7_3", "attempt": 1, "restarts": 2},
        **{"memory": "4000M", "time_limit": "30:00", "start": "2024-01-02T03:04:05"},
    }


@pytest.mark.parametrize(
    ("told", "end"),
    [("2024-01-02T03:04:05", datetime(2024, 1, 2, 3, 4, 5).timestamp()), ("NONE", None)],
)
def test_a_job_knows_when_slurm_will_end_it(tmp_path, monkeypatch, told, end):
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    for name in ("JOB_ID", "JOB_END_TIME"):
        monkeypatch.delenv(f"SLURM_{name}", raising=False)
    assert end_time() is None
    for name, value in {"JOB_ID": "9", "ARRAY_JOB_ID": "7", "ARRAY_TASK_ID": "3"}.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    assert end_time() is None
    (tmp_path / "squeue").write_text(
        f"#!/bin/sh\ncase $2 in --job=7_3) ;; *) echo 'N/A' ;; esac\necho '{told}'\n"
    )
    (tmp_path / "squeue").chmod(0o755)
    assert end_time() == end
    monkeypatch.setenv("SLURM_JOB_END_TIME", "1704164645")
    assert end_time() == 1704164645


def test_data_that_cannot_be_seen_from_the_image_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    there, gone = tmp_path, tmp_path / "gone"
    hub = [("dataset", "therem/CLEAR", None)]
    needs = required(folders=[str(there), str(gone)], hub=hub)
    assert Requirements.read(needs.text()) == required(
        folders=[str(there), str(gone)], hub=[["dataset", "therem/CLEAR", None]]
    )
    image, packages, found, missing, cached = examine_inside(needs)
    assert packages.remedy is None
    assert image.seen == "x.sif: this process does not run in it"
    assert found == Finding(f"data {there}", "there")
    assert missing.remedy == "add it to binds in slurm/site.yaml"
    assert cached.seen == "revision main is not in the hub's cache"


def test_the_data_of_a_suite_is_its_folders_and_what_the_hub_has(tmp_path, monkeypatch):
    monkeypatch.setenv("CLEARBENCH_DATA", str(tmp_path))
    (tmp_path / "tofu").mkdir()
    suite = load_suite("tofu", ROOT)
    needs = Requirements.of(suite, Site(scratch=tmp_path), gpu=False, token=tmp_path / "t")
    assert needs.folders == [str(tmp_path / "tofu")]
    assert needs.hub == []
    assert needs.scratch == str(tmp_path)
    (paper, *_) = Requirements.of(load_suite("paper-llava", ROOT), Site(), False, tmp_path).hub
    assert paper[:2] == ("dataset", "therem/CLEAR")


def test_findings_travel_as_text_behind_whatever_else_was_printed():
    def fail():
        raise UserError("first\nlast")

    findings = [Finding("a", "b"), look("c", fail, "do this")]
    assert from_text("a module says hello\n" + to_text(findings)) == findings
    assert findings[1].line == "FAIL  c: last; do this"
    for text in ("", "nonsense", "3"):
        with pytest.raises(ValueError, match=r"no findings|Expecting value"):
            from_text(text)
