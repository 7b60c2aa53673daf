"""Which of two models is ahead by more than the noise, in all comparisons of a column together."""

import math
from collections.abc import Sequence
from itertools import combinations
from statistics import fmean, variance
from typing import NamedTuple

from clearbench.metrics.bootstrap import LEAST
from clearbench.metrics.keys import Key
from clearbench.metrics.wilson import NORMAL
from clearbench.results.runs import Outcome
from clearbench.tables.base import Entry

LEVEL = 0.05
"""The chance that any comparison of a column is wrong, where nothing differs."""

MANY = 1e9
"""For the number of persons where samples are about nobody and drawn one by one."""


def significant(entries: Sequence[Entry]) -> set[tuple[int, int]]:
    """The pairs of entries whose means differ by more than the noise, by their places.

    Corrected for the number of pairs (Holm 1979): the k-th smallest p of m must stay below
    LEVEL / (m - k + 1), and so must all before it.
    """
    pairs = {
        (i, k): p_value(entries[i], entries[k]) for i, k in combinations(range(len(entries)), 2)
    }
    differing = set()
    for done, (pair, p) in enumerate(sorted(pairs.items(), key=lambda item: item[1])):
        if p > LEVEL / (len(pairs) - done):
            break
        differing.add(pair)
    return differing


def p_value(one: Entry, other: Entry) -> float:
    """The two-sided p-value of the mean difference of two models that were asked the same.

    Over the seeds that both have. Its variance is that between seeds, of their differences, and
    that between persons, of the difference in each draw of persons, the same persons for both,
    where it is known. Student's t, with degrees of freedom by Welch and Satterthwaite. 1 where
    fewer than two seeds are in common, which tell nothing of another run; where both variances are
    0, 0 or, without a difference, 1.
    """
    # Imported here: it loads numpy, which takes longer than looking up all tables.
    from scipy.special import stdtr

    numbers = enumerate(zip(one.numbers, other.numbers, strict=True))
    differences = {seed: a - b for seed, (a, b) in numbers if a is not None and b is not None}
    if len(differences) < 2:
        return 1.0
    values = list(differences.values())
    mean = fmean(values)
    between = _Part(variance(values) / len(values), len(values) - 1)
    parts = [between, *_persons(one, other, list(differences))]
    total = sum(part.variance for part in parts)
    if not total:
        return float(mean == 0)
    degrees = total**2 / sum(part.variance**2 / part.degrees for part in parts)
    return float(2 * stdtr(degrees, -abs(mean) / math.sqrt(total)))


class _Part(NamedTuple):
    """A part of a mean's variance, and on how many degrees of freedom it is estimated."""

    variance: float
    degrees: float


def _persons(one: Entry, other: Entry, seeds: list[int]) -> list[_Part]:
    """By the draws of the persons, where all seeds have them; of a single person there is none."""
    import numpy as np

    key = one.column.key
    runs = [entry.runs[seed] for seed in seeds for entry in (one, other)]
    draws = [np.array(run.draws.get(key, ()), dtype=float) for run in runs]
    if not all(map(len, draws)):
        return []
    between = np.mean([a - b for a, b in zip(draws[::2], draws[1::2], strict=True)], axis=0)
    differences = between[np.isfinite(between)]
    counts = [run.documents["score"].numbers.get(Key.parse(key).persons, MANY) for run in runs]
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
    return [_Part(drawn + math.fsum(at_ends) / len(seeds), persons - 1)]


def _variance_at_end(run: Outcome, key: str) -> float:
    """The variance of a share that is 0 or 1 in every draw, by its interval; 0 without a width."""
    numbers = run.documents["score"].numbers
    low, high = (numbers.get(name, numbers[key]) for name in Key.parse(key).interval)
    return ((high - low) / NORMAL) ** 2
