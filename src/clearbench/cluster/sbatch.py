"""sbatch as it should be called: not too often, and again where SLURM will take a job later."""

import itertools
import re
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from clearbench.cluster.slurm import ask
from clearbench.cluster.words import Refusal, gist, refusal, shared
from clearbench.errors import UserError

_FIRST, _LONGEST = 5.0, 60.0
"""Seconds until a refused call is tried again: these at first, twice as many each time."""

Tell = Callable[[Refusal, str], None]


class Sbatch:
    """Calls of sbatch for the run of a name.

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
        """Call sbatch until SLURM has taken the job, or will not take it, or the run is stopped."""
        # Known by its own comment, a job that SLURM took without getting to say so is found again.
        mark = f":{next(self._numbers)}"
        call = re.sub(r"--comment (?:'[^']*'|\S+)", lambda found: found[0] + mark, call, count=1)
        wait, alone = _FIRST, 0
        self.refused = None
        while True:
            done = self._call(call, script)
            if done.returncode == 0 or self.stopped:
                return done
            kind, why = refusal(done.stderr), gist(done.stderr)
            if kind is Refusal.FULL and not shared(done.stderr):
                # Twice, for the last one may have ended after SLURM refused this one.
                alone = alone + 1 if self._none_of_mine() else 0
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

    def _taken(self, mark: str) -> str | None:
        """The id of the job that SLURM took nevertheless; empty if none, None if out of reach."""
        words = ("--states=all", "--noheader", "--format=%F|%k")
        try:
            jobs = ask("squeue", f"--name={self._name()}", *words).splitlines()
        except UserError:
            return None
        return next((job.partition("|")[0] for job in jobs if job.endswith(mark)), "")

    def _none_of_mine(self) -> bool:
        with suppress(UserError):
            return not ask("squeue", "--me", "--noheader").strip()
        return False


class Called:
    """A call of sbatch in the place of a `subprocess.Popen` with a shell."""

    def __init__(self, sbatch: Sbatch, call: str):
        self._sbatch, self._call = sbatch, call
        self.returncode: int | None = None

    def communicate(self, input: str | None = None) -> tuple[str, str]:
        """What sbatch prints and complains of in the end."""
        done = self._sbatch.submit(self._call, input)
        self.returncode = done.returncode
        return done.stdout, done.stderr


class Subprocess:
    """The module `subprocess`, but for its calls of sbatch."""

    def __init__(self, sbatch: Sbatch):
        self._sbatch = sbatch

    def __getattr__(self, name: str) -> Any:
        return getattr(subprocess, name)

    def Popen(self, call: Any, **options: Any) -> Any:
        """Start a command."""
        if isinstance(call, str) and call.startswith("sbatch "):
            return Called(self._sbatch, call)
        return subprocess.Popen(call, **options)
