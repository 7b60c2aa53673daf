"""Questions by picture: what texts ask of a person by name, asked with a picture and no name.

A model can answer only by way of the face: none of the answers says the name either, else it would
lead to the fact by itself.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from typing import TypeVar

from pydantic import Field

from clearbench.config.strict import Positive, Strict
from clearbench.data.names import Names
from clearbench.data.normal_form import composed, normal_form
from clearbench.data.scripts import unspaced
from clearbench.data.store import EvalSample, TrainSample
from clearbench.data.tasks import FACE_QA, TEXT_QA
from clearbench.errors import UserError

PERSON = "the person in the picture"
OWNER = "this person's"

_Sample = TypeVar("_Sample", TrainSample, EvalSample)
_Pair = tuple[str, str]
"""A question and its answer, as the texts have them."""


class FaceQuestions(Strict):
    """Which questions by picture models learn, never with the picture of which they are asked."""

    learnt: int = Field(
        0,
        ge=0,
        le=100,
        description="percent of each person's questions, at even distances in their order",
    )
    pictures: Positive = Field(
        1, description="other pictures of the person with which each of these is learnt"
    )


def by_picture(
    train: Sequence[TrainSample], evaluation: Sequence[EvalSample], options: FaceQuestions
) -> tuple[list[TrainSample], list[EvalSample]]:
    """The texts about persons with pictures as questions by picture: those learnt, and those asked.

    A person's pictures take turns. Left out are texts whose question does not say the whole name,
    or whose answer says nothing else. UserError where nothing can be asked.
    """
    texts = _Texts((*train, *evaluation))
    learnt = [
        replace(sample, id=f"{sample.id}.{further}", modality="visual")
        for further in range(1, options.pictures + 1)
        for sample in texts.pictured(train, options.learnt, further)
    ]
    asked = [_without_names(sample) for sample in texts.pictured(evaluation)]
    asked = [sample for sample in asked if sample.perturbed]
    if not asked:
        raise UserError(
            "options: face_qa: nothing can be asked by picture; it needs texts whose question says"
            " the name of a person with a picture"
        )
    return learnt, asked


def nameless(text: str, name: str) -> str:
    """A text with the person in the picture in the place of a name, or of parts of it.

    As it is where it says none of them. Words of the name in small letters (`de`) are no part.
    """
    written = composed(text)

    def other(match: re.Match[str]) -> str:
        words = OWNER if match["own"] else PERSON
        before = written[: match.start()].rstrip(" '\"“«¿¡")
        first = not before or before[-1] in ".?!"
        return words[0].upper() + words[1:] if first else words

    changed = _said(composed(name)).sub(other, written)
    return text if changed == written else changed


class _Texts:
    """The texts that can be asked by picture, each person's in their order, and the pictures."""

    def __init__(self, samples: Sequence[TrainSample | EvalSample]):
        self._pictures: dict[str, dict[int, None]] = {}
        for sample in samples:
            if sample.person and sample.image is not None:
                self._pictures.setdefault(sample.person, {})[sample.image] = None
        self._places: dict[str, dict[_Pair, int]] = {person: {} for person in self._pictures}
        for sample in samples:
            if sample.task == TEXT_QA.name and sample.person in self._places:
                of_person = self._places[sample.person]
                if _is_asked_by_name(sample, sample.person):
                    of_person.setdefault((sample.question, sample.answer), len(of_person))

    def pictured(
        self, samples: Iterable[_Sample], percent: int = 100, further: int = 0
    ) -> Iterator[_Sample]:
        """The texts among samples as questions by picture, or `percent` of each person's.

        Each with its own picture, or one so many `further` of the person's; none that has come
        round to its own.
        """
        for sample in samples:
            person = sample.person or ""
            place = self._places.get(person, {}).get((sample.question, sample.answer))
            if sample.task != TEXT_QA.name or place is None:
                continue
            images = list(self._pictures[person])
            chosen = place * percent // 100 < (place + 1) * percent // 100
            if chosen and further < len(images):
                yield replace(
                    sample,
                    id=sample.id.removesuffix(TEXT_QA.name) + FACE_QA.name,
                    task=FACE_QA.name,
                    question=nameless(sample.question, person),
                    answer=nameless(sample.answer, person),
                    image=images[(place + further) % len(images)],
                )


def _is_asked_by_name(sample: TrainSample | EvalSample, person: str) -> bool:
    """Whether the question says the whole name, and the answer something else.

    Part of a name is said in questions that ask for the whole.
    """
    whole = Names([person]).said_in([sample.question])
    named = whole and nameless(sample.question, person) != sample.question
    return bool(named) and normal_form(nameless(sample.answer, person)) != PERSON


def _without_names(sample: EvalSample) -> EvalSample:
    """A question whose candidates say no name; of those that are then the same, one is left."""
    person = sample.person or ""
    paraphrase = nameless(sample.paraphrase, person)
    wrong = {normal_form(text): text for text in (nameless(w, person) for w in sample.perturbed)}
    for truth in (sample.answer, paraphrase):
        wrong.pop(normal_form(truth), None)
    return replace(sample, paraphrase=paraphrase, perturbed=tuple(wrong.values()))


@cache
def _said(name: str) -> re.Pattern[str]:
    """The name, or words of it in a row; the group `own` has what makes an owner of them."""
    words = sorted(name.split(), key=len, reverse=True)
    first = [word for word in words if len(word.rstrip(".")) > 1 and not word[0].islower()]
    every, one = ("|".join(map(re.escape, some)) for some in (words, first or words))
    before = "" if unspaced(name[0]) else r"(?<!\w)"
    after = "" if unspaced(name[-1]) else r"(?!\w)"
    row = rf"(?:(?:{every}) )*(?:{one})(?: (?:{every}))*"
    return re.compile(rf"{before}{row}{after}(?P<own>'s(?!\w))?")
