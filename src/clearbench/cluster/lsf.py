"""IBM Spectrum LSF: what jobs ask it for, how it is asked, and what its words mean."""

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from clearbench.cluster.ask import ask
from clearbench.cluster.scripted import Scripted, script
from clearbench.cluster.submitter import Submitter, refusal_by
from clearbench.cluster.words import Refusal
from clearbench.config.site import SITE, Site
from clearbench.errors import UserError

_STATES = {
    "PEND": "PENDING",
    "PSUSP": "PENDING",
    "WAIT": "PENDING",
    "RUN": "RUNNING",
    "PROV": "RUNNING",
    "USUSP": "SUSPENDED",
    "SSUSP": "SUSPENDED",
    # Its host is out of reach, for now or for good; LSF itself says which, in time.
    "UNKWN": "RUNNING",
    "DONE": "COMPLETED",
    "EXIT": "FAILED",
    "ZOMBI": "NODE_FAIL",
}
"""LSF's states in SLURM's words."""

_ENDS = {
    "TERM_RUNLIMIT": "TIMEOUT",
    "TERM_CPULIMIT": "TIMEOUT",
    "TERM_DEADLINE": "DEADLINE",
    "TERM_WINDOW": "DEADLINE",
    "TERM_MEMLIMIT": "OUT_OF_MEMORY",
    "TERM_SWAP": "OUT_OF_MEMORY",
    "TERM_PREEMPT": "PREEMPTED",
    "TERM_LOAD": "PREEMPTED",
    "TERM_OWNER": "CANCELLED",
    "TERM_ADMIN": "CANCELLED",
    "TERM_FORCE_OWNER": "CANCELLED",
    "TERM_FORCE_ADMIN": "CANCELLED",
    "TERM_BUCKET_KILL": "CANCELLED",
    "TERM_ZOMBIE": "NODE_FAIL",
    "TERM_REMOVE_HUNG_JOB": "NODE_FAIL",
}
"""Why LSF ended jobs, in SLURM's words; all else is the job's own end."""

_AWAY = re.compile(
    r"LSF is down|not responding|still trying|in an LSF library call|connection (refused|timed out)"
    r"|cannot connect|communication|request from a non-LSF host",
    re.IGNORECASE,
)
_FULL = re.compile(
    r"pending job( slot)?s?( threshold)?( has been)? ?(reached|limit)", re.IGNORECASE
)
_NONE = re.compile(r"is not found|no (\w+ )?jobs? found", re.IGNORECASE)
_SUBMITTED = re.compile(r"Job <(\d+)>")


def options(site: Site, gpus: int, gpu_type: str | None) -> Iterator[str]:
    """The options of bsub for a job with so many GPUs of a kind.

    UserError for a key of the site file that is of SLURM alone.
    """
    for key in ("qos", "options"):
        if getattr(site, key):
            raise UserError(
                f"{SITE}: {key}: is for SLURM; on LSF name a queue as partition, and say further"
                " options as a resource, as --default-resources lsf_extra=-x"
            )
    if queue := site.partition_of(gpus):
        yield from ("-q", queue)
    if site.account:
        yield from ("-P", site.account)
    if site.reservation:
        yield from ("-U", site.reservation)
    if site.constraint:
        yield from ("-R", f"select[{site.constraint}]")
    if site.mail:
        yield from ("-u", site.mail.user, "-N")
    if gpus:
        kind = f":gmodel={gpu_type}" if gpu_type else ""
        yield from ("-gpu", f"num={gpus}{kind}:j_exclusive=yes")


def call(site: Site, asked: Any, name: str, comment: str, folder: Path, log: Path) -> str:
    """The call of bsub for a job that asks for some resources; its script is what bsub reads.

    Memory and time are limits as well. Of several processors of a host LSF reserves memory for
    each, so a job's is divided by them.
    """
    cpus = max(1, asked.get("cpus_per_task") or asked.get("_cores") or 1)
    words = ["bsub", "-J", name, "-Jd", comment, "-o", str(log), "-cwd", str(folder), "-r"]
    words += ["-n", str(cpus), "-R", "span[hosts=1]"]
    if minutes := asked.get("runtime"):
        words += ["-W", str(minutes)]
    if memory := asked.get("mem_mb"):
        words += ["-M", f"{memory}MB", "-R", f"rusage[mem={-(-memory // cpus)}MB]"]
    words += options(site, asked.get("gpu_count") or 0, asked.get("gpu_type"))
    return shlex.join([*words, *shlex.split(asked.get("lsf_extra") or "")])


class Bsub(Submitter):
    """Calls of bsub."""

    def _marked(self, call: str, mark: str) -> str:
        return re.sub(r"-Jd (?:'[^']*'|\S+)", lambda match: match[0] + mark, call, count=1)

    def _taken(self, mark: str) -> str | None:
        try:
            jobs = jobs_of(self._name(), "jobid", "job_description")
        except UserError:
            return None
        return next((number for number, comment in jobs if comment.endswith(mark)), "")

    def _refusal(self, words: str) -> tuple[Refusal, str]:
        return refusal_by(words, _AWAY, _FULL)


class Executor(Scripted):
    """Snakemake's executor for LSF."""

    engine = "LSF"
    folder = Path(".snakemake/lsf_logs")
    advice = "if this goes on, ask an administrator for CLEAN_PERIOD of lsb.params"

    def __init__(self, workflow: Any, logger: Any):
        self.submitter = Bsub(lambda: self.run_uuid, self.site.submit_pause, self.tell_of_waiting)
        super().__init__(workflow, logger)

    @classmethod
    def check(cls, site: Site) -> None:
        """Raise UserError for a key of the site file that is of SLURM alone."""
        list(options(site, 0, None))

    def written(self, job: Any, command: str, log: Path) -> tuple[str, str]:
        """The call of bsub, and the script that it reads."""
        asked, folder = job.resources, Path(self.workflow.workdir_init)
        submitting = call(self.site, asked, self.run_uuid, self.comment(job), folder, log)
        return submitting, script(command, asked.get("runtime"))

    def number_of(self, done: subprocess.CompletedProcess[str]) -> str:
        """The id of a job, as in `Job <17> is submitted to queue <normal>.`"""
        match = _SUBMITTED.search(done.stdout)
        # Of a job that was found again, its id alone.
        return match[1] if match else done.stdout.strip()

    def find(self) -> dict[str, tuple[str, str]]:
        """State and reason of the run's jobs in bjobs, by id."""
        jobs = jobs_of(self.run_uuid, "jobid", "stat", "exit_reason")
        return {number: (state_of(stat, reason), reason) for number, stat, reason in jobs}

    def cancel_one(self, number: str) -> None:
        """Cancel a job."""
        ask("bkill", number)

    def all_cancelled(self) -> tuple[str, ...]:
        """The command that cancels all jobs of the run."""
        return ("bkill", "-J", self.run_uuid, "0")


def state_of(stat: str, reason: str) -> str:
    """A job's state in SLURM's words, from LSF's own and why it ended, as `TERM_RUNLIMIT: …`."""
    if stat == "EXIT":
        known = re.match(r"TERM_\w+", reason)
        return _ENDS.get(known[0], "FAILED") if known else "FAILED"
    return _STATES.get(stat, "RUNNING")


def left_behind(folder: Path) -> list[str]:
    """The ids of the user's jobs that a Snakemake in a folder submitted and that have not ended.

    Without LSF, or where it doesn't answer, there are none.
    """
    jobs = []
    if shutil.which("bjobs"):
        with suppress(UserError):
            jobs = jobs_of(None, "jobid", "job_description", "sub_cwd")
    return [
        number
        for number, comment, where in jobs
        if comment.startswith(("rule_", "group_")) and Path(where).resolve() == folder.resolve()
    ]


def jobs_of(name: str | None, *fields: str) -> list[tuple[str, ...]]:
    """Fields of the jobs of a name, ended ones too, or of all jobs that have not ended."""
    form = f"{' '.join(fields)} delimiter='|'"
    which = ["-a", "-J", name] if name else []
    try:
        lines = ask("bjobs", *which, "-noheader", "-o", form).splitlines()
    except UserError as error:
        if _NONE.search(str(error)):
            return []
        raise
    told_fields = (line.split("|", len(fields) - 1) for line in lines)
    return [tuple(told) for told in told_fields if len(told) == len(fields)]
