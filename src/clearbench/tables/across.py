"""The paper's claims on single domains against joint forgetting: of a suite itself, and of others.

Made of several suites, so it is no file of one suite's tables: `clearbench claims` computes it from
their scores. A method's number of a seed is its mean over forget sizes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, variance

from clearbench.metrics import better
from clearbench.results.headline import TRADE_OFFS
from clearbench.results.runs import Results
from clearbench.results.strengths import curves_of
from clearbench.suite.suite import Suite
from clearbench.tables.claims import (
    AHEAD,
    ALONE,
    CARRIES,
    GAINS,
    JOINT,
    SHARE,
    TRADES,
    Comparison,
    alone_in,
)
from clearbench.tables.measured import EXACT, Measured, Part, signed
from clearbench.tables.table2 import LEAST, MODALITY
from clearbench.tables.tradeoff import OfCurves
from clearbench.tables.verdicts import (
    Finding,
    Verdict,
    differing,
    directed,
    over_methods,
)

Numbers = Mapping[str, Sequence[float | None]]
"""A number of each method, one a seed in the suite's order; None where a seed has none."""


@dataclass(frozen=True)
class Carried:
    """How alike two kinds of cells rank methods: Spearman's ρ of each seed over some methods."""

    methods: tuple[str, ...]
    left_out: tuple[str, ...]
    rhos: tuple[float, ...]

    @property
    def measured(self) -> Measured | None:
        """The mean ρ over seeds; None of fewer than two, which tell nothing of another run.

        Its variance is that between seeds and that between methods: of n methods in no common order
        ρ has the variance 1/(n - 1), however many seeds agree (Kendall 1948).
        """
        if len(self.rhos) < 2:
            return None
        seeds = Part(variance(self.rhos) / len(self.rhos), len(self.rhos) - 1)
        return Measured(fmean(self.rhos), (seeds, Part(1 / (len(self.methods) - 1), EXACT)))

    @property
    def text(self) -> str:
        """As `ρ +0.700 [+0.080, +1.000] of 11 methods`."""
        if not self.rhos:
            return f"{len(self.methods)} methods with a number in both, {LEAST} needed"
        measured = self.measured
        ends = None
        if measured is not None:
            low, high = measured.interval
            ends = max(low, -1.0), min(high, 1.0)
        return f"ρ {signed(fmean(self.rhos), ends)} of {len(self.methods)} methods"


def numbers(results: Results, modality: str, comparison: Comparison) -> Numbers:
    """The number of each method's cells of a modality that is compared.

    Of what its domain has for forget quality; the negative of a score where lower is better.
    """
    curves = curves_of(results)
    key = TRADE_OFFS[results.suite.domain].forgetting
    column = replace(comparison.column, key=key)
    # A gain is better the higher it is, whatever score it is in.
    sign = -1 if comparison.level is not None and better(key) == "down" else 1
    by_method: dict[str, list[list[float | None]]] = {}
    for group in results.groups:
        if group.modality == modality and group.name in curves:
            entry = OfCurves.of(group, column, curves[group.name], comparison.level)
            of_size = [None if number is None else sign * number for number in entry.numbers]
            by_method.setdefault(group.method, []).append(of_size)
    return {
        method: [_mean(of_sizes) for of_sizes in zip(*sizes, strict=True)]
        for method, sizes in by_method.items()
    }


def carried(here: Numbers, there: Numbers) -> Carried:
    """How alike two suites, or two kinds of cells of one, rank the methods that both have.

    Of the seeds in which any method has both numbers, and of the methods that have both in all of
    these. The seeds of two suites have nothing in common, and are taken together in their order.
    """
    both = {
        method: [
            None if a is None or b is None else (a, b)
            for a, b in zip(values, there[method], strict=False)
        ]
        for method, values in here.items()
        if method in there
    }
    seeds = [
        seed
        for seed, pairs in enumerate(zip(*both.values(), strict=True))
        if any(pair is not None for pair in pairs)
    ]
    whole = {
        method: known
        for method, pairs in both.items()
        if seeds and len(known := [p for s in seeds if (p := pairs[s]) is not None]) == len(seeds)
    }
    of_seeds = list(zip(*whole.values(), strict=True)) if len(whole) >= LEAST else []
    left_out = tuple(method for method in both if method not in whole)
    return Carried(tuple(whole), left_out, tuple(map(_spearman, of_seeds)))


def carrying(here: Results, others: Sequence[Results]) -> tuple[list[Finding], list[str]]:
    """The findings on whether results carry over to joint forgetting, and what to know of each."""
    joint = numbers(here, JOINT, AHEAD)
    alone = {
        f"{modality} cells": numbers(here, modality, AHEAD) for modality in alone_in(here.suite)
    }
    alone |= {
        f"suite {other.suite.name}": numbers(other, MODALITY[other.suite.domain], AHEAD)
        for other in others
    }
    carried_over = {name: carried(joint, single) for name, single in alone.items()}
    verdicts = directed([one.measured for one in carried_over.values()])
    notes = [
        f"Without {', '.join(one.left_out)} in {name}: no number at {SHARE} in all seeds of both."
        for name, one in carried_over.items()
        if one.left_out
    ]
    findings = [
        Finding(CARRIES, f"{name} against {JOINT}", verdict, one.text)
        for (name, one), verdict in zip(carried_over.items(), verdicts, strict=True)
    ]
    return findings, notes


@dataclass(frozen=True)
class Apart:
    """How far a method's joint gain lies from its gain in another suite, and what that says."""

    method: str
    difference: float
    measured: Measured | None
    verdict: Verdict

    @property
    def text(self) -> str:
        """As `+0.120 [+0.050, +0.190] supported`."""
        interval = None if self.measured is None else self.measured.interval
        return f"{signed(self.difference, interval)} {self.verdict}"


def unlike(here: Results, other: Results) -> str | None:
    """Why gains of two suites cannot be compared, in a sentence; None where they can."""
    ours, theirs = (TRADE_OFFS[results.suite.domain] for results in (here, other))
    if ours == theirs:
        return None
    return (
        f"Suite {other.suite.name}: no gain beside that of {JOINT}, for it is one in"
        f" {theirs.forgotten} and not in {ours.forgotten}."
    )


def gains_apart(here: Results, other: Results) -> tuple[Finding, list[Apart]]:
    """The finding on whether joint forgetting trades off otherwise than another suite.

    And the methods that have a gain in both, one by one.
    """
    ours = numbers(here, JOINT, GAINS)
    theirs = numbers(other, MODALITY[other.suite.domain], GAINS)
    pairs = {
        method: (a, b)
        for method in ours
        if method in theirs and (a := _known(ours[method])) and (b := _known(theirs[method]))
    }
    measured = [_apart(*pair) for pair in pairs.values()]
    apart = [
        Apart(method, fmean(a) - fmean(b), number, verdict)
        for (method, (a, b)), number, verdict in zip(
            pairs.items(), measured, differing(measured), strict=True
        )
    ]
    whole = [method for method in pairs if None not in ours[method] and None not in theirs[method]]
    mean = _apart(*(_means([_known(each[method]) for method in whole]) for each in (ours, theirs)))
    (verdict,) = differing([mean])
    of_each = [one.verdict for one in apart]
    compared = f"{JOINT} - suite {other.suite.name}"
    return over_methods(TRADES, compared, mean, verdict, of_each), apart


def _apart(one: Sequence[float], other: Sequence[float]) -> Measured | None:
    """The difference of two means over seeds that have nothing in common (Welch 1947).

    None where either has fewer than two.
    """
    if min(len(one), len(other)) < 2:
        return None
    parts = (Part(variance(values) / len(values), len(values) - 1) for values in (one, other))
    return Measured(fmean(one) - fmean(other), tuple(parts))


def _means(values: Sequence[Sequence[float]]) -> list[float]:
    """The mean over methods of each seed."""
    return [fmean(of_seed) for of_seed in zip(*values, strict=True)]


def lacking(results: Results) -> str | None:
    """Why a suite cannot be compared at equal retention, in a sentence; None where it can."""
    suite = results.suite
    if not suite.file.scaled:
        return f"Suite {suite.name}: none, for it has no strengths; add strengths to {suite.path}."
    if not finished(results):
        return f"Suite {suite.name}: not run; snakemake --config suite={suite.name}."
    return None


def finished(results: Results) -> bool:
    """Whether any scaled cell of a suite has scores."""
    points = [
        point
        for curves in curves_of(results).values()
        for curve in curves
        for point in curve
        if point.strength not in (0, 1)
    ]
    return any(point.outcome.state == "ok" for point in points)


def untold(suite: Suite) -> list[str]:
    """What of the claims a suite does not compare, and the key that would."""
    lines = [
        f"{modality} cells: none; add {modality} to modalities of {suite.path}."
        for modality in ALONE
        if modality not in suite.file.modalities
    ]
    if not suite.file.single_domain:
        lines.append(f"Other suites: none; name some below single_domain of {suite.path}.")
    return lines


def _known(values: Sequence[float | None]) -> list[float]:
    """The numbers of the seeds that have one."""
    return [value for value in values if value is not None]


def _mean(values: Sequence[float | None]) -> float | None:
    """The mean; None where a part is missing."""
    known = _known(values)
    return fmean(known) if len(known) == len(values) else None


def _spearman(pairs: Sequence[tuple[float, float]]) -> float:
    """Spearman's ρ; 0, as of any order, where all numbers of a side are one."""
    from scipy.stats import spearmanr

    sides = tuple(zip(*pairs, strict=True))
    if any(len(set(side)) == 1 for side in sides):
        return 0.0
    return float(spearmanr(*sides).statistic)
