"""Snakemake's executor for SLURM: jobs are written out by its plugin, as its options say."""

import os
import shlex
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import snakemake_executor_plugin_slurm as plugin
from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo

from clearbench.cluster.ask import ask
from clearbench.cluster.ends import note
from clearbench.cluster.patience import Patient, end_of, outputs
from clearbench.cluster.sbatch import Sbatch, Subprocess
from clearbench.cluster.slurm import resources
from clearbench.cluster.words import Refusal, lacked_memory, never
from clearbench.errors import UserError

_STEP = "--executor slurm-jobstep --jobs 1"
"""How the plugin tells the Snakemake of a job to make steps of SLURM."""

_ARRAY = "Part of failed array"
_REFUSED = ("SLURM sbatch failed", _ARRAY)
"""How the plugin begins to tell that sbatch did not take a job."""


class Executor(Patient, plugin.Executor):
    """The plugin's executor, made a patient one."""

    engine = "SLURM"
    log = "slurm_logfile"
    advice = "if this goes on, ask an administrator for MinJobAge of slurm.conf, or accounting"

    def __init__(self, workflow: Any, logger: Any):
        self.submitter = Sbatch(lambda: self.run_uuid, self.site.submit_pause, self.tell_of_waiting)
        plugin.subprocess = Subprocess(self.submitter)
        super().__init__(workflow, logger)

    def __post_init__(self, test_mode: bool = False) -> None:
        super().__post_init__(test_mode)
        settings = self.workflow.executor_settings
        self.first_look = float(settings.init_seconds_before_status_checks)
        self.keeps_logs = settings.keep_successful_logs
        # SLURM has defaults itself; to ask for them first fails where it doesn't answer.
        self._fallback_account_arg = ""
        self._fallback_partition = ""

    def format_job_exec(self, job: Any) -> str:
        """The command of a job, which makes a step of it; those that share one run one by one.

        As steps each would begin with a Snakemake of its own, and no process could serve several.
        """
        told: str = super().format_job_exec(job)
        return told.replace(_STEP, "--cores 1") if job.is_group() else told

    def get_account_arg(self, job: Any) -> Iterator[str]:
        """The account as an option of sbatch, which itself says whether there is such a one."""
        account = job.resources.get("slurm_account")
        yield f" -A {shlex.quote(str(account))}" if account else ""

    def run_jobs(self, jobs: list[Any]) -> None:
        """Submit jobs, each with what the site says of jobs like it."""
        for job in jobs:
            asked = job.resources
            mapped = resources(self.site, asked.get("gpu_count") or 0, asked.get("gpu_type"))
            give(job, mapped)
        super().run_jobs(jobs)

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
        if self.submitter.stopped:
            return
        refused = self.submitter.refused
        if refused is not None and msg.startswith(_REFUSED):
            kind, _ = refused
            if kind is Refusal.FULL and msg.startswith(_ARRAY):
                # A whole array may be more than is ever allowed at a time.
                self.run_job(job_info.job)
                # The plugin tells of its other jobs next.
                self.submitter.refused = refused
                return
            msg = self.refused(job_info.job, msg)
        else:
            note(outputs(job_info.job), "REFUSED")
        self.tell_of_group(job_info, msg)
        super()._report_job_error_threadsafe(job_info, msg)

    def find(self) -> dict[str, tuple[str, str]]:
        """State and reason of the run's jobs in squeue, by id."""
        words = ("--array", "--states=all", "--noheader", "--format=%i|%T|%r")
        lines = ask("squeue", f"--name={self.run_uuid}", *words).splitlines()
        jobs = (line.split("|", 2) for line in lines if line.count("|") >= 2)
        return {number: (state, reason) for number, state, reason in jobs}

    def hopeless(self, state: str, reason: str) -> str | None:
        """Why a job that waits for this reason will never start; None if it may."""
        return never(state, reason)

    def recorded(self, number: str) -> str:
        """The last state of a job by accounting, where there is such a thing."""
        words = ("--allocations", "--noheader", "--parsable2", "--format=State")
        with suppress(UserError):
            # As `CANCELLED by 1000`.
            return ask("sacct", *words, f"--jobs={number}").partition("\n")[0].partition(" ")[0]
        return ""

    def true_end(self, end: str, log: Path) -> str:
        """How a job ended: its state is not that of too little memory where no cgroup watches."""
        unclear = end in ("FAILED", "CANCELLED")
        return "OUT_OF_MEMORY" if unclear and lacked_memory(end_of(log)) else end

    def cancel_one(self, number: str) -> None:
        """Cancel a job."""
        ask("scancel", number)

    def all_cancelled(self) -> tuple[str, ...]:
        """The command that cancels all jobs of the run."""
        return ("scancel", f"--name={self.run_uuid}")


def give(job: Any, resources: dict[str, str]) -> None:
    """Let a job ask for further resources, where the user has not said others."""
    known = set(job.resources.keys())
    further = {name: told for name, told in resources.items() if name not in known}
    if job.is_group():
        # Made from those of its jobs anew with each attempt.
        job._resources.update(further)
        return
    for name, told in further.items():
        job.add_aux_resource(name, told)


def take_place(chosen: Any) -> None:
    """Let this executor run the jobs of the plugin, whose name and options stay.

    A plugin of our own would have a name of its own, and options that no manual of Snakemake has.
    """
    # What a job said before SLURM put it back into the queue stays in its log.
    os.environ.setdefault("SBATCH_OPEN_MODE", "append")
    chosen.executor = Executor
