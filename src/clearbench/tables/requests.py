"""Requests: what each method forgets of one group after another, and whether any comes back."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from clearbench.metrics.headline import RETAIN
from clearbench.results.headline import COLUMNS
from clearbench.results.runs import Group, Results
from clearbench.suite.rows import runs_of
from clearbench.suite.rows.requests import name_of
from clearbench.tables.base import Block, Column, Entry, OfRuns, Row, Table, score_column
from clearbench.tables.stress import Known, columns_of, known_by

DOMAINS = ("multimodal", "text")
ONCE = "at once"


@dataclass(frozen=True)
class _Line:
    """A row of the table: its label, and the names of its models, one a seed, without a request."""

    group: Group
    runs: tuple[str, ...]


def build(results: Results) -> Table | None:
    """Forget quality and what is known of the persons of each request, after it and all later ones.

    Then of all forgotten so far, beside who forgot as many at once, and what is retained. None for
    a suite without requests.
    """
    requests, reached = results.suite.file.requests, results.suite.file.requested
    if not requests:
        return None
    known = known_by(results)
    columns = columns_of(known)
    lines, last = _lines(results), len(requests)
    blocks = []
    for column in columns:
        of_column = known.get(column.key, ())
        for about in range(1, last + 1):
            points = [_At(number, about) for number in range(about, last + 1)]
            topic = f"{column.header}, persons of request {about} ({requests[about - 1]} %)"
            blocks.append(_block(results, lines, column, of_column, points, topic))
        points = [_At(number, None) for number in range(1, last + 1)]
        topic = f"{column.header}, all persons forgotten so far"
        blocks.append(_block(results, lines, column, of_column, points, topic, ONCE))
    points = [_At(number, None) for number in range(1, last + 1)]
    retain = score_column(RETAIN, COLUMNS[RETAIN])
    topic = f"{retain.header}, persons retained so far"
    blocks.append(_block(results, lines, retain, (), points, topic, ONCE))
    after = ", ".join(f"{number}: {percent} %" for number, percent in enumerate(reached, start=1))
    notes = [
        f"A model forgets the persons of each request from the model of the one before; forgotten"
        f" after request {after} of all persons. All models are compared with the gold after the"
        " same request, which saw nobody forgotten so far; the row gold has what is known of a"
        " group by whoever never met it.",
        "Persons of request 1, 2, …: what later requests make of a group that was forgotten, read"
        " from left to right. Where forget quality falls, or accuracy leaves gold's, it came back,"
        " or is answered in another way than by a stranger.",
        f"{ONCE}: the row's own cell that forgot as many persons in one training. Accuracy and"
        " ROUGE-L are means over the tasks of the forget set.",
        "Who is retained by then is fewer with each request, so that retention is read beside"
        " gold's.",
    ]
    return Table("Requests in sequence", blocks, notes)


@dataclass(frozen=True)
class _At:
    """After which request, and about the persons of which; None for all forgotten so far."""

    number: int
    about: int | None

    @property
    def role(self) -> str:
        """Its name for machines."""
        whom = "all" if self.about is None else f"of{self.about}"
        return f"after{self.number}/{whom}"


def _lines(results: Results) -> list[_Line]:
    """The rows: originals, golds and cells."""
    first: dict[str, list[str]] = {}
    groups = {}
    prefix = name_of("", 1, None)
    for run in runs_of(results.suite):
        if run.request == 1 and run.about is None:
            name = run.group.removeprefix(prefix)
            first.setdefault(name, []).append(run.name.removeprefix(prefix))
            groups[name] = run
    total = results.suite.file.requested[-1]
    last = len(results.suite.file.requests)
    return [
        _Line(
            Group(
                f"requests/{name}",
                groups[name].row,
                groups[name].modality,
                total,
                tuple(name_of(run, last, None) for run in runs),
                control=groups[name].cell is None,
            ),
            tuple(runs),
        )
        for name, runs in first.items()
    ]


def _block(
    results: Results,
    lines: Sequence[_Line],
    column: Column,
    keys: tuple[str, ...],
    points: Sequence[_At],
    topic: str,
    once: str = "",
) -> Block:
    """A line for each row: a score after some requests, and of its own cells at the same sizes."""

    def entry(line: _Line, names: tuple[str, ...], header: str, role: str) -> Entry:
        named = replace(column, header=header, role=role)
        outcomes = tuple(results.runs[name] for name in names)
        if not keys:
            return OfRuns(line.group, named, outcomes, names)
        return Known(line.group, named, outcomes, names, keys)

    sizes = [size for size in results.suite.file.forget_sizes if once]
    plain = {
        (group.method, group.modality, group.forget_size): group.runs for group in results.groups
    }
    rows = []
    for line in lines:
        entries = [
            entry(
                line,
                tuple(name_of(run, at.number, at.about) for run in line.runs),
                f"after request {at.number}",
                at.role,
            )
            for at in points
        ]
        entries += [
            entry(
                line,
                plain[line.group.method, line.group.modality, size],
                f"{size} % {once}",
                f"{once}/{size}",
            )
            for size in sizes
        ]
        rows.append(Row((line.group.method, line.group.modality), entries))
    headers = ["method", "modality", *(entry.column.header for entry in rows[0].entries)]
    return Block(results.suite.file.requested[-1], headers, rows, topic)
