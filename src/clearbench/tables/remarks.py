"""Remarks: what a reader must know of single runs, numbered, below every table."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

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
    remarks = [("bit-identical outputs", list(runs)) for runs in results.twins]
    broken = [
        run
        for size in results.suite.file.forget_sizes
        for group in failing(results, size)
        for run in group.runs
    ]
    remarks += [(FAILED, broken)] if broken else []
    remarks += reasons.items()
    texts: list[str] = []
    marks: dict[str, list[str]] = defaultdict(list)
    for number, (reason, names) in enumerate(remarks, start=1):
        texts.append(f"[{number}] {reason}: {listed(names)}")
        for name in names:
            marks[name].append(f"[{number}]")
    of_hardware = mixed(results.hardware)
    return Remarks([*texts, *([of_hardware] if of_hardware else [])], marks)


def listed(runs: list[str]) -> str:
    """The names of some runs, not of all where they are many."""
    names, more = ", ".join(runs[:NAMED_RUNS]), len(runs) - NAMED_RUNS
    return f"{names} and {more} more" if more > 0 else names
