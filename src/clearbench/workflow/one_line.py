"""How far a run is, as one line of a terminal instead of a block of lines for each of its jobs."""

import logging
from typing import TextIO

from snakemake_interface_logger_plugins.common import LogEvent

from clearbench.workflow.remaining import Remaining

_OF_ONE_JOB = {
    LogEvent.JOB_INFO,
    LogEvent.JOB_STARTED,
    LogEvent.JOB_FINISHED,
    LogEvent.GROUP_INFO,
    LogEvent.RESOURCES_INFO,
}
_SELECTING = "Select jobs to execute..."
"""Said before each start of jobs, without an event."""

_CLEAR = "\r\x1b[K"


class OneLine(logging.Filter):
    """A filter of Snakemake's log that writes its counts over each other on a terminal.

    What tells of single jobs is left out, but for those that fail. All else is written as ever,
    where the line was, and the line comes again with the next count.
    """

    def __init__(self, remaining: Remaining, terminal: TextIO):
        super().__init__()
        self._remaining = remaining
        self._terminal = terminal

    def filter(self, record: logging.LogRecord) -> bool:
        event = getattr(record, "event", None)
        if event in _OF_ONE_JOB or record.msg == _SELECTING:
            return False
        if event != LogEvent.PROGRESS:
            self._write(_CLEAR)
            return True
        done, total = vars(record)["done"], vars(record)["total"]
        left = self._remaining.told()
        line = f"{done} of {total} jobs done ({done / total:.0%})" + (f", {left}" if left else "")
        # Whatever a job itself has to say begins where the line does.
        self._write(f"{_CLEAR}{line}" + ("\n" if done == total else "\r"))
        return False

    def _write(self, text: str) -> None:
        self._terminal.write(text)
        self._terminal.flush()
