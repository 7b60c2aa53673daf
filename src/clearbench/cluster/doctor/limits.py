"""What SLURM's configuration means for a run: limits, restarts, preemption, time to save."""

from collections.abc import Iterator, Mapping

from clearbench.cluster.doctor import submissions
from clearbench.cluster.doctor.attempts import Attempts, look_at_cap
from clearbench.cluster.doctor.finding import Finding
from clearbench.cluster.settings import Slurm, minutes
from clearbench.config.files import Need
from clearbench.config.profile import Profile
from clearbench.config.site import SITE, Site
from clearbench.jobs.pace import SAVE_SECONDS

_TO_SAVE = 30
"""Seconds that SLURM gives by default between SIGTERM and SIGKILL."""


def examine(
    slurm: Slurm, site: Site, needs: Mapping[str, Need], profile: Profile, jobs: int
) -> Iterator[Finding]:
    """All findings from here; `jobs` is how many the suite has."""
    used = slurm.used(site, needs)
    yield from look_at_cap(site, needs)
    for name, stages in used.items():
        yield _time(name, slurm, site, stages, profile)
    for name in used:
        yield _preemption(name, slurm, profile)
    yield _restarts(slurm, profile)
    yield _kill_wait(slurm)
    yield submissions.examine(slurm, site, used, profile, jobs)


def _time(
    name: str, slurm: Slurm, site: Site, stages: Mapping[str, Need], profile: Profile
) -> Finding:
    """Whether a partition gives as much time as the last attempt of a job asks for."""
    text = slurm.partitions[name].get("MaxTime", "")
    enforced = slurm.config.get("EnforcePartLimits", "NO") != "NO"
    then = "sbatch refuses" if enforced else "SLURM holds back and the run cancels"
    asked = Attempts.minutes(site, stages, profile)
    return asked.within(minutes(text), f"time limit of partition {name}", text, then)


def _preemption(name: str, slurm: Slurm, profile: Profile) -> Finding:
    """What happens to a job that another one drives out."""
    what, told = f"preemption in partition {name}", slurm.partitions[name]
    kind = slurm.config.get("PreemptType", "preempt/none")
    # By QOS, it is that of each QOS, or else the cluster's.
    mode = (slurm.config if kind == "preempt/qos" else told).get("PreemptMode", "OFF")
    grace = f"GraceTime {told.get('GraceTime', '0')} s"
    if kind == "preempt/none" or mode == "OFF":
        return Finding(what, "none")
    if "REQUEUE" in mode and _requeues(slurm, profile):
        return Finding(what, f"{mode}, {grace}: SLURM starts the job again, which goes on")
    if "REQUEUE" in mode or "CANCEL" in mode:
        return Finding(
            what,
            f"{mode}, {grace}: a job that is driven out ends, which counts as one of its"
            f" {profile.retries} retries",
            f"set another partition or qos in {SITE}, or more retries in {profile.path}",
            grave=False,
        )
    return Finding(what, f"{mode}: a job is suspended and goes on")


def _requeues(slurm: Slurm, profile: Profile) -> bool:
    by_default = slurm.config.get("JobRequeue", "1") == "1"
    return by_default if profile.requeue is None else profile.requeue


def _restarts(slurm: Slurm, profile: Profile) -> Finding:
    """What happens to a job whose node fails."""
    what, default = "restarts", f"JobRequeue is {slurm.config.get('JobRequeue', '1')}"
    if _requeues(slurm, profile):
        return Finding(what, f"{default}: SLURM starts a job again whose node failed")
    return Finding(
        what,
        f"{default}: a job whose node fails ends, which counts as one of its {profile.retries}"
        " retries",
        f"set slurm-requeue: true in {profile.path}",
        grave=False,
    )


def _kill_wait(slurm: Slurm) -> Finding:
    """How long a job has for saving where it is."""
    what, seconds = "time to save", int(slurm.config.get("KillWait", "30").split()[0])
    seen = f"KillWait is {seconds} s"
    if seconds >= _TO_SAVE:
        return Finding(what, f"{seen} between SIGTERM and SIGKILL")
    return Finding(
        what,
        f"{seen}, in which a large model may not be saved when a job is ended",
        f'set {SAVE_SECONDS}: "60" below environment in {SITE}, to lose no more than a minute',
        grave=False,
    )
