"""The headline numbers of two runs, row by row, and which differ by more than the noise."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, variance
from typing import Literal

from clearbench.metrics.keys import Key
from clearbench.metrics.wilson import NORMAL
from clearbench.provenance.compare.side import Side
from clearbench.report.numbers import columns_of
from clearbench.results.runs import Group
from clearbench.tables.ahead import difference
from clearbench.tables.base import Column, Entry, make_entry
from clearbench.tables.measured import EXACT, Measured, Part, holm

Verdict = Literal["beyond", "within", "same", "untold", "lacking"]


@dataclass(frozen=True)
class Compared:
    """A number of a row on both sides, and how far the second lies above the first.

    `beyond` or `within` the noise, or the `same` to the last digit; `untold` where a side has one
    seed, which tells nothing of another run; `lacking` where a side has no number.
    """

    one: Entry
    other: Entry
    measured: Measured | None
    verdict: Verdict

    @property
    def difference(self) -> float:
        """The mean of the second side less that of the first; 0 where one has none."""
        if self.one.mean is None or self.other.mean is None:
            return 0.0
        return self.other.mean - self.one.mean


def rows_of(side: Side) -> dict[str, Group]:
    """The rows of models by name, without the bounds, which are none."""
    return {group.name: group for group in side.results.groups if not group.bound}


def compare(one: Side, other: Side) -> dict[Column, list[Compared]]:
    """Each headline number that both have, of each row that both have.

    Of the same runs on the same data the differences count seed by seed and person by person, as
    between the rows of a table; else the two are independent. All rows of a number are corrected
    together by Holm's method.
    """
    mine, theirs = rows_of(one), rows_of(other)
    known = {column.key for column in columns_of(other.results)}
    same_data = one.tree.manifest_digest("dataset") == other.tree.manifest_digest("dataset")
    return {
        column: _column(
            [
                (
                    make_entry(one.results, group, column),
                    make_entry(other.results, theirs[name], column),
                )
                for name, group in mine.items()
                if name in theirs
            ],
            same_data,
        )
        for column in columns_of(one.results)
        if column.key in known
    }


def _column(pairs: Sequence[tuple[Entry, Entry]], same_data: bool) -> list[Compared]:
    measured = [_measured(mine, theirs, same_data) for mine, theirs in pairs]
    told = [place for place, one in enumerate(measured) if one is not None]
    beyond = {told[place] for place in holm([one.p for one in measured if one is not None])}
    compared = []
    for place, (mine, theirs) in enumerate(pairs):
        verdict: Verdict = "beyond" if place in beyond else "within"
        if mine.mean is None or theirs.mean is None:
            verdict = "lacking"
        elif mine.values == theirs.values:
            verdict = "same"
        elif measured[place] is None:
            verdict = "untold"
        compared.append(Compared(mine, theirs, measured[place], verdict))
    return compared


def _measured(mine: Entry, theirs: Entry, same_data: bool) -> Measured | None:
    """How far the second number lies above the first; None where a side has but one seed."""
    if same_data and mine.group.runs == theirs.group.runs and _same_draws((mine, theirs)):
        return difference([(theirs, mine)])
    if min(len(mine.values), len(theirs.values)) < 2:
        return None
    parts = [part for entry in (mine, theirs) for part in _parts(entry)]
    return Measured(fmean(theirs.values) - fmean(mine.values), tuple(parts))


def _same_draws(entries: Sequence[Entry]) -> bool:
    """Whether all runs have as many draws of persons, so that these are the same."""
    key = entries[0].column.key
    return len({len(run.draws.get(key, ())) for one in entries for run in one.runs}) == 1


def _parts(entry: Entry) -> Iterator[Part]:
    """The variance of a number between its seeds, and that between persons, where it is known."""
    yield Part(variance(entry.values) / len(entry.values), len(entry.values) - 1)
    low, high = Key.parse(entry.column.key).interval
    scores = [run.documents["score"].numbers for run in entry.runs if run.state == "ok"]
    persons = [
        ((numbers[high] - numbers[low]) / 2 / NORMAL) ** 2
        for numbers in scores
        if low in numbers and high in numbers
    ]
    if persons:
        # The persons are the same for all seeds, so that more of these tell no more of them.
        yield Part(fmean(persons), EXACT)


def counts(compared: Mapping[Column, Sequence[Compared]]) -> dict[Verdict, int]:
    """How many numbers have each verdict."""
    all_of_them = [one.verdict for several in compared.values() for one in several]
    verdicts: tuple[Verdict, ...] = ("beyond", "within", "same", "untold", "lacking")
    return {verdict: all_of_them.count(verdict) for verdict in verdicts}
