"""How the SLURM jobs of this run ended that did not make what they were to make."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from clearbench.jobs.state import out_of_time

_ENDS: dict[str, list[str]] = defaultdict(list)


def note(outputs: Iterable[str], end: str) -> None:
    """Note how a job that was to make some files ended.

    `end` is SLURM's state (`OUT_OF_MEMORY`, `TIMEOUT`, …), SLURM's reason where the job would never
    have started (`PartitionTimeLimit`, …), `REFUSED` by sbatch, or `GONE`. A job that ended itself
    ahead of its limit, which SLURM takes for a failure, is noted as `TIMEOUT`.
    """
    for output in outputs:
        _ENDS[output].append("TIMEOUT" if out_of_time(Path(output).parent) else end)


def ends(output: str) -> list[str]:
    """How the attempts to make a file ended so far in this process, the first one first."""
    return list(_ENDS.get(output, ()))
