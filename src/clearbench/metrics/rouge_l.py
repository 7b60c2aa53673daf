"""ROUGE-L recall of the greedy answer."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from clearbench.data.words import Words, words_of
from clearbench.metrics.base import Records, Values, task_metric
from clearbench.metrics.definitions import OF_WORDS, Definition

_UNSTEMMED = 3
"""Letters of the longest word that `rouge-score` leaves as it is."""


@task_metric(low=0, high=1, better="up", better_on_forget="down", definitions=OF_WORDS)
def rouge_l(records: Records, definition: Definition) -> Values:
    """Mean ROUGE-L recall of the greedy answer against the true answer, English stems compared.

    LCS(answer, generated) / |answer| in words. Words are runs of ASCII letters and digits, as in
    the `rouge-score` package; an answer without any scores 0, which is a finding where the data are
    read. Under `unicode` they are those of any script, with their marks, and in scripts without
    blanks every letter is one; English texts have the same words. What is said besides the answer
    costs a recall nothing: the truth followed by 500 other words scores 1. Source: Lin 2004; as in
    TOFU, arXiv 2401.06121.
    """
    return [score.recall for score in rouge_scores(records, definition.words)]


def rouge_scores(records: Records, words: Words) -> list[Any]:
    """ROUGE-L of each greedy answer: `precision`, `recall` and `fmeasure`, each in [0, 1]."""
    # Imported here: it loads nltk, which takes longer than all other metrics together.
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rougeL"], tokenizer=_Tokenizer(words))
    return [scorer.score(record.answer, record.generated)["rougeL"] for record in records]


@dataclass(frozen=True)
class _Tokenizer:
    """Words of a text for the scorer, English ones by their stems, as by the scorer's own."""

    words: Words

    def tokenize(self, text: str) -> list[str]:
        """The words of a text."""
        return [
            _stem(word) if word.isascii() and len(word) > _UNSTEMMED else word
            for word in words_of(text, self.words)
        ]


@cache
def _stem(word: str) -> str:
    """The stem of an English word; all answers of a dataset have few different ones."""
    stem: str = _stemmer().stem(word)
    return stem


@cache
def _stemmer() -> Any:
    from nltk.stem.porter import PorterStemmer

    return PorterStemmer()
