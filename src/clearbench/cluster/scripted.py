"""Engines that take a script: their jobs are written out and submitted by ourselves."""

import subprocess
import uuid
from abc import abstractmethod
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo
from snakemake_interface_executor_plugins.settings import CommonSettings

from clearbench.cluster.patience import Patient
from clearbench.jobs.pace import DEADLINE

SETTINGS = CommonSettings(
    non_local_exec=True,
    implies_no_shared_fs=False,
    job_deploy_sources=False,
    pass_default_storage_provider_args=True,
    pass_default_resources_args=True,
    pass_envvar_declarations_to_cmd=False,
    auto_deploy_default_storage_provider=False,
)
"""What Snakemake has to know of such an engine."""


class Scripted(Patient):
    """An executor that submits scripts, each of which lets Snakemake run a job."""

    log = "log"
    folder: Path
    """Where what jobs said lies, below that of Snakemake's notes."""

    def __post_init__(self) -> None:
        self.run_uuid = str(uuid.uuid4())
        # One: where an engine lets the run wait, all other jobs wait as well.
        self.first_look = float(
            self.workflow.remote_execution_settings.seconds_between_status_checks
        )
        self._job_submission_executor = ThreadPoolExecutor(max_workers=1)
        self.logger.info(f"{self.engine} run ID: {self.run_uuid}")

    @property
    def cores(self) -> int:
        """One: jobs that share a submitted one run one after the other."""
        return 1

    @abstractmethod
    def written(self, job: Any, command: str, log: Path) -> tuple[str, str]:
        """The command that submits a job, and what it reads; UserError where there can be none.

        `command` is a line of a shell, that lets Snakemake run the job.
        """

    @abstractmethod
    def number_of(self, done: subprocess.CompletedProcess[str]) -> str:
        """The id of a job, by what the command said that submitted it."""

    def run_job(self, job: Any) -> None:
        """Submit a job, as soon as the engine takes it."""
        self._job_submission_executor.submit(self._submit, job)

    def _submit(self, job: Any) -> None:
        try:
            name = f"group_{job.name}" if job.is_group() else f"rule_{job.name}"
            log = self.folder.resolve() / name / f"{self.run_uuid}-{job.jobid}-{job.attempt}.log"
            log.parent.mkdir(parents=True, exist_ok=True)
            done = self.submitter.submit(*self.written(job, self.format_job_exec(job), log))
            if done.returncode == 0:
                number = self.number_of(done)
                self.logger.info(f"Job {job.jobid} is {self.engine} job {number} (log: {log}).")
                self.report_job_submission(
                    SubmittedJobInfo(job, external_jobid=number, aux={self.log: log})
                )
                return
            told = done.stderr.strip()
        except Exception as error:
            # Without a word of it Snakemake would wait for the job for ever.
            told = str(error)
        if self.submitter.stopped:
            return
        info = SubmittedJobInfo(job)
        msg = self.refused(job, f"{self.engine} job not submitted: {told}. ")
        self.tell_of_group(info, msg)
        self.report_job_error(info, msg=msg)

    def comment(self, job: Any) -> str:
        """Which rule and cell a job is of."""
        if job.is_group():
            return f"group_{job.name}"
        return "_".join([f"rule_{job.name}", *map(str, job.wildcards_dict.values())])


def script(command: str, minutes: int | None) -> str:
    """A job's script: it outlives signals that ask to end, and tells when its time is up.

    An engine signals all processes of a job; the one that computes saves and ends.
    """
    lines = ["#!/bin/bash", "trap : INT TERM", "trap '' USR2"]
    if minutes:
        lines.append(f"export {DEADLINE}=$(( $(date +%s) + {60 * minutes} ))")
    return "\n".join([*lines, command, ""])
