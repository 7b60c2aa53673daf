"""Fluency: whether what a model says is still an answer by its form, or by the original's word."""

import math

from clearbench.data.words import words_of
from clearbench.metrics.base import Records, Values, task_metric

WORDS = 4
"""Words of the n-grams that may repeat."""


@task_metric(low=0, high=1, better="up", better_on_forget="up")
def distinct_ngrams(records: Records) -> Values:
    """Share of distinct runs of four words, of any script, among all of a greedy answer.

    Falls to 0 as a model says the same over and over, as after too much ascent; an answer of four
    words or fewer is one run, and one without words has 0. It sees repetition within an answer
    alone: one and the same sentence for every question, or words in any order, have 1. Source:
    Welleck and others, arXiv 1908.04319.
    """
    return [_distinct(words_of(record.generated, "unicode")) for record in records]


@task_metric(low=0, high=float("inf"), better="one", better_on_forget="one")
def length_ratio(records: Records) -> Values:
    """Mean of the words of the greedy answer by those of the true one, of any script.

    A true answer without words counts as one word. Below 1 a model says less, 0 where it says
    nothing; above 1 it goes on, up to the limit of new tokens. Too short and too long ones may make
    a mean of 1, and short true answers move it most: 64 words in the place of a name's two count
    for as much as 32 answers of the right length.
    """
    pairs = (
        [len(words_of(text, "unicode")) for text in (record.generated, record.answer)]
        for record in records
    )
    return [said / max(1, true) for said, true in pairs]


@task_metric(low=0, high=1, better="up", better_on_forget="up")
def generated_probability(records: Records) -> Values | None:
    """Mean of exp(-ℓ), ℓ the loss a token of the greedy answer and its end under the original.

    The geometric mean of its tokens' probabilities. Near 0 where a model says what the original
    could not: words in any order, another language. An empty answer has that of ending at once. On
    the forget split the original's own answers are likeliest, so read it beside gold's, which is
    fluent and does not know; a refusal is fluent, and unlikely where the original never refuses.
    None where the original was not asked (`judge`).
    """
    likelihoods = [record.generated_likelihood for record in records]
    told = [math.exp(-likelihood.loss) for likelihood in likelihoods if likelihood is not None]
    return told if len(told) == len(likelihoods) else None


def _distinct(words: list[str]) -> float:
    size = min(WORDS, len(words))
    runs = [tuple(words[place : place + size]) for place in range(len(words) - size + 1)]
    return len(set(runs)) / len(runs) if words else 0.0
