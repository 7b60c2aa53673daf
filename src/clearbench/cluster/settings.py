"""How SLURM is configured, as its commands show it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from clearbench.cluster.ask import ask
from clearbench.config.files import Need
from clearbench.config.site import Site

Settings = Mapping[str, str]


@dataclass(frozen=True)
class Slurm:
    """What `scontrol` shows: the configuration, and the partitions by name."""

    config: Settings
    partitions: Mapping[str, Settings]

    @classmethod
    def ask(cls) -> "Slurm":
        """What it shows here; UserError where it doesn't answer."""
        return cls(
            read_config(ask("scontrol", "show", "config")),
            read_partitions(ask("scontrol", "--oneliner", "show", "partition")),
        )

    def used(self, site: Site, needs: Mapping[str, Need]) -> dict[str, dict[str, Need]]:
        """The partitions that the jobs of stages may go to, with these stages."""
        by_partition: dict[str, dict[str, Need]] = {}
        for stage, need in needs.items():
            named = site.partition_of(need.gpus)
            default = [n for n, told in self.partitions.items() if told.get("Default") == "YES"]
            for name in named.split(",") if named else default:
                if name in self.partitions:
                    by_partition.setdefault(name, {})[stage] = need
        return by_partition


def read_config(text: str) -> dict[str, str]:
    """The keys of `scontrol show config`."""
    pairs = (line.partition("=") for line in text.splitlines())
    return {key.strip(): value.strip() for key, equals, value in pairs if equals}


def read_partitions(text: str) -> dict[str, dict[str, str]]:
    """The partitions of `scontrol --oneliner show partition`, by name."""
    told = [
        {key: value for key, _, value in (word.partition("=") for word in line.split())}
        for line in text.splitlines()
    ]
    return {one["PartitionName"]: one for one in told if "PartitionName" in one}


def minutes(text: str) -> float:
    """A limit as `scontrol` shows it, `[days-]hours:minutes:seconds`, in minutes; or no limit."""
    days, _, clock = text.rpartition("-")
    try:
        hours, mins, seconds = (int(part) for part in clock.split(":"))
        return int(days or 0) * 1440 + hours * 60 + mins + seconds / 60
    except ValueError:
        return math.inf
