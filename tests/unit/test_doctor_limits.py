"""What SLURM's configuration, accounting and quotas say, as several versions show them."""

import math
from dataclasses import replace
from pathlib import Path

import pytest

from clearbench.cluster.doctor import limits, storage, submissions
from clearbench.cluster.doctor.storage import Asked, read_quota
from clearbench.cluster.settings import Slurm, minutes, read_config, read_partitions
from clearbench.config.files import Need
from clearbench.config.profile import Profile
from clearbench.config.site import Site

CONFIG = """\
Configuration data as of 2026-11-30T06:44:51
AccountingStorageType   = accounting_storage/none
AuthInfo                = socket=/run/munge.socket
EnforcePartLimits       = NO
JobRequeue              = 1
KillWait                = 30 sec
MaxJobCount             = 10000
PreemptMode             = OFF
PreemptType             = preempt/none

Slurmctld(primary) at vm is UP
"""
PARTITION = (
    "PartitionName={name} AllowGroups=ALL AllowAccounts=ALL AllowQos=ALL AllocNodes=ALL"
    " Default={default} QoS=N/A DefaultTime=NONE DisableRootJobs=NO ExclusiveUser=NO GraceTime=0"
    " Hidden=NO MaxNodes=UNLIMITED MaxTime={time} MinNodes=0 LLN=NO PreemptMode=OFF State=UP"
    " JobDefaults=(null) TRES=cpu=2,mem=16000M,node=1,billing=2\n"
)
NEEDS = {"dataset": Need(minutes=60), "unlearn": Need(gpus=1, mem_mb=9000, minutes=240)}
PROFILE = Profile(Path("slurm/config.yaml"), "slurm", jobs=200, retries=2, requeue=None)


def slurm(config=None, partition=None) -> Slurm:
    """A SLURM with these differences in its configuration and in its partition gpu."""
    shown = PARTITION.format(name="cpu", default="YES", time="UNLIMITED")
    shown += PARTITION.format(name="gpu", default="NO", time="2-00:00:00")
    found = Slurm(read_config(CONFIG), read_partitions(shown))
    found = replace(found, config={**found.config, **(config or {})})
    gpu = {**found.partitions["gpu"], **(partition or {})}
    return replace(found, partitions={**found.partitions, "gpu": gpu})


SITE = Site(gpu_partition="gpu")


def lines(site=SITE, profile=PROFILE, jobs=1000, **differences) -> dict[str, str]:
    """The findings by what they are about, each as it is printed."""
    found = limits.examine(slurm(**differences), site, NEEDS, profile, jobs)
    told = {finding.what: finding.line for finding in found}
    return {what: line.replace(f"{what}: ", "", 1) for what, line in told.items()}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("UNLIMITED", math.inf),
        ("01:00:00", 60),
        ("00:00:30", 0.5),
        ("1-00:00:00", 1440),
        ("7-12:30:00", 7 * 1440 + 750),
    ],
)
def test_limits_of_time_are_read_as_slurm_shows_them(text, found):
    assert minutes(text) == found


def test_a_cluster_with_all_that_a_run_needs_has_no_warning():
    assert lines() == {
        "time limit of partition cpu": "ok    UNLIMITED, enough for every attempt",
        "time limit of partition gpu": "ok    2-00:00:00, enough for every attempt",
        "preemption in partition cpu": "ok    none",
        "preemption in partition gpu": "ok    none",
        "restarts": "ok    JobRequeue is 1: SLURM starts a job again whose node failed",
        "time to save": "ok    KillWait is 30 s between SIGTERM and SIGKILL",
        "jobs at a time": "ok    200, SLURM takes 10000 (MaxJobCount of SLURM)",
    }


@pytest.mark.parametrize(
    ("time", "enforced", "told"),
    [
        ("16:00:00", "ALL", "ok    16:00:00, enough"),
        (
            "12:00:00",
            "NO",
            "warn  12:00:00; SLURM holds back and the run cancels the last attempt ",
        ),
        (
            "12:00:00",
            "ALL",
            "warn  12:00:00; sbatch refuses the last attempt of unlearn (960 minute",
        ),
        # Not even the first attempt is taken.
        (
            "03:00:00",
            "ANY",
            "FAIL  03:00:00; sbatch refuses the last attempt of unlearn (960 minute",
        ),
    ],
)
def test_a_time_limit_is_held_to_what_the_last_attempt_asks_for(time, enforced, told):
    asked = {"config": {"EnforcePartLimits": enforced}, "partition": {"MaxTime": time}}
    name = "time limit of partition gpu"
    line = lines(**asked)[name]
    assert line.startswith(told)
    if not told.startswith("ok"):
        assert line.endswith(f"; set max_minutes: {minutes(time):.0f} in slurm/site.yaml")
        # What the line says to do helps.
        capped = Site(gpu_partition="gpu", max_minutes=int(minutes(time)))
        assert lines(capped, **asked)[name].startswith("ok")
    assert lines(profile=replace(PROFILE, retries=0), **asked)[name].startswith(
        "FAIL" if time == "03:00:00" else "ok"
    )


@pytest.mark.parametrize(
    ("config", "partition", "requeue", "told"),
    [
        ({}, {"PreemptMode": "REQUEUE"}, None, "ok    none"),
        ({"PreemptType": "preempt/partition_prio"}, {}, None, "ok    none"),
        (
            {"PreemptType": "preempt/partition_prio"},
            {"PreemptMode": "REQUEUE", "GraceTime": "120"},
            None,
            "ok    REQUEUE, GraceTime 120 s: SLURM starts the job again, which goes on",
        ),
        (
            {"PreemptType": "preempt/partition_prio", "JobRequeue": "0"},
            {"PreemptMode": "REQUEUE"},
            None,
            "warn  REQUEUE, GraceTime 0 s: a job that is driven out ends, which counts as one of",
        ),
        (
            {"PreemptType": "preempt/partition_prio", "JobRequeue": "0"},
            {"PreemptMode": "REQUEUE"},
            True,
            "ok    REQUEUE",
        ),
        (
            {"PreemptType": "preempt/qos", "PreemptMode": "CANCEL"},
            {},
            True,
            "warn  CANCEL, GraceTime 0 s: a job that is driven out ends",
        ),
        (
            {"PreemptType": "preempt/partition_prio"},
            {"PreemptMode": "GANG,SUSPEND"},
            None,
            "ok    GANG,SUSPEND: a job is suspended and goes on",
        ),
    ],
)
def test_a_user_learns_whether_a_job_that_is_driven_out_goes_on(config, partition, requeue, told):
    profile = replace(PROFILE, requeue=requeue)
    found = lines(profile=profile, config=config, partition=partition)
    assert found["preemption in partition gpu"].startswith(told)


def test_a_job_that_slurm_does_not_start_again_costs_a_retry():
    never = {"config": {"JobRequeue": "0"}}
    assert lines(**never)["restarts"] == (
        "warn  JobRequeue is 0: a job whose node fails ends, which counts as one of its 2 retries;"
        " set slurm-requeue: true in slurm/config.yaml"
    )
    assert lines(profile=replace(PROFILE, requeue=True), **never)["restarts"].startswith("ok")


def test_little_time_to_save_is_told():
    line = lines(config={"KillWait": "5 sec"})["time to save"]
    assert line.startswith("warn  KillWait is 5 s")
    assert 'CLEARBENCH_SAVE_SECONDS: "60"' in line


def test_a_cap_below_what_a_first_attempt_needs_is_told():
    line = lines(Site(gpu_partition="gpu", max_mem_mb=5000))["memory"]
    assert line.startswith("warn  max_mem_mb is 5000, less than unlearn (9000 MB) need;")


SACCTMGR = """#!/bin/sh
case "$*" in
*"show user "*) echo lab ;;
*"show assoc where"*"Account,Partition,DefaultQOS,MaxSubmit,GrpSubmit")
    printf 'lab|||500|\\nlab|gpu|short|150|\\nother|||3|\\nlab|elsewhere|normal|2|\\n' ;;
*"show qos format=Name,MaxSubmitPU,MaxSubmitPA,GrpSubmit")
    printf 'normal|||\\nshort|100||\\nlong|40||\\nof_partition||90|\\n' ;;
*) echo "$*" >&2; exit 1 ;;
esac
"""


@pytest.fixture
def accounting(tmp_path, monkeypatch):
    (tmp_path / "sacctmgr").write_text(SACCTMGR)
    (tmp_path / "sacctmgr").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    return tmp_path / "sacctmgr"


@pytest.mark.parametrize(
    ("site", "partition", "jobs", "told"),
    [
        (
            {},
            {},
            1000,
            "FAIL  200, SLURM takes 100 (MaxSubmitJobsPerUser of QOS short); set jobs in",
        ),
        # A suite may have fewer jobs than the profile allows.
        ({}, {}, 100, "ok    100, SLURM takes 100 (MaxSubmitJobsPerUser of QOS short)"),
        ({"qos": "normal"}, {}, 1000, "FAIL  200, SLURM takes 150 (MaxSubmitJobs of account lab)"),
        ({"qos": "long"}, {}, 1000, "FAIL  200, SLURM takes 40 (MaxSubmitJobsPerUser of QOS long)"),
        (
            {"account": "other"},
            {},
            1000,
            "FAIL  200, SLURM takes 3 (MaxSubmitJobs of account other)",
        ),
        (
            {"qos": "normal"},
            {"QoS": "of_partition"},
            1000,
            "FAIL  200, SLURM takes 90 (MaxSubmitJobsPerAccount of QOS of_partition)",
        ),
    ],
)
def test_what_an_account_and_a_qos_take_is_held_to_the_jobs_of_the_profile(
    accounting, site, partition, jobs, told
):
    config = {"AccountingStorageType": "accounting_storage/slurmdbd"}
    found = slurm(config, partition)
    site = Site(gpu_partition="gpu", **site)
    finding = submissions.examine(found, site, ["gpu"], PROFILE, jobs)
    assert finding.line.replace("jobs at a time: ", "").startswith(told)


def test_accounting_that_does_not_answer_is_no_mistake_of_the_user(accounting):
    accounting.write_text("#!/bin/sh\necho 'sacctmgr: error: no connection' >&2\nexit 1\n")
    found = slurm({"AccountingStorageType": "accounting_storage/slurmdbd"})
    line = submissions.examine(found, Site(), [], PROFILE, 1000).line
    assert line == (
        "ok    jobs at a time: 200, SLURM takes 10000 (MaxJobCount of SLURM); limits of accounts"
        " are not known: sacctmgr: error: no connection"
    )


QUOTA = """\
Disk quotas for user me (uid 1000):
     Filesystem  blocks   quota   limit   grace   files   quota   limit   grace
      /dev/sda1 1048576  2097152 3145728            1234       0       0
server:/export/home 1000*     900    2000   6days      10       0       0
"""


def test_what_is_left_of_a_quota_is_read_as_its_commands_show_it():
    assert read_quota(QUOTA, "/dev/sda1") == 2**30
    assert read_quota(QUOTA, "server:/export/home") == 0
    assert read_quota(QUOTA, "/dev/sdb1") == math.inf
    assert read_quota("Disk quotas for user me (uid 1000): none\n", "/dev/sda1") == math.inf
    lustre = "/lustre/a/very/long/path/of/a/project\n     1048576       0 2097152  -  10  0  0  -\n"
    assert read_quota(lustre, lustre.split()[0]) == 2**30
    assert read_quota("/lustre [1048576] 0 0 - 10 0 0 -", "/lustre") == math.inf


def test_a_suite_that_does_not_fit_is_told_before_it_runs(tmp_path, monkeypatch):
    (tmp_path / "lfs").write_text('#!/bin/sh\necho "$5 1048576 2097152 0 - 10 0 0 -"\n')
    (tmp_path / "lfs").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    results = tmp_path / "not/there/yet"
    assert storage.examine(Asked(results, 2, 2**29, 0)).line.endswith(
        "1.0 GiB left of your quota (lfs quota); the suite takes 0.5 GiB more"
    )
    line = storage.examine(Asked(results, 2, 2**31, 1)).line
    assert line.startswith(f"FAIL  room below {results}: 1.0 GiB left of your quota")
    assert "takes 2.0 GiB more, without 1 of its 2 jobs" in line
