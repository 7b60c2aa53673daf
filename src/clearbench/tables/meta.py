"""Meta: how good the metrics are, by models of which one knows what they know."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import fmean, harmonic_mean, stdev

from clearbench.metrics import Metric, better, metric_of
from clearbench.metrics.base import ModelMetric
from clearbench.metrics.keys import Key
from clearbench.results.faithfulness import (
    faithfulness,
    interval_of_auc,
    r_and_q,
    robustness,
    threshold,
)
from clearbench.results.runs import Group, Results, Source
from clearbench.suite.rows import runs_of
from clearbench.suite.rows.controls import NO_MODALITY
from clearbench.suite.rows.recipes import IGNORES, KNOWS, group_of
from clearbench.suite.rows.stress import name_of
from clearbench.suite.runs import Run, records_of
from clearbench.tables.base import Block, Column, Entry, Row, Table, student

DOMAINS = ("multimodal", "text")
UTILITY = "model_utility"
LEAST = 0.8
"""The share of its original's utility that a model keeps whose robustness counts."""

WHOLE = "whole model"
"""The topic of metrics that are of no task."""

PAPER = "robustness (paper)"
COUNTS = ("models", "believed")
HEADERS = (KNOWS, IGNORES, "AUC", "R", "Q", "robustness", "both", *COUNTS, PAPER)


@dataclass(frozen=True)
class Told(Entry):
    """What is told of a metric by some models together: a number, perhaps with its interval."""

    number: float | None
    ends: tuple[float, float] | None = None
    also: tuple[Source, ...] = ()

    @property
    def numbers(self) -> list[float | None]:
        """The number, once a model."""
        return [self.number] * len(self.runs)

    @cached_property
    def mean(self) -> float | None:
        """The number."""
        return self.number

    @cached_property
    def std(self) -> float | None:
        """None: it is one number."""
        return None

    @cached_property
    def reach(self) -> tuple[float, float] | None:
        """Its interval over models."""
        return self.ends

    @property
    def sources(self) -> list[Source]:
        """Where the metric stands of each model, and the utility that lets one count."""
        return [*super().sources, *self.also]

    @property
    def text(self) -> str:
        """As `0.93 [0.85, 0.97]`."""
        if self.number is None:
            return "–"
        text = f"{self.number:.{self.column.digits}f}"
        if self.interval is None:
            return text
        low, high = (f"{end:.{self.column.digits}f}" for end in self.interval)
        return f"{text} [{low}, {high}]"


@dataclass(frozen=True)
class _Judge:
    """Judges metrics at a forget size by the pools of models, and by cells under stress."""

    results: Results
    size: int
    knowing: tuple[str, ...]
    ignorant: tuple[str, ...]
    cells: tuple[Run, ...]

    def row(self, key: str) -> Row:
        """All that is told of a metric."""
        parsed = Key.parse(key)
        group = Group(
            f"metrics/forget{self.size:02d}", parsed.name, parsed.task or NO_MODALITY, self.size, ()
        )
        pools = [self._have(key, names) for names in (self.knowing, self.ignorant)]
        if not all(pools):
            return Row((parsed.name,), [self._entry(key, group, header, ()) for header in HEADERS])
        scaled = [[_knowledge(key, number) for number in pool.values()] for pool in pools]
        told = faithfulness(*scaled)
        ends = interval_of_auc(told, *map(len, scaled))
        cells = self._robust(key)
        of_cells = {name: robustness(*numbers) for name, (*numbers, _) in cells.items()}
        most = threshold(*scaled)
        believed = [of_cells[name] for name, (*_, before) in cells.items() if before <= most]
        stays = fmean(of_cells.values()) if of_cells else None
        models, both = tuple(cells), tuple(name for pool in pools for name in pool)
        behind = self._behind(models)
        also = tuple(self._utility(models))

        def entry(
            header: str,
            names: Sequence[str],
            number: float | None,
            ends: tuple[float, float] | None = None,
            also: tuple[Source, ...] = (),
        ) -> Told:
            return self._entry(key, group, header, names, number, ends, also)

        r, q = (
            fmean(numbers[place] for numbers in cells.values()) if cells else None
            for place in (0, 1)
        )
        overall = None if stays is None else harmonic_mean((told, stays))
        entries: list[Entry] = [
            *(
                entry(header, tuple(pool), fmean(pool.values()))
                for header, pool in zip((KNOWS, IGNORES), pools, strict=True)
            ),
            entry("AUC", both, told, ends),
            entry("R", behind, r, None, also),
            entry("Q", behind, q, None, also),
            entry("robustness", behind, stays, _over_models(list(of_cells.values())), also),
            entry("both", (*both, *behind), overall, None, also),
            *(
                entry(header, (*both, *behind), float(count) if cells else None, None, also)
                for header, count in zip(COUNTS, (len(cells), len(believed)), strict=True)
            ),
            entry(
                PAPER,
                (*both, *behind),
                fmean(believed) if believed else None,
                _over_models(believed),
                also,
            ),
        ]
        return Row((parsed.name,), entries)

    def _entry(
        self,
        key: str,
        group: Group,
        header: str,
        names: Sequence[str],
        number: float | None = None,
        ends: tuple[float, float] | None = None,
        also: tuple[Source, ...] = (),
    ) -> Told:
        outcomes = tuple(self.results.runs[name] for name in names)
        named = replace(group, runs=tuple(names))
        return Told(named, _column(key, header), outcomes, number, ends, also)

    def _have(self, key: str, names: Sequence[str]) -> dict[str, float]:
        """The metric of each of some models that has it."""
        documents = {name: self.results.runs[name].documents.get("score") for name in names}
        return {
            name: document.numbers[key]
            for name, document in documents.items()
            if document is not None and key in document.numbers
        }

    def _robust(self, key: str) -> dict[str, tuple[float, float, float]]:
        """R, Q and what they know by the metric before any test, of the cells that are of use."""
        by_cell = {}
        for run in self.cells:
            names = self._behind((run.name,))
            numbers = {
                name: _knowledge(key, number) for name, number in self._have(key, names).items()
            }
            if len(numbers) < len(names) or not self._useful(run):
                continue
            gold = _gold(run)
            relearned, quantised = (
                [numbers[name] for name in self._under(run.name, kind)]
                for kind in ("relearn", "quantise")
            )
            of_gold = [numbers[name] for name in self._under(gold, "relearn")]
            before = numbers[run.name]
            r, q = r_and_q(before, relearned, quantised, numbers[gold], of_gold)
            by_cell[run.name] = (r, q, before)
        return by_cell

    def _behind(self, models: Sequence[str]) -> tuple[str, ...]:
        """Some cells and their golds, before the tests and under them."""
        runs = {run.name: run for run in self.cells}
        names: dict[str, None] = {}
        for model in models:
            gold = _gold(runs[model])
            names |= dict.fromkeys((model, gold, *self._under(gold, "relearn")))
            for kind in ("relearn", "quantise"):
                names |= dict.fromkeys(self._under(model, kind))
        return tuple(names)

    def _under(self, run: str, kind: str) -> list[str]:
        """A run under the tests of a kind, at each point."""
        return [
            name_of(run, name, point)
            for name, (of, test) in self.results.suite.stress_tests.items()
            if of == kind
            for point in test.points
        ]

    def _useful(self, run: Run) -> bool:
        own, original = (
            self._have(UTILITY, [name]).get(name) for name in (run.name, _original(run))
        )
        return own is not None and original is not None and own >= LEAST * original

    def _utility(self, models: Sequence[str]) -> Iterator[Source]:
        runs = {run.name: run for run in self.cells}
        names = dict.fromkeys(name for model in models for name in (model, _original(runs[model])))
        for name in names:
            document = self.results.runs[name].documents.get("score")
            if document is not None:
                yield Source(document.path, UTILITY)


def build(results: Results) -> Table | None:
    """Of each metric of the forget set what it tells apart, and what stress leaves of it.

    None for a suite without recipes.
    """
    file = results.suite.file
    if not file.recipes:
        return None
    blocks = []
    for size in file.forget_sizes:
        judge = _judge(results, size)
        topics: dict[str, list[Row]] = {}
        for key in _judged(results):
            topics.setdefault(Key.parse(key).task or WHOLE, []).append(judge.row(key))
        blocks += [
            Block(size, ["metric", *HEADERS], sorted(rows, key=_order), topic)
            for topic, rows in topics.items()
        ]
    return Table("Are the metrics any good", blocks, _notes(results))


def _judge(results: Results, size: int) -> _Judge:
    """The judge of a size: originals know, golds of the recipes do not."""
    groups = {group.name: group.runs for group in results.of_size(size)}

    def pool(row: str) -> list[str]:
        recipes = results.suite.file.recipes
        return [run for recipe in recipes for run in groups[group_of(row, recipe, size)]]

    tested = {kind for kind, _ in results.suite.stress_tests.values()}
    cells = [
        run
        for run in runs_of(results.suite)
        if run.cell is not None and run.in_row and run.forget_size == size
    ]
    return _Judge(
        results,
        size,
        (*groups[f"{KNOWS}/forget{size:02d}"], *pool(KNOWS)),
        tuple(pool(IGNORES)),
        tuple(cells) if {"relearn", "quantise"} <= tested else (),
    )


def _judged(results: Results) -> list[str]:
    """The scores of the forget set that have a better direction and both ends of a range.

    As the definitions of the suite's tables read them.
    """
    keys = []
    for key in results.score_keys():
        parsed, metric = Key.parse(key), metric_of(key)
        of_forget = parsed.split == "forget" if parsed.task else _of_forget_set(metric)
        ranges = math.isfinite(metric.low) and math.isfinite(metric.high)
        shown = parsed.definition in results.suite.file.metrics and not parsed.group
        if of_forget and ranges and shown and better(key) in ("up", "down"):
            keys.append(key)
    return keys


def _of_forget_set(metric: Metric) -> bool:
    return isinstance(metric, ModelMetric) and metric.splits == ("forget",)


def _knowledge(key: str, number: float) -> float:
    """A score on a scale from 0 to 1, higher where a model knows more: the worse, the more."""
    metric = metric_of(key)
    share = (number - metric.low) / (metric.high - metric.low)
    return share if better(key) == "down" else 1 - share


def _over_models(numbers: Sequence[float]) -> tuple[float, float] | None:
    """Student's 95 % interval of a mean over models; None of fewer than two."""
    if len(numbers) < 2:
        return None
    half = student(len(numbers) - 1) * stdev(numbers) / math.sqrt(len(numbers))
    return fmean(numbers) - half, fmean(numbers) + half


def _column(key: str, header: str) -> Column:
    metric = metric_of(key)
    low, high = (metric.low, metric.high) if header in (KNOWS, IGNORES) else (0, 1)
    named = Column(key, header, role=f"meta/{header}", low=low, high=high)
    return replace(named, digits=0, high=math.inf) if header in COUNTS else named


def _order(row: Row) -> tuple[float, float]:
    """The best first: by both, then by what is told apart."""
    told = dict(zip(HEADERS, row.entries, strict=True))
    both, auc = told["both"].mean, told["AUC"].mean
    return (math.inf if both is None else -both, math.inf if auc is None else -auc)


def _gold(run: Run) -> str:
    assert run.gold is not None
    return run.gold.removeprefix(records_of(""))


def _original(run: Run) -> str:
    assert run.original is not None
    return run.original.removeprefix(records_of(""))


def _notes(results: Results) -> list[str]:
    recipes: Mapping[str, Mapping[str, object]] = results.suite.file.recipes
    return [
        f"{KNOWS}: mean of all originals, of the suite's own recipe and of {', '.join(recipes)};"
        f" {IGNORES}: of the golds of these recipes but the suite's own, which is what metrics that"
        " compare are computed against.",
        "AUC: how often one of the first has more knowledge by the metric than one of the second;"
        " its interval (Newcombe's) takes models for independent, though those of a seed share a"
        " base.",
        "R and Q: as in the table `stress`, on a scale from 0 to 1 on which whoever knows more is"
        " higher. Robustness: their harmonic mean of each model, then the mean over models with"
        f" Student's interval. Models: those that keep {LEAST:g} of their original's {UTILITY}, the"
        " same for all metrics. Both: the harmonic mean of AUC and robustness.",
        "Believed: those of them of which the metric says that they do not know, by the threshold"
        " that tells originals and golds apart best; robustness (paper) is over these alone, as"
        " OpenUnlearning's paper has it, so of other models for each metric, and here and there of"
        " none.",
        "distinct_ngrams is of form and not of knowledge: it should tell nothing apart.",
    ]
