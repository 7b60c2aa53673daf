"""An executor of Snakemake that neither waits for ever nor gives up at once, on any engine.

How jobs are submitted, what the engine is asked and what its words mean is in a file of each
engine. When a job has ended, and what is done when the run is stopped, is decided here.
"""

import asyncio
import shlex
import time
from abc import abstractmethod
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor

from clearbench.cluster.ask import ask
from clearbench.cluster.ends import note
from clearbench.cluster.submitter import Submitter
from clearbench.cluster.words import FAILED, Refusal
from clearbench.config.site import SITE, Site
from clearbench.errors import UserError
from clearbench.jobs.machine import GPUS
from clearbench.jobs.state import out_of_time

_LONGEST = 40.0
"""Seconds between two looks at the jobs, at most: what two of them show is told in two minutes."""

_SHARE = 0.1
"""Of the time since a change, what passes until the next look: short jobs are not kept waiting."""

_AGAIN = 600.0
"""Seconds after which it is told anew that the engine lets the run wait."""

_GONE = "GONE"


def pause(since: float, first: float, doubted: bool) -> float:
    """Seconds until the next look at the jobs, so many seconds after the last change.

    At least `first`; what is doubted is looked at again soon.
    """
    if doubted:
        return min(first, _LONGEST)
    return max(first, min(_SHARE * since, _LONGEST))


class Patient(RemoteExecutor):
    """An executor that is patient with its engine, and not with jobs that have no future.

    States of jobs are SLURM's words on every engine, as `clearbench.cluster.words` explains them.
    """

    engine: ClassVar[str]
    """The engine, as people call it."""

    site = Site()

    log: ClassVar[str]
    """The auxiliary datum of a submitted job that is the path of what it said."""

    submitter: Submitter

    def __init__(self, workflow: Any, logger: Any):
        # What the thread that looks at jobs uses is there before that thread is.
        self._told: dict[Refusal, float] = {}
        self._doubted: dict[str, str] = {}
        self._changed = time.monotonic()
        super().__init__(workflow, logger)

    first_look = 10.0
    """Seconds from a change to the next look at the jobs, and between looks at the least."""

    keeps_logs = False
    """Whether what successful jobs said is kept as well."""

    @classmethod
    def check(cls, site: Site) -> None:
        """Raise UserError for a site file that says what this engine does not know."""
        return

    @abstractmethod
    def find(self) -> dict[str, tuple[str, str]]:
        """State and reason of the run's jobs, by id; UserError where the engine doesn't answer."""

    @abstractmethod
    def cancel_one(self, number: str) -> None:
        """Cancel a job; UserError where the engine doesn't answer."""

    @abstractmethod
    def all_cancelled(self) -> tuple[str, ...]:
        """The command that cancels all jobs of the run."""

    def hopeless(self, state: str, reason: str) -> str | None:
        """Why a job in this state, for this reason, will never start; None if it may."""
        return None

    def recorded(self, number: str) -> str:
        """The last state of a job that is no longer there; empty where nothing is on record."""
        return ""

    def true_end(self, end: str, log: Path) -> str:
        """How a job ended, where its state does not tell and its log may."""
        return end

    def get_job_exec_prefix(self, job: Any) -> str:
        """What the command of a job begins with: the promise of its GPUs, which it checks."""
        gpus = job.resources.get("gpu_count") or 0
        given = super().get_job_exec_prefix(job)
        return " && ".join([*([given] if given else []), f"export {GPUS}={gpus}"])

    def additional_general_args(self) -> str:
        """What the Snakemake of a job is told: of jobs that share one, a failure stops no other."""
        return f"{super().additional_general_args() or ''} --keep-going".strip()

    def run_jobs(self, jobs: list[Any]) -> None:
        """Submit jobs; those that share one ask for the time of all, as far as the site allows."""
        for job in jobs:
            asked = job.resources.get("runtime") if job.is_group() else None
            if isinstance(asked, int):
                job._resources["runtime"] = self.site.minutes(asked)
        super().run_jobs(jobs)

    def report_job_submission(self, job_info: Any, register_job: bool = True) -> None:
        """Note what is there before the job can have made anything."""
        job_info.aux["before"] = _stamps(job_info.job)
        super().report_job_submission(job_info, register_job)

    async def check_active_jobs(self, active_jobs: list[Any]) -> AsyncIterator[Any]:
        """Report the jobs that have ended, or have no future, and yield the others."""
        first = self.first_look
        if not active_jobs:
            self._changed = time.monotonic()
            self.next_seconds_between_status_checks = first
            return
        async with self.status_rate_limiter:
            jobs = await asyncio.to_thread(self._look)
        doubts, self._doubted = self._doubted, {}
        ended = False
        for job in active_jobs:
            if jobs is None or self._goes_on(job, jobs, doubts):
                yield job
            else:
                ended = True
        if ended:
            self._changed = time.monotonic()
            self.submitter.wake()
        since = time.monotonic() - self._changed
        self.next_seconds_between_status_checks = pause(since, first, bool(self._doubted))

    def _look(self) -> dict[str, tuple[str, str]] | None:
        """What `find` finds; None where the engine doesn't answer."""
        try:
            return self.find()
        except UserError as error:
            self.tell_of_waiting(Refusal.AWAY, str(error))
            return None

    def _goes_on(self, job: Any, jobs: dict[str, tuple[str, str]], doubts: dict[str, str]) -> bool:
        """Whether a job may still do what it is to do; reported where not."""
        number = job.external_jobid
        state, reason = jobs.get(number, (_GONE, ""))
        if state == "COMPLETED":
            return self._succeed(job)
        hopeless = self.hopeless(state, reason)
        if not hopeless and state not in (_GONE, "PREEMPTED"):
            if state not in FAILED:
                return True
            return self._fail(job, state, f"ended as {state}: {FAILED[state]}")
        # What a single look shows may be a step of SLURM's, as from preempted to requeued.
        end = reason if hopeless and state == "PENDING" else state
        if doubts.get(number) != end:
            self._doubted[number] = end
            return True
        if hopeless:
            try:
                # It would start after all if somebody changed the limit.
                self.cancel_one(number)
            except UserError:
                self._doubted[number] = end
                return True
            return self._fail(job, end, f"would never have started ({end}): {hopeless}")
        if state == "PREEMPTED":
            return self._fail(job, state, f"ended as {state}: {FAILED[state]}")
        return self._settle(job)

    def _settle(self, job: Any) -> bool:
        """Report a job that is no longer there by what is on record, or by what it has made."""
        state = self.recorded(job.external_jobid)
        if state == "COMPLETED" or (state not in FAILED and _made(job)):
            return self._succeed(job)
        if state in FAILED:
            return self._fail(job, state, f"ended as {state}: {FAILED[state]}")
        return self._fail(
            job,
            _GONE,
            f"is gone: {self.engine} no longer knows it, and it has not made what it was to make;"
            f" {self.advice}",
        )

    advice = "if this goes on, ask an administrator how long ended jobs can be asked for"
    """What to do about jobs that are gone."""

    def _succeed(self, job: Any) -> bool:
        if not self.keeps_logs:
            with suppress(OSError):
                job.aux[self.log].unlink(missing_ok=True)
        self.report_job_success(job)
        return False

    def _fail(self, job: Any, end: str, what: str) -> bool:
        log = job.aux[self.log]
        true = self.true_end(end, log)
        if true != end:
            end, what = true, f"ended as {true}: {FAILED[true]}"
        note(outputs(job.job), end)
        if any(out_of_time(Path(output).parent) for output in outputs(job.job)):
            what = "saved what it has done and ended, ahead of its time limit"
        # Snakemake adds a sentence of its own.
        msg = f"{self.engine} job {job.external_jobid} {what}. "
        self.tell_of_group(job, msg)
        self.report_job_error(job, msg=msg, aux_logs=[str(log)] if log.exists() else [])
        return False

    def tell_of_group(self, job: Any, msg: str) -> None:
        """Tell why a job of several failed, which Snakemake would leave out."""
        if job.job.is_group():
            self.logger.error(f"clearbench: {msg.strip()}")

    def tell_of_waiting(self, kind: Refusal, why: str) -> None:
        """Tell that and why the run waits for the engine, once in a while."""
        now = time.monotonic()
        if now - self._told.get(kind, -_AGAIN) < _AGAIN:
            return
        self._told[kind] = now
        self.logger.warning(
            f"clearbench: {self.engine} {kind.value} ({why}); the run waits and goes on by itself"
            " when it can"
        )

    async def sleep(self) -> None:
        """Wait for the next look at the jobs, and not beyond the end of the run."""
        end = time.monotonic() + self.next_seconds_between_status_checks
        while self.wait and (left := end - time.monotonic()) > 0:
            await asyncio.sleep(min(left, 0.5))

    def cancel(self) -> None:
        """Stop submitting, then cancel what was submitted."""
        self._stop()
        super().cancel()

    def shutdown(self) -> None:
        """End, where nothing is left to be submitted or Snakemake gives up."""
        self._stop()
        super().shutdown()

    def _stop(self) -> None:
        self.submitter.stop()
        self._job_submission_executor.shutdown(wait=True, cancel_futures=True)

    def cancel_jobs(self, active_jobs: list[Any]) -> None:
        """Cancel all jobs of the run, also those that just were submitted or are looked at."""
        words = self.all_cancelled()
        try:
            ask(*words)
        except UserError as error:
            self.logger.error(
                f"clearbench: jobs were not cancelled ({error}); when {self.engine} answers again,"
                f" type: {shlex.join(words)}"
            )

    def refused(self, job: Any, msg: str) -> str:
        """What to tell of a job that was not submitted, which is noted as refused."""
        if self.submitter.refused is not None:
            kind, why = self.submitter.refused
            msg = (
                f"{self.engine} {kind.value} ({why}); change what {SITE} or the model's file asks"
                " for. "
            )
        note(outputs(job), "REFUSED")
        return msg


def end_of(log: Path) -> str:
    """The last lines of a job's log; empty where it can't be read."""
    try:
        return log.read_text(encoding="utf-8", errors="replace")[-10_000:]
    except OSError:
        return ""


def outputs(job: Any) -> list[str]:
    """The files that a job, or all jobs of a group, are to make."""
    return [str(path) for part in (job.jobs if job.is_group() else [job]) for path in part.output]


def _stamps(job: Any) -> dict[str, tuple[int, int] | None]:
    """What tells a file of a job from one that is made anew."""
    stamps: dict[str, tuple[int, int] | None] = dict.fromkeys(outputs(job))
    for path in stamps:
        with suppress(OSError):
            status = Path(path).stat()
            stamps[path] = status.st_mtime_ns, status.st_ino
    return stamps


def _made(job: Any) -> bool:
    """Whether all that a submitted job was to make was made since."""
    now = _stamps(job.job)
    return bool(now) and all(now[path] and now[path] != job.aux["before"][path] for path in now)
