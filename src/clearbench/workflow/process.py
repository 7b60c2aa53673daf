"""The process that Snakemake runs in, made one whose jobs find their image and their notes."""

import json
import os
import signal
from typing import Any

from snakemake.settings.types import DeploymentMethod, RerunTrigger

from clearbench.cluster.shell import prepare
from clearbench.cluster.slurm import end_time, grant
from clearbench.config.site import Site, choose_kernels, enter
from clearbench.jobs.checkout import CHECKOUT, checkout
from clearbench.jobs.environment import PROMISE, SLURM, check_image, image_digest
from clearbench.jobs.pace import DEADLINE


def in_image(snakemake: Any) -> bool:
    """Whether jobs run in the image."""
    return DeploymentMethod.APPTAINER in snakemake.deployment_settings.deployment_method


def starts_jobs(snakemake: Any) -> bool:
    """Whether jobs are run, and not only looked at, counted, drawn or touched."""
    executing = snakemake.executor_plugin is not None
    return executing and not (snakemake.dryrun or snakemake.touch)


def set_up(snakemake: Any, site: Site) -> None:
    """Tell this process, and so its jobs, which image, commit and SLURM job they are of.

    Raises UserError where there is no such image, or this user may not read it.
    """
    if snakemake.is_main_process:
        for name in (PROMISE, CHECKOUT):
            os.environ.pop(name, None)
        use_own_executor(snakemake, site)
    else:
        # Where a cluster ends a job, each of its processes is asked to end at once, and with the
        # first that does so all are killed: the stage ends by itself, with all above it waiting.
        outlived = [signal.SIGTERM]
        if "LSB_JOBID" in os.environ:
            # LSF begins with another one.
            outlived.append(signal.SIGINT)
        signal.pthread_sigmask(signal.SIG_BLOCK, outlived)
    prepare(site)
    # Of the processes of a SLURM job the first one asks, and tells the others.
    told = json.loads(os.environ.get(SLURM, "null"))
    if (told and told["job"]) != os.environ.get("SLURM_JOB_ID"):
        os.environ[SLURM] = json.dumps(grant(snakemake.attempt))
        os.environ[DEADLINE] = str(end_time() or "")
    choose_kernels()
    if not in_image(snakemake):
        return
    check_image(site.image)
    # A job inherits what the process that planned it promised, and found as the commit.
    os.environ.setdefault(PROMISE, image_digest(site.image))
    os.environ.setdefault(CHECKOUT, json.dumps(checkout()))
    enter(site)


def use_own_executor(snakemake: Any, site: Site) -> None:
    """Let our executor submit the jobs and look after them where Snakemake runs them elsewhere."""
    plugin = snakemake.executor_plugin
    if plugin is None or not plugin.common_settings.non_local_exec:
        return
    # Where no job is submitted, no plugin need be there.
    from clearbench.cluster.patience import Patient

    Patient.site = site
    if plugin.name == "slurm":
        from clearbench.cluster.executor import take_place

        take_place(plugin)
    elif issubclass(plugin.executor, Patient):
        plugin.executor.check(site)


_STARTS = (100, 1)
"""Snakemake's own limit of starts: so many jobs in so many seconds."""


def unlimit(snakemake: Any) -> None:
    """Lift Snakemake's limit of starts, unless the user has set another one.

    Under a limit each look for jobs plans one more look a second later, and so does each job that
    ends: after 300 jobs it looks 300 times a second, and chooses anew among all that are ready.
    """
    settings = snakemake.scheduling_settings
    limit = None if settings is None else settings.max_jobs_per_timespan
    if limit is not None and (limit.max_jobs, limit.timespan) == _STARTS:
        settings.max_jobs_per_timespan = None


def silence(snakemake: Any) -> None:
    """Let neither Snakemake's own notes nor the times of files decide anything."""
    # The notes go by the image's path, and whether there was one at all.
    snakemake.dag_settings.rerun_triggers = frozenset({RerunTrigger.MTIME})
    # Whatever a job that failed or was killed has left is whole: what was there, or the new.
    if snakemake.execution_settings is not None:
        snakemake.execution_settings.keep_incomplete = True
    snakemake.dag.ignore_incomplete = True

    async def unchecked(*_: Any) -> None:
        """In place of an error where an input is newer than what was just made from it."""

    snakemake.dag.check_output_mtime = unchecked
