"""How long a run will still take, told beside Snakemake's count of steps."""

import json
import logging
import time
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from statistics import fmean

from snakemake.logging import logger
from snakemake_interface_logger_plugins.common import LogEvent

from clearbench.jobs.artifacts import MANIFEST, PROVENANCE
from clearbench.suite.artifact import Artifact


class Remaining(logging.Filter):
    """A filter of Snakemake's log that tells, at each of its counts, about how long is left.

    A job of the `artifacts` is taken to last as those of its rule that this run has finished; of a
    rule without any, as all that it has finished. The rest then takes as long, for its work, as
    what is done took: so the jobs at a time, and waiting for them, need not be known.
    """

    def __init__(self, artifacts: Iterable[Artifact], root: Path):
        super().__init__()
        self._root = root
        self._waiting = {artifact.name: artifact.rule for artifact in artifacts}
        self._seconds: dict[str, list[float]] = defaultdict(list)
        self._began = time.time()

    def filter(self, record: logging.LogRecord) -> bool:
        if getattr(record, "event", None) == LogEvent.PROGRESS:
            left = self.told()
            if left:
                # Of a kind that `--quiet progress` leaves out as well.
                logger.info(left, extra={"event": LogEvent.RESOURCES_INFO})
        return True

    def told(self) -> str:
        """About how long is left, as text; empty where nothing is left, or nothing is known."""
        seconds = self.left(time.time())
        if not seconds:
            return ""
        if seconds >= 90:
            return f"about {seconds / 60:.0f} min left"
        return f"about {seconds:.0f} s left"

    def left(self, now: float) -> float | None:
        """About how many seconds are left; None as long as no job has finished."""
        for name in list(self._waiting):
            # What is being replaced at the moment is looked at next time.
            with suppress(OSError, ValueError, KeyError):
                folder = self._root / name
                if (folder / MANIFEST).stat().st_mtime >= self._began:
                    made = json.loads((folder / PROVENANCE).read_text(encoding="utf-8"))
                    self._seconds[self._waiting.pop(name)].append(made["seconds"])
        finished = [seconds for of_rule in self._seconds.values() for seconds in of_rule]
        if not finished or not sum(finished):
            return None
        ahead = [fmean(self._seconds.get(rule) or finished) for rule in self._waiting.values()]
        return (now - self._began) * sum(ahead) / sum(finished)
