"""Whether the file system of the results has room for a suite."""

import getpass
import math
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from clearbench.cluster.doctor.finding import Finding

_PATIENCE = 60
"""Seconds after which a file server that doesn't answer is taken to tell nothing."""


@dataclass(frozen=True)
class Asked:
    """What a run would write below a folder: jobs, bytes by what is on record, jobs without any."""

    folder: Path
    jobs: int
    size: float
    unknown: int


def examine(asked: Asked) -> Finding:
    """Whether there is room: on the disk, and by the user's quota where a command tells it."""
    there = next(p for p in (asked.folder, *asked.folder.resolve().parents) if p.is_dir())
    rooms = {"free": float(shutil.disk_usage(there).free)}
    user = getpass.getuser()
    lustre = _told("lfs", "quota", "-q", "-u", user, str(there))
    rooms["left of your quota (lfs quota)"] = read_quota(lustre, *lustre.split()[:1])
    device = _told("df", "--output=source", str(there)).splitlines()[-1:]
    rooms["left of your quota (quota)"] = read_quota(_told("quota", "-w"), *device)
    of = min(rooms, key=lambda name: rooms[name])
    what, seen = f"room below {asked.folder}", f"{rooms[of] / 2**30:,.1f} GiB {of}"
    of_jobs = f"{asked.unknown} of its {asked.jobs} jobs"
    more = f", without {of_jobs}, of which nothing is on record" if asked.unknown else ""
    seen += f"; the suite takes {asked.size / 2**30:,.1f} GiB more{more}"
    if asked.size <= rooms[of]:
        return Finding(what, seen)
    return Finding(what, seen, "make room, or put the results elsewhere, --config results=FOLDER")


def read_quota(text: str, *files: str) -> float:
    """The bytes left by what `quota -w` or `lfs quota -q` shows of a file system.

    Both show its name, then kilobytes: used, soft limit, hard limit; 0 is no limit. What is used is
    marked where it is too much. A long name may stand in a line of its own.
    """
    words = text.split()
    for place, word in enumerate(words):
        numbers = [number.strip("*[]") for number in words[place + 1 : place + 4]]
        if word in files and len(numbers) == 3 and all(map(str.isdecimal, numbers)):
            used, *limits = map(int, numbers)
            return 1024.0 * max(0, min(filter(None, limits), default=math.inf) - used)
    return math.inf


def _told(*words: str) -> str:
    """What a command prints, whatever its status; nothing where there is no such command."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=_PATIENCE)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout
