"""Ranking: the methods by each headline number, none before another by less than the noise."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from clearbench.metrics import better
from clearbench.metrics.headline import QUALITY
from clearbench.results.headline import COLUMNS
from clearbench.results.runs import Results, Source
from clearbench.results.strengths import EQUAL, Curve, curves_of
from clearbench.suite.rows.controls import SECOND_GOLD
from clearbench.tables.ahead import significant
from clearbench.tables.base import (
    Block,
    Column,
    Entry,
    Row,
    Table,
    make_entry,
    score_column,
)
from clearbench.tables.caveats import DECIDED, failing
from clearbench.tables.tradeoff import OfCurves, at_retention

DOMAINS = ("multimodal", "text")
EQUAL_HEADER = f"forget quality at {EQUAL * 100:.0f} % retention"
"""What methods that are scaled are ranked by first."""


@dataclass(frozen=True)
class Ranked(Entry):
    """The entry `of` with its rank among others, the best 1; `shared` with those noise hides."""

    of: Entry
    rank: int | None
    shared: bool

    @property
    def numbers(self) -> list[float | None]:
        """Those of the entry."""
        return self.of.numbers

    @property
    def behind(self) -> tuple[str, ...]:
        """What the entry is made of."""
        return self.of.behind

    @property
    def sources(self) -> list[Source]:
        """Where the entry's numbers stand."""
        return self.of.sources

    def _over_persons(self, seed: int) -> tuple[float, float] | None:
        return self.of._over_persons(seed)

    @property
    def text(self) -> str:
        """As `0.512 [0.490, 0.533] 3=`; a method without a number has no rank.

        Nor has one whose number few terms decide, which is marked, nor any of one seed.
        """
        if self.mean is None:
            return self.of.text
        shown = f"z.{self.column.digits}f"
        ends = (
            f" [{', '.join(format(end, shown) for end in self.interval)}]" if self.interval else ""
        )
        rank = "" if self.rank is None else f" {self.rank}{'=' if self.shared else ''}"
        mark = f" {DECIDED}" if self.deciding else ""
        return f"{self.mean:{shown}}{ends}{rank}{mark}"


def build(results: Results) -> Table | None:
    """Every method's numbers with their intervals and ranks, for each modality that is forgotten.

    A method's rank is one more than the number of methods that are better by more than the noise,
    so that two within each other's noise may share one. By what was forgotten, models that retain
    too little come after all others. One seed ranks nothing. None where there is one method alone.
    """
    if len(results.suite.file.methods) < 2:
        return None
    columns = [score_column(key, header) for key, header in COLUMNS.items()]
    if results.suite.file.scaled:
        columns.insert(0, at_retention(EQUAL, score_column(QUALITY, EQUAL_HEADER)))
    curves = curves_of(results) if results.suite.file.scaled else {}
    blocks = [
        _block(results, size, modality, columns, curves)
        for size in results.suite.file.forget_sizes
        for modality in results.suite.file.modalities
    ]
    over_persons = "over persons, each with all its samples (bootstrap; at 0 and 1 Wilson's)"
    note = f"In brackets the 95 % interval {over_persons}; it tells nothing of another run."
    if len(results.suite.file.seeds) > 1:
        note = (
            f"In brackets the 95 % interval: over seeds (Student's t), and {over_persons}. A rank"
            " counts the methods that are ahead by more than the noise; = marks ranks with others"
            " within it. Compared is each pair of methods on the same drawn persons and seeds (5 %,"
            " corrected for all pairs of the column by Holm). By what was forgotten, models that"
            " retain too little are ranked last."
        )
    notes = [note, *_bounds(results)]
    if results.suite.file.scaled:
        notes.insert(1, f"{EQUAL_HEADER[0].upper()}{EQUAL_HEADER[1:]}: see `tradeoff`.")
    return Table("Ranking", blocks, notes)


def _block(
    results: Results,
    size: int,
    modality: str,
    columns: Sequence[Column],
    curves: Mapping[str, tuple[Curve, ...]],
) -> Block:
    groups = [group for group in results.of_size(size) if group.modality == modality]
    broken = {group.name for group in failing(results, size)}
    ranked = []
    for column in columns:
        if column.role:
            equal = [OfCurves.of(group, column, curves[group.name], EQUAL) for group in groups]
            ranked.append(_ranked(results, equal, set()))
        else:
            entries = [make_entry(results, group, column) for group in groups]
            last = broken if column.key.startswith("forget") else set()
            ranked.append(_ranked(results, entries, last))
    rows = [
        Row((group.method,), [entries[number] for entries in ranked])
        for number, group in enumerate(groups)
    ]
    return Block(size, ["method", *(column.header for column in columns)], rows, modality)


def _ranked(results: Results, entries: Sequence[Entry], broken: set[str]) -> list[Ranked]:
    """The entries of a column with their ranks; the groups that are `broken` come last."""
    if len(results.suite.file.seeds) < 2:
        return [Ranked(e.group, e.column, e.runs, e, None, False) for e in entries]
    means = {i: entry.mean for i, entry in enumerate(entries) if not entry.deciding}
    compared = {i: mean for i, mean in means.items() if mean is not None}
    places = list(compared)
    pairs = significant([entries[i] for i in places])
    differ = {frozenset((places[i], places[k])) for i, k in pairs}
    sign = 1 if better(entries[0].column.key) == "up" else -1
    last = {i for i in compared if entries[i].group.name in broken}

    def ahead(i: int, k: int) -> bool:
        """Whether the i-th is better than the k-th."""
        if (i in last) != (k in last):
            return k in last
        return {i, k} in differ and sign * (compared[i] - compared[k]) > 0

    ranked = []
    for i, entry in enumerate(entries):
        others = compared.keys() - {i}
        rank = 1 + sum(ahead(k, i) for k in others) if i in compared else None
        shared = i in compared and any(not ahead(k, i) and not ahead(i, k) for k in others)
        ranked.append(Ranked(entry.group, entry.column, entry.runs, entry, rank, shared))
    return ranked


def _bounds(results: Results) -> list[str]:
    """The forget quality between which a method lies, a size."""
    column = Column(QUALITY, "")
    bounds = []
    for size in results.suite.file.forget_sizes:
        told = {
            "another gold" if group.method == SECOND_GOLD else group.method: make_entry(
                results, group, column
            ).text
            for group in results.of_size(size, bounds=True)
            if group.method == SECOND_GOLD or group.bound
        }
        listed = ", ".join(f"{name} {text}" for name, text in told.items())
        bounds.append(f"Forget quality at {size} %: {listed}; other sizes are not comparable.")
    return bounds
