"""Snakemake's log, without what a user has no use for."""

import logging
import re
from subprocess import CalledProcessError

from snakemake_interface_logger_plugins.common import LogEvent

_STOPPING = "Terminating processes on user request"
_WRAPPED = re.compile(r"^InputFunctionException in rule .*?WorkflowError:\n\s*(.*?)\n", re.S)
_ARRAY = "SLURM sbatch failed for array job submission"
"""Said with all commands of the array, and again of each of its jobs that then fails."""

_FAILED = "At least one job did not complete successfully."
_STOPPED = "clearbench: stopped by you; what is done stays, and the same command goes on from there"


class Brief(logging.Filter):
    """A filter of Snakemake's log: of a job that failed, what its command said is enough.

    The command itself, which has all settings, is what `--printshellcmds` prints. Where the user
    stopped the run, no job has failed. Of a mistake that a rule's inputs show, where in the code
    they were asked for tells a user nothing.
    """

    stopping = False

    def filter(self, record: logging.LogRecord) -> bool:
        message = str(record.msg)
        self.stopping |= _STOPPING in message
        if getattr(record, "event", None) == LogEvent.JOB_ERROR:
            record.shellcmd = None
            return not self.stopping
        if self.stopping and _FAILED in message:
            record.msg = _STOPPED
        if wrapped := _WRAPPED.match(message):
            record.msg = f"WorkflowError:\n{wrapped[1]}"
        if message.startswith(_ARRAY):
            return False
        return f"{CalledProcessError.__name__} in file " not in message
