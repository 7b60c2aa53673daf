"""The paper's claims on forgetting both at once, against forgetting one modality, method by method.

At equal retention, of one suite. What takes several suites is in `across`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

from clearbench.errors import UserError
from clearbench.metrics.headline import QUALITY
from clearbench.results.headline import COLUMNS
from clearbench.results.runs import Group, Results
from clearbench.results.strengths import EQUAL, Curve, curves_of
from clearbench.suite.suite import Suite
from clearbench.tables.ahead import difference
from clearbench.tables.base import Block, Column, Row, Table
from clearbench.tables.difference import Difference
from clearbench.tables.measured import Measured, signed
from clearbench.tables.tradeoff import AREA, OfCurves, at_retention
from clearbench.tables.verdicts import (
    BEYOND,
    OF_METHODS,
    RULES,
    Finding,
    Verdict,
    differing,
    directed,
    over_methods,
)

DOMAINS = ("multimodal",)
JOINT = "both"
ALONE = ("text", "visual")

BEATS = "joint unlearning beats that of one modality"
CARRIES = "results of single domains carry over"
TRADES = "forgetting and retention trade off differently in joint unlearning"
CLAIMS = (BEATS, CARRIES, TRADES)

SHARE = f"{EQUAL * 100:.0f} %"


class Comparison(NamedTuple):
    """A claim, the number that tells it, at a share or else a gain, and what decides on many."""

    claim: str
    column: Column
    level: float | None
    judge: Callable[[Sequence[Measured | None]], list[Verdict]]


AHEAD = Comparison(
    BEATS,
    at_retention(EQUAL, Column(QUALITY, f"{COLUMNS[QUALITY]} at {SHARE} retention")),
    EQUAL,
    directed,
)
GAINS = Comparison(
    TRADES, Column(QUALITY, f"gain in {COLUMNS[QUALITY]}", role=AREA), None, differing
)

_JUDGES = {each.claim: each.judge for each in (AHEAD, GAINS)}

MEASURED = (
    f"Compared is {AHEAD.column.header}, and for the trade-off the {GAINS.column.header}"
    " (`tradeoff`): the mean difference over seeds, seed by seed, with its 95 % interval over seeds"
    " and, at a share, persons."
)


@dataclass(frozen=True)
class Tested(Difference):
    """A difference of two numbers of the same seeds, and what it says of a claim."""

    measured: Measured | None
    verdict: Verdict

    @cached_property
    def interval(self) -> tuple[float, float] | None:
        """The interval of the same test as the verdict; None of one seed."""
        return None if self.measured is None else self.measured.interval

    @property
    def text(self) -> str:
        """As `+0.120 [+0.050, +0.190] supported`; without a number, which side has none."""
        if self.mean is None:
            sides = (self.minuend, self.subtrahend)
            lacking = [f"{s.group.modality}: {s.text}" for s in sides if s.mean is None]
            return "; ".join(lacking) or "no seed in common"
        seeds = "" if self.status == "ok" else f" ({len(self.values)}/{len(self.runs)} seeds)"
        return f"{signed(self.mean, self.interval)}{seeds} {self.verdict}"

    @property
    def behind(self) -> tuple[str, ...]:
        """All models of the curves of both."""
        return tuple(dict.fromkeys((*self.minuend.behind, *self.subtrahend.behind)))


def check(suite: Suite) -> None:
    """Raise UserError where no claim can be told of a suite, with the key that it needs."""
    file, where = suite.file, suite.path
    if suite.domain not in DOMAINS:
        raise UserError(
            f"{where}: model: {suite.file.model} is a {suite.domain} model; the claims are of"
            " multimodal ones"
        )
    if not file.scaled:
        raise UserError(
            f"{where}: strengths: empty; methods are compared at equal retention, which needs some,"
            " as strengths: [0.25, 0.5, 0.75, 1.25, 1.5]"
        )
    if JOINT not in file.modalities:
        raise UserError(f"{where}: modalities: no {JOINT}; the claims are on forgetting both")
    if not alone_in(suite) and not file.single_domain:
        raise UserError(
            f"{where}: modalities: {JOINT} alone; add text or visual to compare it with, or name"
            " suites of text models below single_domain"
        )


def alone_in(suite: Suite) -> list[str]:
    """The single modalities that a suite forgets."""
    return [modality for modality in ALONE if modality in suite.file.modalities]


def build(results: Results) -> Table | None:
    """Each method's joint forgetting against that of each modality, with a verdict each.

    None for a suite that scales no cells, or forgets not both at once and one alone.
    """
    suite = results.suite
    if not suite.file.scaled or JOINT not in suite.file.modalities or not alone_in(suite):
        return None
    curves = curves_of(results)
    blocks = [
        block
        for size in suite.file.forget_sizes
        for block in (_block(results, size, each, curves) for each in (AHEAD, GAINS))
    ]
    lines = [f"{f.claim}, {f.compared}: {f.verdict}, {f.number}." for f in findings(blocks)]
    notes = [
        *lines,
        *_staying(blocks),
        MEASURED,
        *(f"{verdict}: {rule}." for verdict, rule in RULES.items()),
        BEYOND,
        OF_METHODS,
    ]
    return Table("The paper's claims", blocks, notes)


def findings(blocks: Sequence[Block]) -> list[Finding]:
    """What the columns of the table's blocks come to over methods."""
    findings_of_topic = []
    for block in blocks:
        rows = [map(_tested, row.entries) for row in block.rows]
        columns = list(zip(*rows, strict=True))
        means = [difference([(e.minuend, e.subtrahend) for e in column]) for column in columns]
        judge = _JUDGES[block.topic]
        for column, mean, verdict in zip(columns, means, judge(means), strict=True):
            compared = f"{column[0].column.header}, forget {block.forget_size} %"
            of_each = [entry.verdict if entry.mean is not None else None for entry in column]
            findings_of_topic.append(over_methods(block.topic, compared, mean, verdict, of_each))
    return findings_of_topic


def _block(
    results: Results, size: int, comparison: Comparison, curves: Mapping[str, tuple[Curve, ...]]
) -> Block:
    groups = {(group.method, group.modality): group for group in results.of_size(size)}
    alone, methods = alone_in(results.suite), list(results.suite.file.methods)

    def of(method: str, modality: str) -> OfCurves:
        group: Group = groups[method, modality]
        return OfCurves.of(group, comparison.column, curves[group.name], comparison.level)

    pairs = [(of(method, JOINT), of(method, one)) for method in methods for one in alone]
    measured = [difference([(joint, one)]) for joint, one in pairs]
    verdicts = comparison.judge(measured)
    entries = [
        Tested(joint.group, _less(comparison.column, one), joint.runs, joint, one, number, verdict)
        for (joint, one), number, verdict in zip(pairs, measured, verdicts, strict=True)
    ]
    width = len(alone)
    rows = [
        Row((method,), list(entries[place * width : (place + 1) * width]))
        for place, method in enumerate(methods)
    ]
    headers = ["method", *(entry.column.header for entry in entries[:width])]
    return Block(size, headers, rows, comparison.claim)


def _less(column: Column, one: OfCurves) -> Column:
    """The column of a number of joint forgetting less that of one modality."""
    header = f"{JOINT} - {one.group.modality}"
    return replace(column, header=header, role=f"{column.role}, {header}")


def _staying(blocks: Sequence[Block]) -> list[str]:
    """The cells whose curves never fall to the share, a size."""
    notes = []
    for block in blocks:
        entries = [_tested(entry) for row in block.rows for entry in row.entries]
        sides = (side for entry in entries for side in (entry.minuend, entry.subtrahend))
        named = {
            f"{side.group.method}/{side.group.modality}": _seeds(side)
            for side in sides
            if isinstance(side, OfCurves) and side.staying
        }
        if named:
            told = ", ".join(f"{name}{seeds}" for name, seeds in named.items())
            notes.append(
                f"Never fall to {SHARE} at forget {block.forget_size} %, and have no number"
                f" there: {told}."
            )
    return notes


def _seeds(side: OfCurves) -> str:
    """In how many seeds a curve stays, where it is not in all."""
    count, seeds = side.staying, len(side.curves)
    return "" if count == seeds else f" (in {count} of {seeds} seeds)"


def _tested(entry: object) -> Tested:
    assert isinstance(entry, Tested)
    return entry
