"""What a profile of Snakemake says that others than Snakemake need to know."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clearbench.config.plain_yaml import read_yaml
from clearbench.errors import UserError


@dataclass(frozen=True)
class Profile:
    """A profile: executor, jobs at a time, retries, and whether SLURM may start a job again.

    `jobs` is None where any number is allowed, `executor` where jobs run on this machine, `requeue`
    where the profile leaves it to SLURM.
    """

    path: Path
    executor: str | None
    jobs: int | None
    retries: int
    requeue: bool | None

    def at_once(self, jobs: int) -> int:
        """How many of so many jobs are submitted at a time."""
        return min(self.jobs or jobs, jobs)


def read_profile(name: str) -> Profile:
    """The profile that `snakemake --profile NAME` takes here; UserError where there is none."""
    path = Path(name) / "config.yaml"
    if not path.is_file():
        raise UserError(
            f"{path}: no such profile; `slurm`, `lsf` and `kubernetes` are some, in the"
            " repository's root"
        )
    data = read_yaml(path)
    requeue = True if data.get("slurm-requeue") else None
    requeue = False if data.get("slurm-no-requeue") else requeue
    jobs = None if data.get("jobs") == "unlimited" else _number(path, data, "jobs", 1)
    executor = data.get("executor")
    return Profile(path, executor, jobs, _number(path, data, "retries", 0), requeue)


def _number(path: Path, data: dict[str, Any], key: str, default: int) -> int:
    value = data.get(key, default)
    if type(value) is not int or value < 0:
        raise UserError(f"{path}: {key}: input should be a number from 0, not {value!r}")
    return value
