"""Submission as it should be: not too often, and again where the engine will take a job later."""

import itertools
import re
import subprocess
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable

from clearbench.cluster.words import Refusal

_FIRST, _LONGEST = 5.0, 60.0
"""Seconds until a refused call is tried again: these at first, twice as many each time."""

Tell = Callable[[Refusal, str], None]


def refusal_by(words: str, away: re.Pattern[str], full: re.Pattern[str]) -> tuple[Refusal, str]:
    """How a command refused by what it said, and all that it said in a line."""
    lines = [line.strip() for line in words.splitlines() if line.strip()] or ["it says nothing"]
    kind = Refusal.FULL if full.search(words) else Refusal.FINAL
    return (Refusal.AWAY if away.search(words) else kind), "; ".join(lines)


class Submitter(ABC):
    """Calls of a command that submits a job, for the run of a name.

    `pause` are seconds from the end of a call to the next one, `tell` is told why one waits.
    """

    def __init__(self, name: Callable[[], str], pause: float, tell: Tell):
        self._name, self._pause, self._tell = name, pause, tell
        self._one_at_a_time = threading.Lock()
        self._next = 0.0
        self._numbers = itertools.count(1)
        self._last = threading.local()
        self._change = threading.Condition()
        self.stopped = False

    @abstractmethod
    def _marked(self, call: str, mark: str) -> str:
        """A call whose job can be told from all others of the run by a mark."""

    @abstractmethod
    def _taken(self, mark: str) -> str | None:
        """The id of the job that was taken nevertheless; empty if none, None if out of reach."""

    @abstractmethod
    def _refusal(self, words: str) -> tuple[Refusal, str]:
        """How and why a call was refused, by what it said."""

    def _mine_alone(self, words: str) -> bool:
        """Whether a limit was met that no job counts for, so that no wait will help."""
        return False

    @property
    def refused(self) -> tuple[Refusal, str] | None:
        """How and why the last call of this thread was refused for good; None if it was not."""
        return getattr(self._last, "refusal", None)

    @refused.setter
    def refused(self, refusal: tuple[Refusal, str] | None) -> None:
        self._last.refusal = refusal

    def stop(self) -> None:
        """Let nothing wait or be submitted any more."""
        self.stopped = True
        self.wake()

    def wake(self) -> None:
        """Let what waits try again now, as where a job has ended that counted for a limit."""
        with self._change:
            self._change.notify_all()

    def submit(self, call: str, script: str | None) -> subprocess.CompletedProcess[str]:
        """Call until the job was taken, or will not be taken, or the run is stopped."""
        # Known by its mark, a job that was taken without the answer getting here is found again.
        mark = f":{next(self._numbers)}"
        call = self._marked(call, mark)
        wait, alone = _FIRST, 0
        self.refused = None
        while True:
            done = self._call(call, script)
            if done.returncode == 0 or self.stopped:
                return done
            kind, why = self._refusal(done.stderr)
            # Twice, for the last one may have ended after this one was refused.
            alone = alone + 1 if kind is Refusal.FULL and self._mine_alone(done.stderr) else 0
            if kind is Refusal.FINAL or alone > 1:
                self.refused = kind, why
                return done
            self._tell(kind, why)
            taken = None
            while taken is None:
                self._wait(wait)
                if self.stopped:
                    return done
                wait = min(2 * wait, _LONGEST)
                taken = self._taken(mark)
            if taken:
                return subprocess.CompletedProcess(call, 0, f"{taken}\n", "")

    def _call(self, call: str, script: str | None) -> subprocess.CompletedProcess[str]:
        with self._one_at_a_time:
            while not self.stopped and (left := self._next - time.monotonic()) > 0:
                self._wait(left)
            if self.stopped:
                return subprocess.CompletedProcess(call, 1, "", "the run was stopped")
            try:
                return subprocess.run(
                    call,
                    shell=True,
                    text=True,
                    input=script or "",
                    capture_output=True,
                    check=False,
                )
            finally:
                self._next = time.monotonic() + self._pause

    def _wait(self, seconds: float) -> None:
        with self._change:
            if not self.stopped:
                self._change.wait(seconds)
