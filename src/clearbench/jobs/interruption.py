"""Interruption: a signal or the end of its time ends a job between two steps, to go on later."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_ASKING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Interrupted(BaseException):
    """The process was asked to end by a signal: no failure, so no Exception."""

    def __init__(self, number: int, where: str = ""):
        super().__init__(f"ended by {signal.Signals(number).name}{where}")
        self.status = 128 + number
        """The exit status that shells give to an end by this signal."""


class TimeIsUp(Interrupted):
    """The process ended by itself, ahead of the limit of its time."""

    def __init__(self, where: str = ""):
        super().__init__(signal.SIGTERM, where)
        self.args = (f"ended ahead of its time limit{where}",)


class Interruption:
    """The first signal that asks this process to end; later ones change nothing."""

    def __init__(self) -> None:
        self.signal: int | None = None
        self._deferred = False

    @contextmanager
    def watched(self) -> Iterator[None]:
        """A signal raises Interrupted in here, wherever it meets the work.

        A signal that somebody handles or ignores already (`nohup`) is left to them.
        """
        before = {number: signal.getsignal(number) for number in _ASKING}
        taken = {
            number: handler
            for number, handler in before.items()
            if handler in (signal.SIG_DFL, signal.default_int_handler)
            # Other threads may not set handlers, and no signal is handled in them.
            and threading.current_thread() is threading.main_thread()
        }
        for number in taken:
            signal.signal(number, self._receive)
        # A cluster's shells and Snakemakes, which a job is started by, block what they outlive.
        blocked = signal.pthread_sigmask(signal.SIG_UNBLOCK, taken)
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
            for number, handler in taken.items():
                signal.signal(number, handler)

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """A signal raises nothing in here: the work calls `check` where it can be left."""
        self._deferred = True
        try:
            yield
        finally:
            self._deferred = False
        self.check()

    def check(self, where: str = "") -> None:
        """Raise Interrupted if a signal has come; `where` says how far the work is."""
        if self.signal is not None:
            raise Interrupted(self.signal, where)

    def _receive(self, number: int, _: FrameType | None) -> None:
        if self.signal is None:
            self.signal = number
            if not self._deferred:
                self.check()
