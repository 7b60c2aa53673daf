"""Growth: a job that is tried again gets more of what it had too little of, and of nothing else."""

from collections import Counter
from collections.abc import Sequence

_MEMORY = ("OUT_OF_MEMORY",)
_TIME = ("TIMEOUT", "DEADLINE")
_TOO_LONG = ("PartitionTimeLimit", "QOSTimeLimit", "AssociationTimeLimit")


def grown_memory(amount: int, attempt: int, ends: Sequence[str]) -> int:
    """The memory of an attempt, from 1, twice as much for each of the `ends` by lack of it.

    `ends` are SLURM's states of the attempts before. Of an attempt without one, as on another
    engine, the cause is not known: it counts as well.
    """
    return int(amount * 2 ** (_unknown(attempt, ends) + _count(ends, _MEMORY)))


def grown_time(amount: int, attempt: int, ends: Sequence[str]) -> int:
    """The time of an attempt, from 1, twice as much for each of the `ends` by lack of it.

    An attempt that a partition would not have let run so long takes one doubling back; a job that
    saves what it does goes on within the limit that there is.
    """
    doublings = _unknown(attempt, ends) + _count(ends, _TIME) - _count(ends, _TOO_LONG)
    return int(amount * 2 ** max(0, doublings))


def _unknown(attempt: int, ends: Sequence[str]) -> int:
    return max(0, attempt - 1 - len(ends)) + _count(ends, ("GONE",))


def _count(ends: Sequence[str], kinds: Sequence[str]) -> int:
    counts = Counter(ends)
    return sum(counts[kind] for kind in kinds)
