"""Snakemake's executor for SLURM, made one that neither waits for ever nor gives up at once.

Jobs are written out and submitted by the plugin, as its options say. How sbatch is called, when a
job has ended, and what is done when the run is stopped is decided here.
"""

import asyncio
import os
import shlex
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import snakemake_executor_plugin_slurm as plugin
from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo

from clearbench.cluster.ends import note
from clearbench.cluster.sbatch import Sbatch, Subprocess
from clearbench.cluster.slurm import ask
from clearbench.cluster.words import FAILED, Refusal, lacked_memory, never
from clearbench.config.site import SITE
from clearbench.errors import UserError
from clearbench.jobs.state import out_of_time

_LONGEST = 40.0
"""Seconds between two looks at the jobs, at most: what two of them show is told in two minutes."""

_AGAIN = 600.0
"""Seconds after which it is told anew that SLURM lets the run wait."""

_ARRAY = "Part of failed array"
_REFUSED = ("SLURM sbatch failed", _ARRAY)
"""How the plugin begins to tell that sbatch did not take a job."""

_GONE = "GONE"


class Executor(plugin.Executor):
    """The plugin's executor, patient with SLURM and not with jobs that have no future."""

    pause = 0.0
    """Seconds between two calls of sbatch."""

    def __init__(self, workflow: Any, logger: Any):
        # What the thread that looks at jobs uses is there before that thread is.
        self._told: dict[Refusal, float] = {}
        self._doubted: dict[str, str] = {}
        self._sbatch = Sbatch(lambda: self.run_uuid, self.pause, self._tell_of_waiting)
        plugin.subprocess = Subprocess(self._sbatch)
        super().__init__(workflow, logger)

    def __post_init__(self, test_mode: bool = False) -> None:
        super().__post_init__(test_mode)
        # SLURM has defaults itself; to ask for them first fails where it doesn't answer.
        self._fallback_account_arg = ""
        self._fallback_partition = ""

    def get_account_arg(self, job: Any) -> Iterator[str]:
        """The account as an option of sbatch, which itself says whether there is such a one."""
        account = job.resources.get("slurm_account")
        yield f" -A {shlex.quote(str(account))}" if account else ""

    def report_job_submission(self, job_info: Any, register_job: bool = True) -> None:
        """Note what is there before the job can have made anything."""
        job_info.aux["before"] = _stamps(job_info.job)
        super().report_job_submission(job_info, register_job)

    def run_job(self, job: Any) -> None:
        """Submit a job, in one of the threads for it."""
        try:
            super().run_job(job)
        except Exception as error:
            # Of a job of several the plugin fails to tell, and would so wait for it for ever.
            why = error.__context__ or error
            self._report_job_error_threadsafe(SubmittedJobInfo(job), f"Not submitted: {why}. ")

    def _report_job_error_threadsafe(self, job_info: Any, msg: str) -> None:
        """Report a job that was not submitted."""
        if self._sbatch.stopped:
            return
        refused = self._sbatch.refused
        if refused is not None and msg.startswith(_REFUSED):
            kind, why = refused
            if kind is Refusal.FULL and msg.startswith(_ARRAY):
                # A whole array may be more than is ever allowed at a time.
                self.run_job(job_info.job)
                # The plugin tells of its other jobs next.
                self._sbatch.refused = refused
                return
            msg = f"{kind.value} ({why}); change what {SITE} or the model's file asks for. "
        note(_outputs(job_info.job), "REFUSED")
        self._tell_of_group(job_info, msg)
        super()._report_job_error_threadsafe(job_info, msg)

    async def check_active_jobs(self, active_jobs: list[Any]) -> AsyncIterator[Any]:
        """Report the jobs that have ended, or have no future, and yield the others."""
        first = float(self.workflow.executor_settings.init_seconds_before_status_checks)
        if not active_jobs:
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
            self._sbatch.wake()
            self.next_seconds_between_status_checks = first
        elif self._doubted:
            self.next_seconds_between_status_checks = min(first, _LONGEST)
        else:
            longer = self.next_seconds_between_status_checks + 10
            self.next_seconds_between_status_checks = max(first, min(longer, _LONGEST))

    def _look(self) -> dict[str, tuple[str, str]] | None:
        """State and reason of the run's jobs in squeue, by id; None where SLURM doesn't answer."""
        words = ("--array", "--states=all", "--noheader", "--format=%i|%T|%r")
        try:
            lines = ask("squeue", f"--name={self.run_uuid}", *words).splitlines()
        except UserError as error:
            self._tell_of_waiting(Refusal.AWAY, str(error))
            return None
        jobs = (line.split("|", 2) for line in lines if line.count("|") >= 2)
        return {number: (state, reason) for number, state, reason in jobs}

    def _goes_on(self, job: Any, jobs: dict[str, tuple[str, str]], doubts: dict[str, str]) -> bool:
        """Whether a job may still do what it is to do; reported where not."""
        number = job.external_jobid
        state, reason = jobs.get(number, (_GONE, ""))
        if state == "COMPLETED":
            return self._succeed(job)
        hopeless = never(state, reason)
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
                ask("scancel", number)
            except UserError:
                self._doubted[number] = end
                return True
            return self._fail(job, end, f"would never have started ({end}): {hopeless}")
        if state == "PREEMPTED":
            return self._fail(job, state, f"ended as {state}: {FAILED[state]}")
        return self._settle(job)

    def _settle(self, job: Any) -> bool:
        """Report a job that squeue has forgotten by what is on record, or by what it has made."""
        state = ""
        with suppress(UserError):
            words = ("--allocations", "--noheader", "--parsable2", "--format=State")
            state = ask("sacct", *words, f"--jobs={job.external_jobid}").partition("\n")[0]
        # As `CANCELLED by 1000`.
        state = state.partition(" ")[0]
        if state == "COMPLETED" or (state not in FAILED and _made(job)):
            return self._succeed(job)
        if state in FAILED:
            return self._fail(job, state, f"ended as {state}: {FAILED[state]}")
        return self._fail(
            job,
            _GONE,
            "is gone: SLURM no longer knows it, and it has not made what it was to make; if this"
            " goes on, ask an administrator for MinJobAge of slurm.conf, or accounting",
        )

    def _succeed(self, job: Any) -> bool:
        if not self.workflow.executor_settings.keep_successful_logs:
            with suppress(OSError):
                job.aux["slurm_logfile"].unlink(missing_ok=True)
        self.report_job_success(job)
        return False

    def _fail(self, job: Any, end: str, what: str) -> bool:
        log = job.aux["slurm_logfile"]
        if end in ("FAILED", "CANCELLED") and lacked_memory(_end_of(log)):
            end = "OUT_OF_MEMORY"
            what = f"ended as {end}: {FAILED[end]}"
        note(_outputs(job.job), end)
        if any(out_of_time(Path(output).parent) for output in _outputs(job.job)):
            what = "saved what it has done and ended, ahead of its time limit"
        # Snakemake adds a sentence of its own.
        msg = f"SLURM job {job.external_jobid} {what}. "
        self._tell_of_group(job, msg)
        self.report_job_error(job, msg=msg, aux_logs=[str(log)] if log.exists() else [])
        return False

    def _tell_of_group(self, job: Any, msg: str) -> None:
        """Tell why a job of several failed, which Snakemake would leave out."""
        if job.job.is_group():
            self.logger.error(f"clearbench: {msg.strip()}")

    def _tell_of_waiting(self, kind: Refusal, why: str) -> None:
        """Tell that and why the run waits for SLURM, once in a while."""
        now = time.monotonic()
        if now - self._told.get(kind, -_AGAIN) < _AGAIN:
            return
        self._told[kind] = now
        self.logger.warning(
            f"clearbench: {kind.value} ({why}); the run waits and goes on by itself when it can"
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
        self._sbatch.stop()
        self._job_submission_executor.shutdown(wait=True, cancel_futures=True)

    def cancel_jobs(self, active_jobs: list[Any]) -> None:
        """Cancel all jobs of the run, also those that just were submitted or are looked at."""
        try:
            ask("scancel", f"--name={self.run_uuid}")
        except UserError as error:
            self.logger.error(
                f"clearbench: jobs were not cancelled ({error}); when SLURM answers again, type:"
                f" scancel --name={self.run_uuid}"
            )


def _end_of(log: Path) -> str:
    """The last lines of a job's log; empty where it can't be read."""
    try:
        return log.read_text(encoding="utf-8", errors="replace")[-10_000:]
    except OSError:
        return ""


def _outputs(job: Any) -> list[str]:
    return [str(path) for part in (job.jobs if job.is_group() else [job]) for path in part.output]


def _stamps(job: Any) -> dict[str, tuple[int, int] | None]:
    """What tells a file of a job from one that is made anew."""
    stamps: dict[str, tuple[int, int] | None] = dict.fromkeys(_outputs(job))
    for path in stamps:
        with suppress(OSError):
            found = Path(path).stat()
            stamps[path] = found.st_mtime_ns, found.st_ino
    return stamps


def _made(job: Any) -> bool:
    """Whether all that a submitted job was to make was made since."""
    now = _stamps(job.job)
    return bool(now) and all(now[path] and now[path] != job.aux["before"][path] for path in now)


def take_place(chosen: Any, pause: float) -> None:
    """Let this executor run the jobs of the plugin, whose name and options stay.

    A plugin of our own would have a name of its own, and options that no manual of Snakemake has.
    """
    # What a job said before SLURM put it back into the queue stays in its log.
    os.environ.setdefault("SBATCH_OPEN_MODE", "append")
    Executor.pause = pause
    chosen.executor = Executor
