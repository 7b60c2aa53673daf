"""What LSF is asked where the user types: its commands, queues, limits and GPUs."""

import getpass
import math
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence

from clearbench.cluster.ask import ask
from clearbench.cluster.doctor import apptainer, storage
from clearbench.cluster.doctor.attempts import Attempts, look_at_cap
from clearbench.cluster.doctor.finding import Finding, look
from clearbench.cluster.lsf import Executor, jobs_of
from clearbench.cluster.queues import Queue, ask_gpus, ask_queues, read_table
from clearbench.config.files import Need
from clearbench.config.profile import Profile
from clearbench.config.site import SITE, Site
from clearbench.errors import UserError, unknown
from clearbench.suite.suite import Suite

_COMMANDS = ("bsub", "bjobs", "bkill")
_REFUSES = "bsub refuses"


def examine(
    suite: Suite, site: Site, profile: Profile, wait: int, asked: storage.Asked
) -> Iterator[Finding]:
    """All findings, in the order in which one needs the other; no job is sent, so none waits."""
    Executor.check(site)
    lsf = look("LSF", _answer, "run this where LSF's commands work, with its profile.lsf sourced")
    yield lsf
    yield from apptainer.examine(site)
    yield storage.examine(asked)
    if lsf.remedy is not None:
        return
    try:
        queues, user = ask_queues(getpass.getuser()), _ask_user()
    except UserError as error:
        yield Finding("limits of LSF", str(error), "see to bqueues and busers")
        return
    needs = suite.model.needs()
    yield from look_at_cap(site, needs)
    used = _used(queues, site, needs)
    if lost := needs.keys() - {stage for stages in used.values() for stage in stages}:
        seen = f"none of {', '.join(queues) or 'no queues'} is the default one, as"
        seen += f" {', '.join(stage for stage in needs if stage in lost)} would need"
        yield Finding("queue", seen, f"name one as partition in {SITE}")
    for name in used:
        yield _open(name, queues)
    at_once = profile.at_once(asked.jobs)
    yield _pending(user, at_once, _cpus(site, needs), profile)
    for name, stages in used.items():
        if name in queues:
            yield from _limits(queues[name], site, stages, profile)
            yield _running(queues[name], user, at_once, _cpus(site, stages))
            with_gpus = {stage: need for stage, need in stages.items() if need.gpus}
            if with_gpus:
                yield _gpus(queues[name], site, with_gpus)


def _cpus(site: Site, stages: Mapping[str, Need]) -> int:
    """The most slots that a job of some stages takes: one for each processor."""
    return max(site.cpus_of(need.gpus) or 1 for need in stages.values())


def _answer() -> str:
    for command in _COMMANDS:
        if shutil.which(command) is None:
            raise UserError(f"{command}: no such command")
    jobs_of(None, "jobid")
    return ask("lsid").partition("\n")[0]


def _ask_user() -> dict[str, str]:
    """What LSF gives this user, by the columns of busers."""
    return next(iter(read_table(ask("busers", "-w"), "USER/GROUP")), {})


def _used(
    queues: Mapping[str, Queue], site: Site, needs: Mapping[str, Need]
) -> dict[str, dict[str, Need]]:
    """The queues that the jobs of stages may go to, with these stages."""
    default = os.environ.get("LSB_DEFAULTQUEUE", "").split()
    default = default or [queue.name for queue in queues.values() if queue.default]
    by_queue: dict[str, dict[str, Need]] = {}
    for stage, need in needs.items():
        named = site.partition_of(need.gpus)
        for name in named.split() if named else default:
            by_queue.setdefault(name, {})[stage] = need
    return by_queue


def _open(name: str, queues: Mapping[str, Queue]) -> Finding:
    """Whether there is a queue that takes jobs and starts them."""
    what, remedy = f"queue {name}", f"name another as partition or gpu_partition in {SITE}"
    if name not in queues:
        return Finding(what, unknown(name, queues, "takes no jobs of yours"), remedy)
    status = queues[name].status
    if not status.startswith("Open"):
        return Finding(what, f"{status}, so bsub refuses jobs", remedy)
    if status != "Open:Active":
        return Finding(what, f"{status}, so jobs wait until it starts some", remedy, grave=False)
    return Finding(what, status)


def _limits(
    queue: Queue, site: Site, stages: Mapping[str, Need], profile: Profile
) -> Iterator[Finding]:
    """Whether a queue gives the time and the memory that the last attempt of a job asks for."""
    text = (
        f"RUNLIMIT {queue.minutes:.0f} minutes" if math.isfinite(queue.minutes) else "no RUNLIMIT"
    )
    what, asked = f"time limit of queue {queue.name}", Attempts.minutes(site, stages, profile)
    yield asked.within(queue.minutes, what, text, _REFUSES)
    most, sure = queue.mem_mb, queue.least_mem_mb
    text = f"MEMLIMIT {(most + sure) / 2:.0f} MB" if math.isfinite(most) else "no MEMLIMIT"
    what, asked = f"memory limit of queue {queue.name}", Attempts.memory(site, stages, profile)
    yield asked.within(most, what, text, _REFUSES, sure)


def _gpus(queue: Queue, site: Site, stages: Mapping[str, Need]) -> Finding:
    """Whether a host of a queue has the GPUs of each stage, of the kind that is asked for."""
    what = f"GPUs of queue {queue.name}"
    try:
        hosts = ask_gpus(queue.hosts)
        kinds = {stage: site.gpu_kind(need) for stage, need in stages.items()}
    except UserError as error:
        return Finding(what, str(error), "GPUs are asked for by bsub -gpu, of LSF 10.1 or later")
    seen = f"{sum(map(len, hosts))} on {len(hosts)} hosts"
    if models := sorted({model for host in hosts for model in host}):
        seen += f": {', '.join(models)}"
    lacking = [
        f"{stage} ({need.gpus} of kind {kinds[stage] or 'any'})"
        for stage, need in stages.items()
        if not any(_fitting(host, kinds[stage]) >= need.gpus for host in hosts)
    ]
    if not lacking:
        return Finding(what, seen)
    return Finding(
        what,
        f"{seen}; no host has those of {', '.join(lacking)}",
        f"set gpu_partition or gpu_type in {SITE}, or gpus in the model's file",
    )


def _fitting(models: Sequence[str], kind: str | None) -> int:
    """How many GPUs of a host are of a kind, which may be a part of the model's name, as A100."""
    # Behind a hyphen bsub takes the memory.
    name = (kind or "").partition("-")[0].lower()
    return sum(name in model.lower() for model in models)


def _pending(user: Mapping[str, str], at_once: int, cpus: int, profile: Profile) -> Finding:
    """Whether LSF takes as many jobs at a time as the profile submits."""
    what, limits = "jobs at a time", {}
    if user.get("MPJOBS", "").isdecimal():
        limits["MPJOBS of busers"] = int(user["MPJOBS"])
    if user.get("MPEND", "").isdecimal():
        limits["MPEND of busers"] = int(user["MPEND"]) // cpus
    if not limits:
        return Finding(what, f"{at_once}, without a limit")
    of = min(limits, key=lambda name: limits[name])
    seen = f"{at_once}, LSF lets {limits[of]} wait ({of})"
    if at_once <= limits[of]:
        return Finding(what, seen)
    remedy = f"set jobs in {profile.path} to less than that, or say --jobs"
    return Finding(what, seen, remedy, grave=limits[of] == 0)


def _running(queue: Queue, user: Mapping[str, str], at_once: int, cpus: int) -> Finding:
    """How many jobs of a user LSF runs at a time; those beyond wait."""
    what = f"running jobs in queue {queue.name}"
    slots = {f"{limit} of the queue": number for limit, number in queue.slots.items()}
    if user.get("MAX", "").isdecimal():
        slots["MAX of busers"] = int(user["MAX"])
    of = min(slots, key=lambda name: slots[name], default=None)
    if of is None:
        return Finding(what, "without a limit")
    runs = slots[of] // cpus
    if not runs:
        return Finding(
            what,
            f"none, since {of} is {slots[of]} and a job takes {cpus} slots",
            f"name another queue, or less cpus or gpu_cpus, in {SITE}",
        )
    return Finding(what, f"{min(runs, at_once)} of {at_once} at a time, for {of} is {slots[of]}")
