"""Which of two models is ahead by more than the noise, in all comparisons of a column together."""

import math
from collections.abc import Sequence
from itertools import combinations
from statistics import fmean, variance

from clearbench.metrics.bootstrap import LEAST
from clearbench.metrics.keys import Key
from clearbench.metrics.wilson import NORMAL
from clearbench.results.runs import Outcome
from clearbench.tables.base import Entry
from clearbench.tables.measured import EXACT, Measured, Part, holm


def significant(entries: Sequence[Entry]) -> set[tuple[int, int]]:
    """The pairs of entries whose means differ by more than the noise, by their places.

    Corrected for the number of pairs by Holm's method.
    """
    pairs = list(combinations(range(len(entries)), 2))
    return {pairs[k] for k in holm([p_value(entries[i], entries[j]) for i, j in pairs])}


def p_value(one: Entry, other: Entry) -> float:
    """The two-sided p-value of the mean difference of two models that were asked the same.

    1 where fewer than two seeds are in common, which tell nothing of another run.
    """
    measured = difference(one, other)
    return 1.0 if measured is None else measured.p


def difference(one: Entry, other: Entry) -> Measured | None:
    """The mean difference of two models that were asked the same, over the seeds that both have.

    Its variance is that between seeds, of their differences, and that between persons, of the
    difference in each draw of persons, the same persons for both, where it is known. None where
    fewer than two seeds are in common.
    """
    numbers = enumerate(zip(one.numbers, other.numbers, strict=True))
    differences = {seed: a - b for seed, (a, b) in numbers if a is not None and b is not None}
    if len(differences) < 2:
        return None
    values = list(differences.values())
    between = Part(variance(values) / len(values), len(values) - 1)
    return Measured(fmean(values), (between, *_persons(one, other, list(differences))))


def _persons(one: Entry, other: Entry, seeds: list[int]) -> list[Part]:
    """By the draws of the persons, where all seeds have them; of a single person there is none."""
    import numpy as np

    key = one.column.key
    runs = [entry.runs[seed] for seed in seeds for entry in (one, other)]
    draws = [np.array(run.draws.get(key, ()), dtype=float) for run in runs]
    if not all(map(len, draws)):
        return []
    between = np.mean([a - b for a, b in zip(draws[::2], draws[1::2], strict=True)], axis=0)
    differences = between[np.isfinite(between)]
    # Samples that are about nobody are drawn one by one, and have no number of persons.
    counts = [run.documents["score"].numbers.get(Key.parse(key).persons, EXACT) for run in runs]
    persons = min(counts)
    if len(differences) < 2 or persons < LEAST:
        return []
    # The variance of n drawn persons is (n-1)/n of what it should be.
    drawn = float(differences.var(ddof=1)) * persons / (persons - 1)
    at_ends = [
        _variance_at_end(run, key)
        for run, numbers in zip(runs, draws, strict=True)
        if np.ptp(numbers[np.isfinite(numbers)]) == 0
    ]
    return [Part(drawn + math.fsum(at_ends) / len(seeds), persons - 1)]


def _variance_at_end(run: Outcome, key: str) -> float:
    """The variance of a share that is 0 or 1 in every draw, by its interval; 0 without a width."""
    numbers = run.documents["score"].numbers
    low, high = (numbers.get(name, numbers[key]) for name in Key.parse(key).interval)
    return ((high - low) / NORMAL) ** 2
