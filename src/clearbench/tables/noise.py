"""Noise: how much of a number's variance lies between bases, fine-tunings, runs and persons.

By nested analysis of variance on unweighted means: runs lie within originals, originals within
bases. Between persons it is the variance that the bootstrap gives a number of one run.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import fmean, variance

from clearbench.metrics.keys import Key
from clearbench.metrics.wilson import NORMAL
from clearbench.results.headline import COLUMNS
from clearbench.results.runs import Group, Results
from clearbench.suite.rows import runs_of
from clearbench.suite.rows.controls import SECOND_GOLD
from clearbench.suite.runs import Run
from clearbench.tables.base import Block, Column, Entry, Row, Table, score_column

DOMAINS = ("multimodal", "text")
LEVELS = ("bases", "fine-tunings", "unlearning")
PERSONS = "persons"
TOGETHER = " + "
ALL = "all methods"

Nested = Mapping[str, Mapping[str, Sequence[float]]]
"""The numbers of runs by the base, and below it the original, that they come from."""


@dataclass(frozen=True)
class Part(Entry):
    """A standard deviation: what a part of the noise makes of a number, with its share of variance.

    `variances` are those of all parts that are known, of which this is `part`. An estimate may come
    out negative, and counts as 0.
    """

    part: str
    variances: Mapping[str, float]

    @property
    def numbers(self) -> list[float | None]:
        """The standard deviation, once a run."""
        own = self.variances.get(self.part)
        return [None if own is None else math.sqrt(max(0.0, own))] * len(self.runs)

    @cached_property
    def std(self) -> float | None:
        """None: it is one number."""
        return None

    @cached_property
    def reach(self) -> tuple[float, float] | None:
        """None: few bases tell a variance roughly at best."""
        return None

    @property
    def text(self) -> str:
        """As `0.052 (38 %)`."""
        if self.mean is None:
            return super().text
        total = math.fsum(max(0.0, each) for each in self.variances.values())
        share = f" ({self.mean**2 / total * 100:.0f} %)" if total else ""
        return f"{self.mean:.{self.column.digits}f}{share}"


def build(results: Results) -> Table | None:
    """The parts of the noise of each headline number, of each row and of all methods together.

    None where nothing but persons varies: of one seed without repeats.
    """
    runs = [
        run
        for run in runs_of(results.suite)
        if run.base and not run.bound and (run.in_row or run.repeat)
    ]
    levels = _levels([run for run in runs if run.cell is not None])
    if not levels:
        return None
    blocks = [
        _block(results, size, score_column(key, header), levels, runs)
        for size in results.suite.file.forget_sizes
        for key, header in COLUMNS.items()
    ]
    notes = [
        "How far a number of one run lies from its mean, as a standard deviation, and the share of"
        " all variance. Bases: trained with another seed. Fine-tunings: another original and gold"
        " of one base. Unlearning: another run on one original. Persons: others asked about.",
        f"{ALL}: by the mean variance over the rows of methods.",
    ]
    unknown = [level for level in LEVELS if not any(level in header for header in levels)]
    if unknown:
        notes.append(f"Not varied in this suite: {', '.join(unknown)}.")
    if any(TOGETHER in header for header in levels):
        notes.append(
            f"Parts with {TOGETHER.strip()} vary together; a suite's `repeats` tell them apart."
        )
    return Table("Noise", blocks, notes)


def _levels(cells: Sequence[Run]) -> dict[str, int]:
    """The parts that the runs tell apart, by their headers, as places in LEVELS.

    A level that never varies by itself is told together with the one above it.
    """
    originals = {(run.base, run.stack[0]) for run in cells}
    bases = Counter(base for base, _ in originals)
    runs = Counter((run.group, run.stack[0]) for run in cells)
    varies = [
        len(bases) > 1,
        any(count > 1 for count in bases.values()),
        any(count > 1 for count in runs.values()),
    ]
    places = [place for place, several in enumerate(varies) if several]
    ends = [*places[1:], len(LEVELS)]
    return {
        TOGETHER.join(LEVELS[place:end]): place for place, end in zip(places, ends, strict=False)
    }


def _block(
    results: Results, size: int, column: Column, levels: Mapping[str, int], runs: Sequence[Run]
) -> Block:
    rows: list[Row] = []
    of_methods: list[Mapping[str, float]] = []
    names: list[str] = []
    for group in results.of_size(size):
        alike = [run for run in runs if run.group == group.name]
        if group.method == SECOND_GOLD or not alike:
            continue
        variances = _variances(results, alike, column.key, levels)
        rows.append(_row(results, group, [run.name for run in alike], column, levels, variances))
        if not group.control:
            of_methods.append(variances)
            names += [run.name for run in alike]
    parts = {part for variances in of_methods for part in variances}
    mean = {part: fmean(v[part] for v in of_methods if part in v) for part in parts}
    together = Group(f"all/forget{size:02d}", ALL, "-", size, ())
    rows.append(_row(results, together, names, column, levels, mean))
    return Block(size, ["method", "modality", *levels, PERSONS], rows, column.header)


def _row(
    results: Results,
    group: Group,
    names: Sequence[str],
    column: Column,
    levels: Mapping[str, int],
    variances: Mapping[str, float],
) -> Row:
    group = replace(group, runs=tuple(names))
    outcomes = tuple(results.runs[name] for name in names)
    entries: list[Entry] = [
        Part(group, replace(column, role=f"noise/{part}"), outcomes, part, variances)
        for part in (*levels, PERSONS)
    ]
    return Row((group.method, group.modality), entries)


def _variances(
    results: Results, runs: Sequence[Run], key: str, levels: Mapping[str, int]
) -> dict[str, float]:
    """The variance that each part makes of a number, of those that the runs tell."""
    numbers: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    persons = []
    for run in runs:
        document = results.runs[run.name].documents.get("score")
        scores = {} if document is None else document.numbers
        if key in scores:
            numbers[str(run.base)][run.stack[0]].append(scores[key])
        low, high = (scores.get(end) for end in Key.parse(key).interval)
        if low is not None and high is not None:
            persons.append(((high - low) / 2 / NORMAL) ** 2)
    told = components(numbers) if numbers else (None, None, None)
    parts = {part: told[place] for part, place in levels.items()}
    parts[PERSONS] = fmean(persons) if persons else None
    return {part: variance for part, variance in parts.items() if variance is not None}


def components(numbers: Nested) -> tuple[float | None, float | None, float | None]:
    """The variances between bases, between originals of a base, and between runs of an original.

    Unbiased, also where counts differ. None where nothing tells one: it is then in the one above.
    """
    within = _pooled([runs for originals in numbers.values() for runs in originals.values()])
    between = _pooled([list(map(fmean, originals.values())) for originals in numbers.values()])
    # What the parts below add to the variance of means.
    of_runs = {
        base: (within or 0.0) * fmean(1 / len(runs) for runs in originals.values())
        for base, originals in numbers.items()
    }
    if between is not None:
        weights = [len(originals) - 1 for originals in numbers.values()]
        added = math.fsum(w * of_runs[base] for w, base in zip(weights, numbers, strict=True))
        between -= added / sum(weights)
    means = [fmean(map(fmean, originals.values())) for originals in numbers.values()]
    if len(means) < 2:
        return None, between, within
    below = fmean(
        ((between or 0.0) + of_runs[base]) / len(originals) for base, originals in numbers.items()
    )
    return variance(means) - below, between, within


def _pooled(samples: Sequence[Sequence[float]]) -> float | None:
    """The variance within some samples, by degrees of freedom; None where all have one number."""
    degrees = sum(len(sample) - 1 for sample in samples)
    if not degrees:
        return None
    parts = [variance(sample) * (len(sample) - 1) for sample in samples if len(sample) > 1]
    return math.fsum(parts) / degrees
