"""What SLURM means: whether it will take a refused job later, or ever start a waiting one."""

import re
from enum import Enum

from clearbench.config.site import SITE


class Refusal(Enum):
    """What an engine says by not taking a job."""

    AWAY = "is out of reach"
    FULL = "takes no more jobs of yours at present"
    FINAL = "takes no such job"


_AWAY = re.compile(
    r"unable to contact slurm controller|controller is in standby mode|socket timed out"
    r"|zero bytes were transmitted|communication (connection|shutdown) failure"
    r"|message (send|receive) failure|unexpected message received|connection (refused|timed out)"
    r"|connection reset|transport endpoint|temporarily unable to accept job"
    r"|resource temporarily unavailable|munge|protocol authentication"
    r"|authentication credential|could not establish a configuration source"
    r"|slurm(ctld)? is shutting down|i/o error writing script",
    re.IGNORECASE,
)
# `AssocMaxSubmitJobLimit`, `QOSMaxSubmitJobPerUserLimit`, `QOSGrpSubmitJobsLimit`, …
_FULL = re.compile(r"\b\w*(?:Max|Grp)SubmitJob\w*")
# Said of all limits; the line above it tells which one, unless a site's own plugin refused.
_SOME_LIMIT = "job submit limit"
_LIMIT = re.compile(r"error: ((?:Assoc|QOS|Max)\w+)\s*$", re.MULTILINE)
_OF_OTHERS = re.compile(r"Grp|PerAccount")


def refusal(words: str) -> Refusal:
    """What sbatch said when it failed; whatever is not known to pass is final."""
    if _AWAY.search(words):
        return Refusal.AWAY
    if _FULL.search(words) or (_SOME_LIMIT in words and not _LIMIT.search(words)):
        return Refusal.FULL
    return Refusal.FINAL


def shared(words: str) -> bool:
    """Whether the limit that was met is one that jobs of other users count for."""
    match = _FULL.search(words)
    return match is not None and _OF_OTHERS.search(match[0]) is not None


def gist(words: str) -> str:
    """Why sbatch failed, of all that it said."""
    limit = _FULL.search(words)
    if limit is not None:
        return limit[0]
    lines = [line.strip() for line in words.splitlines() if line.strip()] or ["it says nothing"]
    errors = [line for line in lines if re.search(r"\b(error|fatal): ", line)] or lines[:1]
    began = r"^\w+: (error|fatal): (Batch job submission failed: )?"
    return "; ".join(re.sub(began, "", line) for line in errors)


FAILED = {
    "BOOT_FAIL": "its node did not start",
    "CANCELLED": "somebody cancelled it",
    "DEADLINE": "its deadline passed",
    "FAILED": "its command failed",
    "NODE_FAIL": "its node failed",
    "OUT_OF_MEMORY": "it needed more memory than it had asked for",
    "PREEMPTED": "another job took its place; a partition or QOS that requeues such jobs, or is not"
    f" preempted, can be named in {SITE}",
    "REVOKED": "another cluster took it",
    "TIMEOUT": "it needed more time than it had asked for",
}
"""The states of jobs that have ended and are not done, and what they mean."""

_MEMORY = re.compile(r"slurmstepd\S* error: .*(exceeded (job )?memory limit|oom[-_ ]kill)", re.I)


def lacked_memory(log: str) -> bool:
    """Whether SLURM says in a job's log that the job had too little memory.

    Where memory is not watched by cgroups, its state does not tell.
    """
    return _MEMORY.search(log) is not None


_LESS = "ask for less (`resources:` in the model's file) or name another partition, account or QOS"
_HELD = "it is held until an administrator releases it; ask why"
_NEVER = {
    r"PartitionTimeLimit|QOSTimeLimit|AssociationTimeLimit|\w+MaxWallDurationPerJobLimit": (
        f"it asks for more time than is allowed there; {_LESS} in {SITE}"
    ),
    r"(Assoc|QOS)Max\w+Per(Job(Limit)?|Node)|MaxMemPerLimit|QOSMin\w+": (
        f"no job may ask for so much, or so little; {_LESS} in {SITE}"
    ),
    r"BadConstraints": f"no node is what it asks for; {_LESS} in {SITE}",
    r"InvalidAccount|AccountNotAllowed|InvalidQOS|QOSNotAllowed": (
        f"it may not run there; name another account, QOS or partition in {SITE}"
    ),
    r"JobHeldAdmin|.*\bheld\b.*|ReservationDeleted|JobHoldMaxRequeue": _HELD,
    r"DependencyNeverSatisfied": "what it waits for failed",
}
_HOLDS = {"REQUEUE_HOLD", "RESV_DEL_HOLD", "SPECIAL_EXIT"}


def never(state: str, reason: str) -> str | None:
    """Why a job in this state, which waits for this reason, will not start, and what to do.

    None where it may start by itself, as with `Resources` and limits of what runs at a time. So
    may `PartitionNodeLimit`, which SLURM also says of nodes that are down for a while; and who
    holds a job oneself (`JobHeldUser`) means to release it.
    """
    if state in _HOLDS:
        return _HELD
    if state != "PENDING":
        return None
    return next((why for known, why in _NEVER.items() if re.fullmatch(known, reason)), None)
