"""A job of a cluster that several share starts them warm: by forks of one process."""

import atexit
import os
from contextlib import ExitStack, suppress
from typing import Any

from clearbench.config.site import Site
from clearbench.warm import VARIABLE, warm_process
from clearbench.workflow.process import in_image
from clearbench.workflow.shown import into_image

_PATIENCE = 120.0
"""Seconds that the imports may take; what takes longer is not waited for."""


def warm_up(snakemake: Any, site: Site) -> None:
    """Let the jobs of this process start by forks, where it runs several of a cluster's.

    In the image, where jobs run in it. Without such a process they start by themselves.
    """
    runs_jobs = not (snakemake.is_main_process or snakemake.non_local_exec)
    if not runs_jobs or len(snakemake.dag_settings.target_jobs) < 2:
        return
    arguments = snakemake.deployment_settings.apptainer_args
    enter = into_image(site.image, arguments) if in_image(snakemake) else []
    until_the_end = ExitStack()
    atexit.register(until_the_end.close)
    # One processor is enough for either, so the first job would not be done earlier meanwhile.
    with suppress(OSError):
        os.environ[VARIABLE] = until_the_end.enter_context(warm_process(enter, wait=_PATIENCE))
