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
    measured = difference([(one, other)])
    return 1.0 if measured is None else measured.p


def difference(pairs: Sequence[tuple[Entry, Entry]]) -> Measured | None:
    """The mean difference of pairs of models that were asked the same, over all seeds.

    Its variance is that between seeds, of their differences, and that between persons, of the
    difference in each draw of persons, the same persons for all, where it is known. Of the seeds in
    which any pair has both numbers, and of the pairs that have them in all of these. None where
    that are fewer than two seeds.
    """
    differences = [
        [None if a is None or b is None else a - b for a, b in zip(*numbers, strict=True)]
        for numbers in ((one.numbers, other.numbers) for one, other in pairs)
    ]
    seeds = [
        seed
        for seed, values in enumerate(zip(*differences, strict=True))
        if any(value is not None for value in values)
    ]
    known = [[v for seed in seeds if (v := values[seed]) is not None] for values in differences]
    whole = [place for place, values in enumerate(known) if len(values) == len(seeds)]
    if len(seeds) < 2 or not whole:
        return None
    means = [fmean(known[place][number] for place in whole) for number in range(len(seeds))]
    between = Part(variance(means) / len(means), len(means) - 1)
    return Measured(fmean(means), (between, *_persons([pairs[place] for place in whole], seeds)))


def _persons(pairs: Sequence[tuple[Entry, Entry]], seeds: list[int]) -> list[Part]:
    """By the draws of the persons, where all runs have them; of a single person there is none."""
    import numpy as np

    key = pairs[0][0].column.key
    runs = [entry.runs[seed] for pair in pairs for seed in seeds for entry in pair]
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
    return [Part(drawn + math.fsum(at_ends) / (len(runs) / 2), persons - 1)]


def _variance_at_end(run: Outcome, key: str) -> float:
    """The variance of a share that is 0 or 1 in every draw, by its interval; 0 without a width."""
    numbers = run.documents["score"].numbers
    low, high = (numbers.get(name, numbers[key]) for name in Key.parse(key).interval)
    return ((high - low) / NORMAL) ** 2
