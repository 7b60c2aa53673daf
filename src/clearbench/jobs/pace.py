"""Pace: when a job saves its state, and when its time is up."""

import math
import os
import time

from clearbench.errors import UserError

SAVE_SECONDS = "CLEARBENCH_SAVE_SECONDS"
"""The environment variable with the seconds between two saves; 0 saves after every step.

It is no setting: whatever its value, the artifact is the same.
"""

DEADLINE = "CLEARBENCH_DEADLINE"
"""The environment variable with the time, in seconds since 1970, at which a job is ended."""

_SHARE = 0.01
"""How much of a job's time saving may take, where nothing else is asked for."""

_SHORTEST = 1.0
_RATE = 200e6
"""Bytes a second that a disk is taken to write before the first save has shown it."""

_MARGIN = 5.0
"""Seconds between a job's own end and its limit, beside those of a step and a save."""


class Pace:
    """When to save, from how long steps and saves take.

    `interval` is a fixed number of seconds between two saves; without it, saving takes one
    hundredth of the time. `deadline` is when the job is ended, in seconds since 1970.
    """

    def __init__(self, interval: float | None = None, deadline: float = math.inf):
        self._interval = interval
        self._deadline = deadline
        self._size = 0
        self._cost: float | None = None
        self._longest = 0.0
        self.begin()

    def begin(self) -> None:
        """Begin to count: no step is done yet."""
        self._saved = self._stepped = time.monotonic()

    def step(self) -> None:
        """Take note that a step has ended."""
        now = time.monotonic()
        self._longest = max(self._longest, now - self._stepped)
        self._stepped = now

    def weigh(self, size: int) -> None:
        """Take note of how many bytes there are to save."""
        self._size = size

    def due(self) -> bool:
        """Whether it is time to save."""
        interval = self._interval
        if interval is None:
            interval = max(_SHORTEST, self._expected() / _SHARE)
        return time.monotonic() - self._saved >= interval

    def up(self) -> bool:
        """Whether the time is up: another step and its save might come too late."""
        needed = 2 * (self._longest + self._expected()) + _MARGIN
        return time.time() + needed >= self._deadline

    def saved(self, seconds: float) -> None:
        """Take note of a save, and of how long it took."""
        self._cost = seconds
        self._saved = self._stepped = time.monotonic()

    def _expected(self) -> float:
        """The seconds that a save takes."""
        return self._size / _RATE if self._cost is None else self._cost


def pace() -> Pace:
    """The pace that the environment asks for.

    Raises UserError where a variable is not the number that it has to be.
    """
    return Pace(_number(SAVE_SECONDS), _number(DEADLINE) or math.inf)


def _number(variable: str) -> float | None:
    text = os.environ.get(variable, "").strip()
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise UserError(f"{variable}: {text!r}; allowed: a number of seconds from 0")
    return seconds
