"""CIDEr-D: what captions have in common, words that few captions have counting for more."""

import math
from collections import Counter
from collections.abc import Mapping

from clearbench.data.tasks import CAPTIONS
from clearbench.data.words import words_of
from clearbench.metrics.base import Records, Values, task_metric

LONGEST = 4
"""Words of the longest n-gram."""

DEVIATION = 6.0
"""Words by which lengths may differ at little cost."""

Grams = list[Counter[tuple[str, ...]]]
"""The counts of a text's n-grams, for each n from 1."""


@task_metric(low=0, high=10, better="up", better_on_forget="down")
def cider_d(records: Records) -> Values | None:
    """Mean CIDEr-D of the greedy caption against the true one; of captions alone.

    10·mean over n = 1..4 of Σ min(h, r)·r / (‖h‖·‖r‖) · exp(-d²/(2·6²)), h and r the n-grams of the
    caption and of the true one, tf·(log N - log max(1, df)) each, df the number of the task's N
    true captions that have it, d the difference of lengths in words. Words are of any script, in
    lower case, without punctuation. 10 where both are the same and have four words that not all
    captions have. It rewards what tells one picture from the others, as names, and hardly what all
    captions say. df are those of all captions asked, in the draws for an interval too: it compares
    models on one dataset, and of one caption it is 0. Source: Vedantam and others, arXiv 1411.5726.
    """
    if records[0].task != CAPTIONS.name:
        return None
    said, true = (
        [_grams(words_of(text, "unicode")) for text in texts]
        for texts in ([r.generated for r in records], [r.answer for r in records])
    )
    having = Counter(gram for grams in true for counts in grams for gram in counts)
    rarity = {gram: math.log(len(records) / count) for gram, count in having.items()}
    unseen = math.log(len(records))
    return [_similarity(*pair, rarity, unseen) for pair in zip(said, true, strict=True)]


def _grams(words: list[str]) -> Grams:
    return [
        Counter(tuple(words[place : place + n]) for place in range(len(words) - n + 1))
        for n in range(1, LONGEST + 1)
    ]


def _similarity(
    said: Grams, true: Grams, rarity: Mapping[tuple[str, ...], float], unseen: float
) -> float:
    """CIDEr-D of one text; `unseen` is the rarity of n-grams that no true text has."""
    apart = said[0].total() - true[0].total()
    terms = []
    for counts in zip(said, true, strict=True):
        h, r = (
            {gram: count * rarity.get(gram, unseen) for gram, count in side.items()}
            for side in counts
        )
        norms = math.hypot(*h.values()) * math.hypot(*r.values())
        common = math.fsum(min(h[gram], r[gram]) * r[gram] for gram in h.keys() & r.keys())
        terms.append(common / norms if norms else 0.0)
    return 10 * math.fsum(terms) / len(terms) * math.exp(-(apart**2) / (2 * DEVIATION**2))
