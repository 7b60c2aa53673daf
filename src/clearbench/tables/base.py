"""What a table is: blocks of rows and columns, each entry knowing the runs that it is made of."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from statistics import fmean, stdev
from typing import ClassVar, Literal

from clearbench.metrics import better, is_metric, metric_of, of_method
from clearbench.metrics.definitions import DEFINITIONS, HEADLINE, definition_of
from clearbench.metrics.keys import Key
from clearbench.results.runs import DocumentName, Group, Outcome, Results, Source
from clearbench.tables.caveats import DECIDED, Term, deciding

ARROWS = {"up": "↑", "down": "↓", "one": "→ 1", "zero": "→ 0"}
Status = Literal["ok", "partial", "diverged", "failed", "missing", "absent"]


@dataclass(frozen=True)
class Column:
    """A number of every run: its key in one of the run's documents, and how people see it.

    `header` is shown, `digits` are decimals, and the number is shown divided by `unit`. `role` says
    what stands in the column if not the number itself: `paper` or `difference`. What stands there
    lies in [`low`, `high`].
    """

    key: str
    header: str
    document: DocumentName = "score"
    digits: int = 3
    unit: float = 1
    role: str = ""
    low: float = -math.inf
    high: float = math.inf

    @property
    def metric(self) -> str:
        """The column's name for machines; a score's is its key."""
        name = self.key if self.document == "score" else f"{self.document}/{self.key}"
        return f"{name}/{self.role}" if self.role else name


@dataclass(frozen=True)
class Entry:
    """A column's number of a group: one value a run that has it."""

    group: Group
    column: Column
    runs: tuple[Outcome, ...]
    sign: ClassVar[str] = ""

    @property
    def numbers(self) -> list[float | None]:
        """The number of each run, in the order of the seeds; None where a run has none."""
        return [self._number(run) for run in self.runs]

    @cached_property
    def values(self) -> list[float]:
        """The number of each run that has it, in the order of the seeds; once if they share it."""
        numbers = self.numbers
        return [number for seed in self._seeds if (number := numbers[seed]) is not None]

    @cached_property
    def mean(self) -> float | None:
        """Mean over the runs that have the number; None where none has."""
        return fmean(self.values) if self.values else None

    @cached_property
    def std(self) -> float | None:
        """Sample standard deviation over the same runs; None where they are fewer than two."""
        return stdev(self.values) if len(self.values) > 1 else None

    @cached_property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval of the number, where there is one: `reach`, cut at the column's range.

        What is looked for lies in the range, so that what is cut off does not hold it.
        """
        if self.reach is None:
            return None
        low, high = self.reach
        return max(low, self.column.low), min(high, self.column.high)

    @cached_property
    def reach(self) -> tuple[float, float] | None:
        """How far noise reaches to each side of the number; may pass the ends of its range.

        Of one seed that over persons, if it has one. Of several, √(a² + b²) to each side: a over
        seeds by Student's t, b the mean over seeds of how far the interval over persons reaches.
        The persons are the same for all seeds, so that seeds which agree tell nothing of them.
        """
        over_persons = [self._over_persons(seed) for seed in self._seeds]
        ends = [interval for interval in over_persons if interval is not None]
        if self.std is None or self.mean is None:
            return ends[0] if ends else None
        half = student(len(self.values) - 1) * self.std / math.sqrt(len(self.values))
        if not ends:
            return self.mean - half, self.mean + half
        numbers = [
            number
            for number, interval in zip(self.values, over_persons, strict=True)
            if interval is not None
        ]
        below, above = (
            fmean(
                abs(number - interval[side]) for number, interval in zip(numbers, ends, strict=True)
            )
            for side in (0, 1)
        )
        return self.mean - math.hypot(half, below), self.mean + math.hypot(half, above)

    @property
    def status(self) -> Status:
        """`ok`: all runs have the number; `partial`: some; else the worst that befell a run.

        `absent`: the runs are there, but nothing measured this number.
        """
        if self.values:
            whole = self._shared or len(self.values) == len(self.runs)
            return "ok" if whole else "partial"
        states = {run.state for run in self.runs}
        worst: tuple[Status, ...] = ("failed", "diverged", "missing")
        return next((state for state in worst if state in states), "absent")

    @property
    def behind(self) -> tuple[str, ...]:
        """The names of the runs that the number is made of."""
        return self.group.runs

    @property
    def sources(self) -> list[Source]:
        """Where each run's number stands, or that the run has none."""
        sources = (self._source(run) for run in self.runs)
        return [source for source in sources if source is not None]

    @property
    def text(self) -> str:
        """The entry as people read it, e.g. `0.512 ± 0.010` or `diverged (step 12)`."""
        shown = f"{self.sign}z.{self.column.digits}f"
        if self.mean is None:
            return ", ".join(dict.fromkeys(map(_fate, self.runs)))
        text = format(self.mean / self.column.unit, shown)
        if self.std is not None:
            text += f" ± {self.std / self.column.unit:z.{self.column.digits}f}"
        if self.status == "partial":
            text += f" ({len(self.values)}/{len(self.runs)} seeds)"
        return f"{text} {DECIDED}" if self.deciding and not self.column.role else text

    @cached_property
    def deciding(self) -> dict[str, Term]:
        """The smallest term of each run in which few terms decide the number."""
        if self.column.document != "score":
            return {}
        terms = {}
        for name, run in zip(self.group.runs, self.runs, strict=False):
            document = run.documents.get("score")
            if document is None:
                continue
            term = deciding(document.numbers, self.column.key, run.tasks)
            if term is not None:
                terms[name] = term
        return terms

    @property
    def _seeds(self) -> list[int]:
        """The places of the runs that have the number; of the first alone if they share it."""
        seeds = [seed for seed, number in enumerate(self.numbers) if number is not None]
        return seeds[:1] if self._shared else seeds

    def _over_persons(self, seed: int) -> tuple[float, float] | None:
        """The interval over persons of a run's number, where its document has one."""
        if self.column.document != "score":
            return None
        numbers = self.runs[seed].documents["score"].numbers
        low, high = (numbers.get(key) for key in Key.parse(self.column.key).interval)
        return None if low is None or high is None else (low, high)

    @property
    def _shared(self) -> bool:
        """Whether the runs have one number in common; each gold is attacked itself."""
        if self.column.document != "score" or not of_method(self.column.key):
            return False
        return len({number for number in self.numbers if number is not None}) == 1

    def _number(self, run: Outcome) -> float | None:
        document = run.documents.get(self.column.document)
        return None if document is None else document.numbers.get(self.column.key)

    def _source(self, run: Outcome) -> Source | None:
        if self._number(run) is None:
            return run.proof
        return Source(run.documents[self.column.document].path, self.column.key)


@dataclass(frozen=True)
class OfRuns(Entry):
    """A number of other models than those of the group's row; `names` are these."""

    names: tuple[str, ...]

    @property
    def behind(self) -> tuple[str, ...]:
        """These models."""
        return self.names


@dataclass(frozen=True)
class Row:
    """A line of a block: its labels, then one entry a column."""

    labels: tuple[str, ...]
    entries: list[Entry]


@dataclass(frozen=True)
class Block:
    """The part of a table that is printed as one: of one forget size, and of one topic if any."""

    forget_size: int
    headers: list[str]
    rows: list[Row]
    topic: str = ""


@dataclass(frozen=True)
class Table:
    """A table: its title, its blocks, and what a reader must know to read it."""

    title: str
    blocks: list[Block]
    notes: list[str]

    @property
    def entries(self) -> dict[str, Entry]:
        """Each entry once, by its name `GROUP:METRIC` (`npo/text/forget10:real`)."""
        return {
            f"{entry.group.name}:{entry.column.metric}": entry
            for block in self.blocks
            for row in block.rows
            for entry in row.entries
        }


@cache
def student(degrees: float) -> float:
    """The 97.5 % quantile of Student's t distribution."""
    # Imported here: it takes longer than all tables together.
    from scipy.stats import t

    return float(t.ppf(0.975, degrees))


def score_column(key: str, header: str, digits: int = 3) -> Column:
    """A column of a score; its header has the arrow of its better direction, and the definition.

    The headline's definition is not named.
    """
    definition = definition_of(key)
    named = "" if definition == HEADLINE.name else f" ({definition})"
    header, metric = f"{header}{named} {ARROWS[better(key)]}", metric_of(key)
    return Column(key, header, digits=digits, low=metric.low, high=metric.high)


def score_columns(results: Results, headers: Mapping[str, str]) -> list[Column]:
    """The columns of some metrics, by name and header, under each definition that a suite shows.

    A definition that does not know a metric, or reads it as the headline does, has no column of it.
    """
    return [
        score_column(key, header, digits=3 if metric_of(key).low >= -1 else 1)
        for definition in results.suite.file.metrics
        for metric, header in headers.items()
        if is_metric(key := DEFINITIONS[definition].key(metric))
    ]


def definition_notes(results: Results) -> list[str]:
    """What the definitions of a suite's columns are, but for the headline's."""
    shown = (DEFINITIONS[name] for name in results.suite.file.metrics)
    return [
        f"Marked ({definition.name}): {definition.meaning}."
        for definition in shown
        if definition is not HEADLINE
    ]


def make_entry(results: Results, group: Group, column: Column) -> Entry:
    """The entry of a group in a column."""
    return Entry(group, column, tuple(results.runs[run] for run in group.runs))


def make_block(
    results: Results,
    forget_size: int,
    columns: Sequence[Column],
    topic: str = "",
    bounds: bool = False,
) -> Block:
    """A block with one row for each group of a forget size, labelled by method and modality."""
    rows = [
        Row(
            (group.method, group.modality),
            [make_entry(results, group, column) for column in columns],
        )
        for group in results.of_size(forget_size, bounds)
    ]
    headers = ["method", "modality", *(column.header for column in columns)]
    return Block(forget_size, headers, rows, topic)


def _fate(run: Outcome) -> str:
    """Why a run has no number, in a few words."""
    if run.state == "ok":
        return "–"
    return f"{run.state} ({run.detail})" if run.detail else run.state
