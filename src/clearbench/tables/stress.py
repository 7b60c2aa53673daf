"""Stress: how much of what was forgotten comes back under each stress test of a suite."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import fmean

from clearbench.config.points import ANY
from clearbench.metrics.headline import QUALITY
from clearbench.metrics.keys import Key
from clearbench.results.headline import COLUMNS
from clearbench.results.recovery import likeness, relearning, unlost, unmoved, unrecovered
from clearbench.results.runs import Group, Outcome, Results, Source
from clearbench.stress_tests import Reading, StressTest
from clearbench.suite.rows import runs_of
from clearbench.suite.rows.stress import name_of
from clearbench.suite.runs import Run
from clearbench.tables.base import Block, Column, Entry, OfRuns, Row, Table, score_column
from clearbench.tables.caveats import Term

DOMAINS = ("multimodal", "text")
KNOWN = {"accuracy": "accuracy", "rouge_l": "ROUGE-L"}
"""The metrics of a task that tell what is still known, and what they are called."""

READINGS: dict[Reading, dict[str, Callable[..., float]]] = {
    "relearned": {"R": relearning, "R, symmetric": likeness},
    "kept": {"Q": unrecovered, "Q, inverse": unlost, "Q, symmetric": unmoved},
}
"""The numbers that compare before and after, by how a kind of test is read."""


OVER_POINTS: dict[str, Callable[..., float]] = {
    "mean": lambda *numbers: fmean(numbers),
    "highest": lambda *numbers: max(numbers),
}
"""What is told of all points of a test that are variants of one thing."""


class Derived(Entry):
    """A number made of several scores, whose interval is over seeds alone."""

    @cached_property
    def deciding(self) -> dict[str, Term]:
        """None: it is no harmonic mean."""
        return {}

    def _over_persons(self, seed: int) -> tuple[float, float] | None:
        """None: how it varies over persons is not known."""
        return None


@dataclass(frozen=True)
class Known(Derived, OfRuns):
    """The mean of a metric over the tasks of the forget set."""

    keys: tuple[str, ...]

    def _number(self, run: Outcome) -> float | None:
        document = run.documents.get("score")
        if document is None or not all(key in document.numbers for key in self.keys):
            return None
        return fmean(document.numbers[key] for key in self.keys)

    @property
    def sources(self) -> list[Source]:
        """Where the scores of all tasks stand."""
        sources: list[Source] = []
        for run in self.runs:
            document = run.documents.get("score")
            if document is not None:
                sources += [Source(document.path, key) for key in self.keys]
            elif run.proof is not None:
                sources.append(run.proof)
        return sources


@dataclass(frozen=True)
class Read(Derived):
    """A reading of some numbers, seed by seed: as before and after, and for R the same of gold."""

    parts: tuple[Entry, ...]
    reading: Callable[..., float]

    @property
    def numbers(self) -> list[float | None]:
        """The reading of each seed that has all numbers."""
        return [
            None if None in numbers else self.reading(*numbers)
            for numbers in zip(*(part.numbers for part in self.parts), strict=True)
        ]

    @property
    def behind(self) -> tuple[str, ...]:
        """All models that it is made of."""
        return tuple(dict.fromkeys(name for part in self.parts for name in part.behind))

    @property
    def sources(self) -> list[Source]:
        """Where all the numbers stand."""
        return list(dict.fromkeys(source for part in self.parts for source in part.sources))


@dataclass(frozen=True)
class _Reader:
    """Gives the entries of a table, by a column and a test's point; None is before the test."""

    results: Results
    keys: Mapping[str, tuple[str, ...]]
    runs: Mapping[str, Run]

    def level(self, group: Group, column: Column, test: str, point: str | None) -> Entry:
        """A score of a group before a test, or at a point of it."""
        return self._of(group, group.runs, column, test, point)

    def reading(self, group: Group, column: Column, test: str, point: str, name: str) -> Entry:
        """A reading of a group's score before a test and at a point."""
        reading = _reading_of(self.results, test)
        golds = tuple(_gold_of(self.runs[run]) for run in group.runs)
        names = [group.runs] + ([golds] if reading == "relearned" else [])
        parts = tuple(self._of(group, of, column, test, at) for of in names for at in (None, point))
        named = Column(column.key, f"{name}: {point}", role=f"{test}/{point}/{name}")
        return Read(group, named, parts[1].runs, parts, READINGS[reading][name])

    def over(self, group: Group, column: Column, test: str, points: Sequence[str]) -> list[Entry]:
        """The mean and the highest of a group's scores at all points, and that of any of them."""
        parts = tuple(self._of(group, group.runs, column, test, point) for point in points)
        whole: list[Entry] = [
            Read(
                group, replace(column, header=name, role=f"{test}/{name}"), parts[0].runs, parts, of
            )
            for name, of in OVER_POINTS.items()
        ]
        return [*whole, self.level(group, column, test, ANY)]

    def _of(
        self, group: Group, runs: Sequence[str], column: Column, test: str, point: str | None
    ) -> Entry:
        names = tuple(runs if point is None else (name_of(run, test, point) for run in runs))
        outcomes = tuple(self.results.runs[name] for name in names)
        role = "before" if point is None else f"{test}/{point}"
        named = replace(column, header=point or "before", role=role)
        keys = self.keys.get(column.key)
        if keys is None:
            return OfRuns(group, named, outcomes, names)
        return Known(group, named, outcomes, names, keys)


def known_by(results: Results) -> dict[str, tuple[str, ...]]:
    """The scores of the forget set's tasks by each metric of what is known."""
    keys = [key for key in map(Key.parse, results.score_keys()) if key.split == "forget"]
    return {
        metric: tuple(str(key) for key in keys if key.name == metric and key.task)
        for metric in KNOWN
    }


def build(results: Results) -> Table | None:
    """Forget quality, and what the forget set's tasks still get right, before and after each test.

    None for a suite without one.
    """
    tests = _compared(results)
    if not tests:
        return None
    known = known_by(results)
    runs = {run.name: run for run in runs_of(results.suite)}
    reader = _Reader(results, known, runs)
    blocks = []
    for size in results.suite.file.forget_sizes:
        for test, settings in tests.items():
            groups = tested(results, size, test)
            for column in columns_of(known):
                blocks.append(_block(reader, groups, column, test, settings.points, size))
    notes = [
        "Each test is done to all models by the same recipe; forget quality under a test is against"
        " a gold under the same. Accuracy and ROUGE-L are means over the tasks of the forget set:"
        " of gold, what whoever never learned it guesses.",
        *([_OF_VARIANTS] if any(test.VARIANTS for test in tests.values()) else []),
        *(
            _NOTES[reading]
            for reading in dict.fromkeys(_reading_of(results, test) for test in tests)
        ),
    ]
    return Table("Under stress", blocks, notes)


_OF_VARIANTS = (
    "any: of each sample the highest of its numbers at all points, so of accuracy the share that at"
    " least one of them brings back. Guesses add up as well: read it beside gold's."
)

_NOTES: dict[Reading, str] = {
    "relearned": "R: what gold gained by relearning for each unit that the model did, at most 1;"
    " 1 where the model gained nothing. Symmetric: 1 where both gained alike, less where the model"
    " gained less than gold too; of 0/0 it is 1.",
    "kept": "Q: before/after, at most 1, so that what comes back is marked down; inverse:"
    " after/before, at most 1, so that what is lost is; symmetric: either. Of 0/0 each is 1.",
}


def columns_of(known: Mapping[str, Sequence[str]]) -> list[Column]:
    """Forget quality, then what is still known."""
    return [
        score_column(QUALITY, COLUMNS[QUALITY]),
        *(Column(metric, name, low=0, high=1) for metric, name in KNOWN.items() if known[metric]),
    ]


def _compared(results: Results) -> dict[str, StressTest]:
    """The tests of a suite whose scores are compared with those before."""
    tests = results.suite.stress_tests.items()
    return {name: test for name, (_, test) in tests if test.READING is not None}


def _reading_of(results: Results, test: str) -> Reading:
    reading = _compared(results)[test].READING
    assert reading is not None
    return reading


def tested(results: Results, forget_size: int, test: str) -> list[Group]:
    """The groups of a size whose models are put under a test."""
    point = results.suite.stress_tests[test][1].points[0]
    groups = results.of_size(forget_size)
    return [group for group in groups if name_of(group.runs[0], test, point) in results.runs]


def under(results: Results, group: Group, column: Column, test: str, point: str) -> OfRuns:
    """The entry of a group's models under a test at a point."""
    names = tuple(name_of(run, test, point) for run in group.runs)
    return OfRuns(group, column, tuple(results.runs[name] for name in names), names)


def _gold_of(run: Run) -> str:
    """The run of the gold that a run is compared with."""
    assert run.gold is not None
    return run.gold.partition("/")[2]


def _block(
    reader: _Reader,
    groups: Sequence[Group],
    column: Column,
    test: str,
    points: Sequence[str],
    size: int,
) -> Block:
    """The rows of a score under a test: before, at each point, and its readings if any."""
    readings = READINGS[_reading_of(reader.results, test)]
    rows = []
    for group in groups:
        entries = [reader.level(group, column, test, point) for point in (None, *points)]
        if column.key in KNOWN:
            if reader.results.suite.stress_tests[test][1].VARIANTS:
                entries += reader.over(group, column, test, points)
            entries += [
                reader.reading(group, column, test, point, name)
                for name in readings
                for point in points
            ]
        rows.append(Row((group.method, group.modality), entries))
    headers = [entry.column.header for entry in rows[0].entries]
    return Block(size, ["method", "modality", *headers], rows, f"{column.header}, {test}")
