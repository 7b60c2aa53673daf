"""What SLURM is asked: whether it is there, whether it would take a job, what is left of a run."""

import os
import shlex
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from clearbench.cluster.ask import ask
from clearbench.config.files import Need
from clearbench.config.sbatch import quoted
from clearbench.config.site import Site
from clearbench.errors import UserError


def left_behind(folder: Path) -> list[str]:
    """The ids of the user's jobs that a Snakemake in a folder submitted and that have not ended.

    Without SLURM, or where it doesn't answer, there are none.
    """
    if shutil.which("squeue") is None:
        return []
    try:
        lines = ask("squeue", "--me", "--noheader", "--format=%i|%k|%Z").splitlines()
    except UserError:
        return []
    jobs = [line.split("|", 2) for line in lines]
    # Snakemake's executor says which rule a job is of.
    return [
        number
        for number, comment, where in jobs
        if comment.startswith("rule_") and Path(where).resolve() == folder.resolve()
    ]


def grant(attempt: int) -> dict[str, str | int | None] | None:
    """What SLURM gave the job that this process is of: memory, time limit and start, in its words.

    `restarts` is how often SLURM has put the job back into the queue; `array` is the id of the
    array's job and the number of this task in it, as `17_3`. None outside of a job; nothing in its
    words where SLURM doesn't answer.
    """
    job = os.environ.get("SLURM_JOB_ID")
    if job is None:
        return None
    restarts = int(os.environ.get("SLURM_RESTART_COUNT") or 0)
    array = _array()
    given = dict.fromkeys(("memory", "time_limit", "start"))
    with suppress(UserError, ValueError):
        given = dict(zip(given, _told(array or job, "%m|%l|%S").split("|"), strict=True))
    return {"job": job, "array": array, "attempt": attempt, "restarts": restarts, **given}


def end_time() -> float | None:
    """When SLURM ends the job that this process is of, in seconds since 1970; None without limit.

    None as well outside of a job, and where SLURM doesn't answer.
    """
    job = os.environ.get("SLURM_JOB_ID")
    if job is None:
        return None
    # Newer versions tell it by themselves.
    told = os.environ.get("SLURM_JOB_END_TIME", "")
    if told.isdecimal():
        return float(told)
    with suppress(UserError, ValueError):
        return datetime.fromisoformat(_told(_array() or job, "%e")).timestamp()
    return None


def _array() -> str | None:
    """The task of an array that this process is, by whose number alone all may be told."""
    number, task = (os.environ.get(f"SLURM_ARRAY_{name}_ID") for name in ("JOB", "TASK"))
    return f"{number}_{task}" if number and task else None


def _told(job: str, form: str) -> str:
    return ask("squeue", "--noheader", f"--job={job}", f"--format={form}", seconds=10).strip()


def resources(site: Site, gpus: int, gpu_type: str | None) -> dict[str, str]:
    """What a job with so many GPUs of a kind asks SLURM for, as Snakemake's plugin names it."""
    gpu = ":".join(["gpu", *([gpu_type] if gpu_type else []), str(gpus)])
    asked = {
        "slurm_partition": site.partition_of(gpus),
        "slurm_account": site.account,
        "qos": site.qos,
        "constraint": site.constraint,
        "gres": gpu if gpus else None,
        "slurm_extra": quoted(_extra(site)),
    }
    return {name: value for name, value in asked.items() if value}


def _extra(site: Site) -> Iterator[str]:
    """The options of sbatch for which the plugin has no resource."""
    if site.reservation:
        yield f"--reservation={site.reservation}"
    if site.mail:
        yield f"--mail-user={site.mail.user}"
        yield f"--mail-type={','.join(site.mail.when).upper()}"
    yield from site.options


def submission(site: Site, need: Need) -> Sequence[str]:
    """The options of sbatch and srun for a job with this need, which sends no mail."""
    quiet = site.model_copy(update={"mail": None})
    given: dict[str, str | int] = dict(resources(quiet, need.gpus, site.gpu_kind(need)))
    given |= {"cpus_per_task": cpus} if (cpus := site.cpus_of(need.gpus)) else {}
    names = ("slurm_partition", "slurm_account", "qos", "constraint", "gres", "cpus_per_task")
    options = [
        f"--{name.removeprefix('slurm_').replace('_', '-')}={given[name]}"
        for name in names
        if name in given
    ]
    options += shlex.split(str(given.get("slurm_extra", "")))
    memory, minutes = site.mem_mb(need.mem_mb), site.minutes(need.minutes)
    return [*options, "--ntasks=1", f"--mem={memory}", f"--time={minutes}"]
