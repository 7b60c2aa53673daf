"""Remarks: what a reader must know of single runs, numbered, below every table."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from clearbench.results.hardware import mixed
from clearbench.results.runs import Results
from clearbench.tables.caveats import FAILED, failing

NAMED_RUNS = 6


@dataclass(frozen=True)
class Remarks:
    """The remarks, and the marks (`[1]`) of those on a run by the run's name."""

    texts: list[str]
    marks: Mapping[str, list[str]]


def make_remarks(results: Results) -> Remarks:
    """Bit-identical runs, broken models, then runs without a number, by reason; mixed hardware."""
    reasons: dict[str, list[str]] = defaultdict(list)
    for name, run in results.runs.items():
        if run.state != "ok":
            reasons[run.reason].append(name)
    # Rows that are the same with each seed are told once.
    groups = {run: group.name for group in results.groups for run in group.runs}
    alike: dict[tuple[str, ...], list[tuple[str, ...]]] = defaultdict(list)
    for runs in results.twins:
        alike[tuple(groups.get(run, run) for run in runs)].append(runs)
    remarks: list[tuple[str, list[tuple[str, ...]]]] = [
        ("bit-identical outputs", twins) for twins in alike.values()
    ]
    broken = [
        run
        for size in results.suite.file.forget_sizes
        for group in failing(results, size)
        for run in group.runs
    ]
    remarks += [(FAILED, [tuple(broken)])] if broken else []
    remarks += [(reason, [tuple(names)]) for reason, names in reasons.items()]
    texts: list[str] = []
    marks: dict[str, list[str]] = defaultdict(list)
    for number, (reason, together) in enumerate(remarks, start=1):
        texts.append(f"[{number}] {reason}: {'; '.join(map(listed, together))}")
        for name in chain.from_iterable(together):
            marks[name].append(f"[{number}]")
    of_hardware = mixed(results.hardware)
    return Remarks([*texts, *([of_hardware] if of_hardware else [])], marks)


def listed(runs: Sequence[str]) -> str:
    """The names of some runs, not of all where they are many."""
    names, more = ", ".join(runs[:NAMED_RUNS]), len(runs) - NAMED_RUNS
    return f"{names} and {more} more" if more > 0 else names
