"""VQA's accuracy: how many of ten people gave the greedy answer."""

from collections.abc import Callable

from clearbench.data.words import words_of
from clearbench.metrics.base import Records, Values, task_metric

ENOUGH = 3
"""So many people of ten make an answer wholly right."""

_ARTICLES = {"a", "an", "the"}
_NUMBERS = (
    *("none", "zero", "one", "two", "three", "four"),
    *("five", "six", "seven", "eight", "nine", "ten"),
)
_DIGITS = {word: str(max(0, place - 1)) for place, word in enumerate(_NUMBERS)}


@task_metric(low=0, high=1, better="up", better_on_forget="down")
def vqa_accuracy(records: Records) -> Values | None:
    """Mean of min(n/3, 1), where n people of ten gave the greedy answer.

    Answers are the same in the same words, without case, marks, articles and apostrophes, and with
    digits for the numbers up to ten. None without people's answers. Source: arXiv 1505.00468.
    """
    return _scored(records, lambda n, people: min(n / ENOUGH, 1))


@task_metric(low=0, high=1, better="up", better_on_forget="down")
def vqa_accuracy_of_nine(records: Records) -> Values | None:
    """The same as VQA's code has it: the mean over all ways of leaving out one person.

    Of ten, min(0.3·n, 1). None without people's answers. Source: arXiv 1612.00837.
    """

    def score(n: int, people: int) -> float:
        without = n * min((n - 1) / ENOUGH, 1) if n else 0
        return (without + (people - n) * min(n / ENOUGH, 1)) / people

    return _scored(records, score)


def _scored(records: Records, score: Callable[[int, int], float]) -> Values | None:
    if not records[0].answers:
        return None
    return [
        score(sum(_plain(answer) == _plain(r.generated) for answer in r.answers), len(r.answers))
        for r in records
    ]


def _plain(text: str) -> list[str]:
    """The words that are compared; all of a text that has nothing but articles."""
    words = words_of(text.replace("'", "").replace("’", ""), "unicode")
    kept = [_DIGITS.get(word, word) for word in words if word not in _ARTICLES]
    return kept or words
