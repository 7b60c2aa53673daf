"""The queues of LSF and the GPUs of its hosts, as its commands show them."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from clearbench.cluster.ask import ask

_MEGABYTES = {"K": 2**-10, "M": 1, "G": 2**10, "T": 2**20, "P": 2**30}
_LIMITS = re.compile(r"^ ((?:[A-Z]+LIMIT *)+)\n(.+)$", re.MULTILINE)
_LIMIT = re.compile(r"([\d.]+) (min|[KMGTP])\b(?: of \S+)?")
_DEFAULTS = re.compile(r"DEFAULT LIMITS:.*?(MAXIMUM LIMITS:|SCHEDULING PARAMETERS|\Z)", re.DOTALL)
_NUMBERED = re.compile(r"(?:\S+)?\s+\d+\s+(\S+)\s")


@dataclass(frozen=True)
class Queue:
    """A queue: its state, as `Open:Active`, and what it bounds.

    `minutes` and `mem_mb` are the most that a job may ask for, infinite without a limit; of memory
    LSF shows tenths of a unit, so `least_mem_mb` is what it gives for sure. `slots` are those that
    may be in use at a time, by the limit's name; `hosts` are none for all hosts.
    """

    name: str
    default: bool
    status: str
    slots: Mapping[str, int]
    minutes: float
    mem_mb: float
    least_mem_mb: float
    hosts: tuple[str, ...]


def ask_queues(user: str) -> dict[str, Queue]:
    """The queues that take jobs of a user, by name; UserError where LSF doesn't answer."""
    return read_queues(ask("bqueues", "-l", "-u", user))


def read_queues(text: str) -> dict[str, Queue]:
    """The queues of `bqueues -l`."""
    blocks = re.split(r"^QUEUE: ", text, flags=re.MULTILINE)[1:]
    queues = (_queue(block) for block in blocks)
    return {queue.name: queue for queue in queues}


def _queue(block: str) -> Queue:
    name, _, rest = block.partition("\n")
    shown = next(iter(read_table(rest, "PRIO")), {})
    # A job says its limits, so that it gets none by default.
    limits = _read_limits(_DEFAULTS.sub("", rest))
    memory, unit = limits.get("MEMLIMIT", (math.inf, "M"))
    hosts = re.search(r"^HOSTS: +(.+)$", rest, re.MULTILINE)
    return Queue(
        name=name.strip(),
        default=re.search(r"This is (the|one of the) default queue", rest) is not None,
        status=shown.get("STATUS", "in no state that bqueues tells"),
        slots={key: int(shown[key]) for key in ("MAX", "JL/U") if shown.get(key, "").isdecimal()},
        minutes=limits.get("RUNLIMIT", (math.inf, "min"))[0],
        mem_mb=(memory + 0.05) * _MEGABYTES[unit],
        least_mem_mb=(memory - 0.05) * _MEGABYTES[unit],
        hosts=_hosts(hosts[1].split() if hosts else ["all"]),
    )


def _read_limits(text: str) -> dict[str, tuple[float, str]]:
    """Limits by name, each with its unit."""
    return {
        name: (float(number), unit)
        for names, values in _LIMITS.findall(text)
        for name, (number, unit) in zip(names.split(), _LIMIT.findall(values), strict=False)
    }


def _hosts(words: list[str]) -> tuple[str, ...]:
    """Hosts and groups that bhosts can be asked for; none for all, or what it can't be."""
    if words[0] == "all" or any(word.startswith("~") for word in words):
        return ()
    return tuple(re.sub(r"[/+].*", "", word) for word in words)


def read_table(text: str, first: str) -> list[dict[str, str]]:
    """The rows below the line that begins with a word: values of its words, up to an empty line."""
    lines = iter(text.splitlines())
    head = next((line.split() for line in lines if line.split()[:1] == [first]), [])
    rows = []
    for line in lines:
        if not line.strip():
            break
        rows.append(dict(zip(head, line.split(), strict=False)))
    return rows


def ask_gpus(hosts: tuple[str, ...]) -> list[list[str]]:
    """The models of the GPUs of each host that has some; UserError where LSF doesn't answer."""
    return read_gpus(ask("bhosts", "-gpu", "-w", *hosts))


def read_gpus(text: str) -> list[list[str]]:
    """The same of what `bhosts -gpu -w` shows: a line for each GPU, a host's name in the first."""
    hosts: list[list[str]] = []
    for line in text.splitlines():
        if match := _NUMBERED.match(line):
            if not line[0].isspace() or not hosts:
                hosts.append([])
            hosts[-1].append(match[1])
    return hosts
