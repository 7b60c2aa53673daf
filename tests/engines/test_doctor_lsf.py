"""`clearbench doctor --profile lsf`, on what LSF's commands show by IBM's documentation."""

import getpass
import math
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from clearbench.cluster.queues import read_gpus, read_queues

from .conftest import put

QUEUES = """
QUEUE: normal
  -- For jobs of all kinds.  This is the default queue.

PARAMETERS/STATISTICS
PRIO NICE STATUS          MAX JL/U JL/P JL/H NJOBS  PEND   RUN SSUSP USUSP  RSV PJOBS
 30    0  Open:Active       -    -    -    -     9     1     8     0     0    0     1
Interval for a host to accept two jobs is 0 seconds

DEFAULT LIMITS:
 RUNLIMIT                
 60.0 min

MAXIMUM LIMITS:
 RUNLIMIT                
 2880.0 min

 CORELIMIT MEMLIMIT
      0 M    62.5 G 

SCHEDULING PARAMETERS
           r15s   r1m  r15m   ut      pg    io   ls    it    tmp    swp    mem
 loadSched   -     -     -     -       -     -    -     -     -      -      -  
 loadStop    -     -     -     -       -     -    -     -     -      -      -  

SCHEDULING POLICIES:  FAIRSHARE  NO_INTERACTIVE
USER_SHARES:  [default, 1] 

USERS: all  
HOSTS:  all 

-------------------------------------------------------------------------------

QUEUE: gpu
  -- Hosts with GPUs

PARAMETERS/STATISTICS
PRIO NICE STATUS          MAX JL/U JL/P JL/H NJOBS  PEND   RUN SSUSP USUSP  RSV PJOBS
 40    0  Open:Active     240   24    -    -     0     0     0     0     0    0     0

 CPULIMIT                 RUNLIMIT                 PROCLIMIT                
 9000.0 min of node7      1440.0 min of node7      1 4 64

SCHEDULING PARAMETERS
           r15s   r1m  r15m   ut      pg    io   ls    it    tmp    swp    mem
 loadSched   -     -     -     -       -     -    -     -     -      -      -  
 loadStop    -     -     -     -       -     -    -     -     -      -      -  

USERS: all  
HOSTS:  gpuhosts/ node7+1 
"""  # noqa: W291
USER = """\
USER/GROUP          JL/P    MAX  NJOBS   PEND    RUN  SSUSP  USUSP    RSV  MPEND  PJOBS MPJOBS
me                     -   2400      0      0      0      0      0      0      -      0  25000
"""
GPUS = """\
HOST_NAME            GPU_ID                MODEL     MUSED      MRSV  NJOBS    RUN   SUSP    RSV
node7                     0   NVIDIAA100_PCIE_40GB      273M        0M      0      0      0      0
                          1   NVIDIAA100_PCIE_40GB      273M        0M      0      0      0      0
node8                     0  TeslaV100_PCIE_32GB     14.5G        0M      1      1      0      0
"""
LSID = """\
IBM Spectrum LSF Standard 10.1, Apr 15 2022
Copyright International Business Machines Corp. 1992, 2016.

My cluster name is here
My master name is node0
"""
COMMANDS = ("bsub", "bjobs", "bkill", "lsid", "bqueues", "busers", "bhosts")
SITE = {"gpu_partition": "gpu"}


@pytest.fixture
def lsf(commands) -> Path:
    """A cluster that has all: the folder with what its commands show."""
    for name in COMMANDS:
        put(commands, name, Path(__file__).with_name("standin_lsf.py").read_text())
    put(commands, "apptainer", "#!/bin/sh\necho apptainer version 1.4.5\n")
    for name, text in {"lsid": LSID, "bqueues": QUEUES, "busers": USER, "bhosts": GPUS}.items():
        (commands / name).write_text(text)
    return commands


def test_a_cluster_that_has_all_is_told_so(lsf, doctor):
    status, lines = doctor("lsf", SITE)
    assert status == 0, lines
    assert lines[1:] == [
        "ok    LSF: IBM Spectrum LSF Standard 10.1, Apr 15 2022",
        "ok    Apptainer: apptainer version 1.4.5",
        lines[3],
        lines[4],
        "ok    queue normal: Open:Active",
        "ok    queue gpu: Open:Active",
        lines[7],
        "ok    time limit of queue normal: RUNLIMIT 2880 minutes, enough for every attempt",
        "ok    memory limit of queue normal: MEMLIMIT 64000 MB, enough for every attempt",
        lines[10],
        "ok    time limit of queue gpu: RUNLIMIT 1440 minutes, enough for every attempt",
        "ok    memory limit of queue gpu: no MEMLIMIT, enough for every attempt",
        lines[13],
        "ok    GPUs of queue gpu: 3 on 2 hosts: NVIDIAA100_PCIE_40GB, TeslaV100_PCIE_32GB",
    ]
    assert lines[3].startswith("ok    image: clearbench-cuda.sif, sha256 ")
    assert lines[4].startswith("ok    room below results: ")
    assert lines[7].endswith(", LSF lets 25000 wait (MPJOBS of busers)")
    assert lines[10].endswith(" at a time, for MAX of busers is 2400")
    assert lines[13].endswith(" at a time, for JL/U of the queue is 24")
    # The queues that take this user's jobs, and the hosts of the one with GPUs.
    assert (lsf / "bqueues.asked").read_text() == f"-l -u {getpass.getuser()}"
    assert (lsf / "bhosts.asked").read_text() == "-gpu -w gpuhosts node7"
    # Nothing is submitted.
    assert not list(lsf.glob("*/call"))


def test_doctor_typed_in_a_shell_ends_with_the_status_of_its_lines(lsf, checkout, doctor):
    doctor("lsf", SITE)
    words = [sys.executable, "-m", "clearbench", "doctor", "--suite", "suite", "--profile", "lsf"]
    assert subprocess.run(words, cwd=checkout, check=False).returncode == 0
    (lsf / "bqueues").write_text(QUEUES.replace("Open:Active ", "Closed:Active"))
    done = subprocess.run(words, cwd=checkout, check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert "FAIL  queue gpu: Closed:Active, so bsub refuses jobs; name another" in done.stdout


QUEUE = "name another as partition or gpu_partition in slurm/site.yaml"
WRONG = {
    "no such queue": (
        {"gpu_partition": "gpus"},
        None,
        "FAIL  queue gpus: takes no jobs of yours (did you mean gpu?); allowed: normal, gpu;"
        f" {QUEUE}",
    ),
    "a closed queue": (
        SITE,
        ("bqueues", "Open:Active     240", "Closed:Active   240"),
        f"FAIL  queue gpu: Closed:Active, so bsub refuses jobs; {QUEUE}",
    ),
    "a queue that sleeps": (
        SITE,
        ("bqueues", "Open:Active     240", "Open:Inact_Win  240"),
        f"warn  queue gpu: Open:Inact_Win, so jobs wait until it starts some; {QUEUE}",
    ),
    "no default queue": (
        SITE,
        ("bqueues", "This is the default queue.", ""),
        "FAIL  queue: none of normal, gpu is the default one, as generate, dataset, ",
    ),
    "time for the first attempt alone": (
        SITE,
        ("bqueues", "1440.0 min of node7", "90.0 min of node7"),
        "warn  time limit of queue gpu: RUNLIMIT 90 minutes; bsub refuses the last attempt of base"
        " (240 minutes), evaluate (240 minutes), reference (240 minutes), alternates (240 minutes);"
        " set max_minutes: 90 in slurm/site.yaml",
    ),
    "time for no attempt": (
        SITE,
        ("bqueues", "1440.0 min of node7", "30.0 min of node7"),
        "FAIL  time limit of queue gpu: RUNLIMIT 30 minutes; bsub refuses the last attempt of base",
    ),
    "memory for the first attempt alone": (
        SITE,
        ("bqueues", "62.5 G", "15.0 G"),
        "warn  memory limit of queue normal: MEMLIMIT 15360 MB; bsub refuses the last attempt of"
        " dataset (32000 MB), external (32000 MB); set max_mem_mb: 15308 in slurm/site.yaml",
    ),
    "memory for no attempt": (
        SITE,
        ("bqueues", "62.5 G", " 7.0 G"),
        "FAIL  memory limit of queue normal: MEMLIMIT 7168 MB; bsub refuses the last attempt of",
    ),
    "a cap below what is needed": (
        {**SITE, "max_mem_mb": 5000},
        None,
        "warn  memory: max_mem_mb is 5000, less than dataset (8000 MB), base (8000 MB), ",
    ),
    "few jobs may wait": (
        SITE,
        ("busers", "25000", "    3"),
        "warn  jobs at a time: ",
    ),
    "few slots may wait": (
        {**SITE, "cpus": 4},
        ("busers", "     -      0  25000", "    14      0      -"),
        "warn  jobs at a time: ",
    ),
    "no job may wait": (
        SITE,
        ("busers", "25000", "    0"),
        "FAIL  jobs at a time: ",
    ),
    "fewer slots than a job takes": (
        {**SITE, "gpu_cpus": 16},
        None,
        "FAIL  running jobs in queue gpu: none, since JL/U of the queue is 24 and a job takes 32",
    ),
    "no GPUs": (
        SITE,
        ("bhosts", GPUS, "HOST_NAME            GPU_ID                MODEL     MUSED\n"),
        "FAIL  GPUs of queue gpu: 0 on 0 hosts; no host has those of base (1 of kind any),"
        " evaluate (2 of kind any), reference (1 of kind any), alternates (1 of kind any); set"
        " gpu_partition or gpu_type in slurm/site.yaml, or gpus in the model's file",
    ),
    "too few GPUs of a kind": (
        {**SITE, "gpu_type": "V100"},
        None,
        "FAIL  GPUs of queue gpu: 3 on 2 hosts: NVIDIAA100_PCIE_40GB, TeslaV100_PCIE_32GB; no host"
        " has those of evaluate (2 of kind V100); set",
    ),
    "an LSF that knows no GPUs": (
        SITE,
        ("bhosts", None, None),
        "FAIL  GPUs of queue gpu: bhosts: Illegal option.; GPUs are asked for by bsub -gpu",
    ),
    "no image": (
        {**SITE, "image": "no.sif"},
        None,
        "FAIL  image: no.sif: no such image; type `make container`, or set image in",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_one_line_with_the_remedy(lsf, doctor, case):
    site, change, told = WRONG[case]
    if change is not None:
        name, old, new = change
        if old is None:
            (lsf / name).unlink()
        else:
            text = (lsf / name).read_text()
            assert text.count(old) == 1
            (lsf / name).write_text(text.replace(old, new))
    status, lines = doctor("lsf", site)
    assert status == (1 if told.startswith("FAIL") else 0), lines
    (line,) = [line for line in lines if line.startswith(told.partition(":")[0])]
    assert line.startswith(told)
    wrong = [other for other in lines if not other.startswith("ok    ")]
    assert wrong == [line]


def test_a_job_for_which_lsf_shows_a_rounded_limit_is_not_told_to_be_too_large(lsf, doctor):
    """Of 32000 MB LSF shows 31.2 G, which are fewer."""
    (lsf / "bqueues").write_text(QUEUES.replace("62.5 G", "31.2 G"))
    status, lines = doctor("lsf", SITE)
    assert status == 0
    assert "ok    memory limit of queue normal: MEMLIMIT 31949 MB, enough for" in "\n".join(lines)


@pytest.mark.parametrize("command", ["bsub", "bjobs", "bkill", "lsid"])
def test_a_command_that_is_missing_is_named_and_nothing_more_is_asked(lsf, doctor, command):
    (lsf.with_name("bin") / command).unlink()
    status, lines = doctor("lsf", SITE)
    assert status == 1
    wrong = [line for line in lines if not line.startswith("ok    ")]
    (line,) = wrong
    assert line.startswith(f"FAIL  LSF: {command}: no such command; run this where LSF's commands")
    assert not (lsf / "bqueues.asked").exists()


def test_an_lsf_that_does_not_answer_is_told(lsf, doctor):
    (lsf / "down").touch()
    status, lines = doctor("lsf", SITE)
    assert status == 1
    assert any(line.startswith("FAIL  LSF: LSF is down. Please wait ...") for line in lines)
    (lsf / "down").unlink()
    (lsf / "busers").unlink()
    status, lines = doctor("lsf", SITE)
    assert status == 1
    assert lines[-1].startswith("FAIL  limits of LSF: busers: ")


def test_a_key_of_slurm_alone_and_an_unknown_profile_are_one_line(lsf, doctor, checkout):
    status, lines = doctor("lsf", {"qos": "high"})
    assert status == 1
    assert lines[-1].startswith("clearbench: slurm/site.yaml: qos: is for SLURM; on LSF name a")
    status, lines = doctor("sge", {})
    assert status == 1
    assert lines[-1].startswith("clearbench: sge/config.yaml: no such profile; `slurm`, `lsf` and")
    shutil.copytree(checkout / "lsf", checkout / "other")
    (checkout / "other/config.yaml").write_text("executor: htcondor\n")
    status, lines = doctor("other", {})
    shutil.rmtree(checkout / "other")
    assert status == 1
    assert lines[-1] == (
        "clearbench: other/config.yaml: executor: unknown: htcondor; allowed: slurm,"
        " clearbench-lsf, clearbench-kubernetes"
    )


def test_the_queue_of_the_environment_is_the_default_one(lsf, doctor, monkeypatch):
    monkeypatch.setenv("LSB_DEFAULTQUEUE", "gpu")
    status, lines = doctor("lsf", {})
    assert status == 0
    assert [line for line in lines if "queue normal" in line] == []
    assert "ok    queue gpu: Open:Active" in lines


def test_queues_and_gpus_are_read_as_lsf_shows_them():
    queues = read_queues(QUEUES)
    normal, gpu = queues["normal"], queues["gpu"]
    assert (normal.default, gpu.default) == (True, False)
    assert (normal.minutes, gpu.minutes) == (2880, 1440)
    assert gpu.mem_mb == math.inf
    assert normal.least_mem_mb < 64000 < normal.mem_mb
    assert (normal.slots, gpu.slots) == ({}, {"MAX": 240, "JL/U": 24})
    assert (normal.hosts, gpu.hosts) == ((), ("gpuhosts", "node7"))
    # A limit by default is none for a job that says its own.
    only = QUEUES.replace("MAXIMUM LIMITS:\n RUNLIMIT                \n 2880.0 min\n", "")
    assert read_queues(only)["normal"].minutes == math.inf
    assert read_queues("No queue found\n") == {}
    assert [len(host) for host in read_gpus(GPUS)] == [2, 1]
