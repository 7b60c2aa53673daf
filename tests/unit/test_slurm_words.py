"""What SLURM says decides whether a run waits or fails: neither for ever, nor at once."""

import pytest

from clearbench.cluster.words import FAILED, Refusal, gist, lacked_memory, never, refusal, shared

FAILS = "sbatch: error: Batch job submission failed: "
POLICY = (
    f"{FAILS}Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)"
)


@pytest.mark.parametrize(
    "words",
    [
        f"{FAILS}Unable to contact slurm controller (connect failure)",
        f"{FAILS}Socket timed out on send/recv operation",
        f"{FAILS}Zero Bytes were transmitted or received",
        f"{FAILS}Resource temporarily unavailable",
        "sbatch: error: Slurm temporarily unable to accept job, sleeping and retrying",
        "sbatch: error: If munged is up, restart with --num-threads=10",
        "sbatch: fatal: Could not establish a configuration source",
    ],
)
def test_a_run_waits_for_a_controller_that_is_away(words):
    assert refusal(words) is Refusal.AWAY


@pytest.mark.parametrize(
    ("limit", "others"),
    [
        ("AssocMaxSubmitJobLimit", False),
        ("QOSMaxSubmitJobPerUserLimit", False),
        ("AssocGrpSubmitJobsLimit", True),
        ("QOSGrpSubmitJobsLimit", True),
        ("MaxSubmitJobsPerAccount", True),
    ],
)
def test_a_run_waits_where_there_are_too_many_jobs(limit, others):
    words = f"sbatch: error: {limit}\n{POLICY}\n"
    assert refusal(words) is Refusal.FULL
    assert shared(words) is others
    assert gist(words) == limit


def test_a_limit_without_a_name_is_taken_to_be_one_of_jobs():
    assert refusal(POLICY) is Refusal.FULL
    assert not shared(POLICY)


@pytest.mark.parametrize(
    "words",
    [
        f"sbatch: error: QOSMaxWallDurationPerJobLimit\n{POLICY}\n",
        f"sbatch: error: invalid partition specified: x\n{FAILS}Invalid partition name specified",
        f"{FAILS}Invalid account or account/partition combination specified",
        f"{FAILS}Invalid qos specification",
        f"{FAILS}Requested node configuration is not available",
        "sbatch: unrecognized option '--badopt'\nTry \"sbatch --help\" for more information",
        "sbatch: error: Invalid --time specification",
        "/bin/sh: 1: sbatch: not found",
        "",
    ],
)
def test_what_will_not_pass_fails_at_once(words):
    assert refusal(words) is Refusal.FINAL


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (f"{FAILS}Invalid qos specification\n", "Invalid qos specification"),
        (f"sbatch: error: no such memory\n{FAILS}Not available", "no such memory; Not available"),
        ("sbatch: unrecognized option '-x'\nTry this", "sbatch: unrecognized option '-x'"),
        ("", "it says nothing"),
    ],
)
def test_a_refusal_is_told_in_one_line(words, why):
    assert gist(words) == why


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ("PENDING", "PartitionTimeLimit"),
        ("PENDING", "QOSMaxWallDurationPerJobLimit"),
        ("PENDING", "AssocMaxCpuPerJobLimit"),
        ("PENDING", "QOSMaxGRESPerJob"),
        ("PENDING", "QOSMinGRES"),
        ("PENDING", "BadConstraints"),
        ("PENDING", "InvalidQOS"),
        ("PENDING", "JobHeldAdmin"),
        ("PENDING", "launch failed requeued held"),
        ("PENDING", "DependencyNeverSatisfied"),
        ("SPECIAL_EXIT", "None"),
    ],
)
def test_a_job_that_never_starts_is_known(state, reason):
    assert never(state, reason)


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        *(("PENDING", reason) for reason in ("None", "Priority", "Resources", "BeginTime")),
        ("PENDING", "ReqNodeNotAvail, UnavailableNodes:localhost"),
        ("PENDING", "AssocGrpCpuLimit"),
        ("PENDING", "QOSMaxJobsPerUserLimit"),
        ("PENDING", "QOSMaxCpuPerUserLimit"),
        ("PENDING", "PartitionDown"),
        ("PENDING", "PartitionNodeLimit"),
        ("PENDING", "JobHeldUser"),
        ("RUNNING", "None"),
        ("SUSPENDED", "None"),
        ("COMPLETING", "None"),
    ],
)
def test_a_job_that_waits_its_turn_is_left_alone(state, reason):
    assert never(state, reason) is None
    assert state not in FAILED


@pytest.mark.parametrize(
    "line",
    [
        "slurmstepd-localhost: error: StepId=22.0 exceeded memory limit (3 > 2), being killed",
        "slurmstepd-node1: error: Exceeded job memory limit",
        "slurmstepd: error: Detected 1 oom-kill event(s) in StepId=22.0. Some of your processes may"
        " have been killed by the cgroup out-of-memory handler.",
        "slurmstepd: error: Detected 2 oom_kill events in StepId=7.batch.",
    ],
)
def test_a_job_that_lacked_memory_is_known_by_its_log(line):
    assert lacked_memory(f"loss 1.2\n{line}\nTerminated\n")


@pytest.mark.parametrize(
    "line",
    [
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB",
        "resources: mem_mb=3000, runtime=2",
        "slurmstepd: error: *** JOB 22 ON node1 CANCELLED AT 2026-11-30T07:45:08 ***",
    ],
)
def test_what_else_a_log_says_of_memory_and_of_ends_is_no_lack_of_it(line):
    assert not lacked_memory(f"{line}\n")
