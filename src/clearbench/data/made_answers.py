"""Wrong answers where a dataset has none, made of what is true of others."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256

from clearbench.data.normal_form import normal_form

MOST = 5
"""How many are made, as many as TOFU has; fewer where others say no more different things."""

_NAME = "\0"


@dataclass(frozen=True)
class Said:
    """An answer about a person; `question` is None where a picture alone asks for it."""

    person: str
    name: str
    question: str | None
    answer: str

    @property
    def asked(self) -> str:
        """The question whoever it is about: its name is left out."""
        return "" if self.question is None else _nameless(self.question, self.name)


class OthersAnswers:
    """The answers about all persons, by what is asked."""

    def __init__(self, everything: Iterable[Said]):
        self._by_question: dict[str, list[Said]] = defaultdict(list)
        for said in everything:
            self._by_question[said.asked].append(said)

    def wrong(self, said: Said, first: Collection[str]) -> tuple[str, ...]:
        """Up to MOST different wrong answers.

        To a question they are what others answer to it, with this person's name; to a picture, this
        answer with the names of others, where it has the name.

        Those by the persons `first` come first: by persons whom a model has met if and only if it
        has met this one, so that it can't tell the truth by who is familiar. Which of them does not
        depend on how many others there are, nor on their order.
        """
        alike = self._by_question[said.asked]
        known = {normal_form(one.answer) for one in alike if one.person == said.person}
        others = [one for one in alike if one.person != said.person]
        others.sort(key=lambda other: (other.person not in first, _lot(said, other)))
        wrong: dict[str, str] = {}
        for answer in _answers(said, others):
            form = normal_form(answer)
            if form not in known:
                wrong.setdefault(form, answer)
        return tuple(wrong.values())[:MOST]


def _answers(said: Said, others: Iterable[Said]) -> Iterator[str]:
    """An answer for each of the others, by its facts or its name."""
    by_name = said.question is None and said.name in said.answer
    for other in others:
        if by_name:
            yield said.answer.replace(said.name, other.name)
        else:
            yield _nameless(other.answer, other.name).replace(_NAME, said.name)


def _nameless(text: str, name: str) -> str:
    return text.replace(name, _NAME)


def _lot(one: Said, other: Said) -> str:
    """A number of two statements that no third one moves."""
    texts = (one.person, one.question or "", other.person, other.answer)
    return sha256("\0".join(texts).encode()).hexdigest()
