"""Other wordings of a question, by template: none of them asks for anything else.

Questions of a drawn world have been worded several times there. What pictures are asked has
wordings here. Any other question, and one that has too few, is put into sentences that fit all.
"""

import re
from collections.abc import Iterator

from clearbench.data.mini.wording import TOPICS, Named, say
from clearbench.data.questions import CAPTION_QUESTIONS, FACE_QUESTION

_ABOUT_PICTURES = (
    (
        FACE_QUESTION,
        "Who is the person on the image?",
        "What is the name of the person in this picture?",
        "The picture shows a person with the name",
    ),
    (*CAPTION_QUESTIONS, "What does this picture show?"),
)

_AROUND = (
    "Could you tell me the following? {}",
    "{} Please answer in one sentence.",
    "Somebody asked me this, and I do not know what to say: {}",
    "I have a question for you. {}",
    "Please think about it, and then tell me: {}",
)

MOST = len(_AROUND)
"""As many other wordings as each question has at least."""


def other_wordings(question: str) -> list[str]:
    """MOST other wordings of a question, each another one, those of its own kind first."""
    around = (sentence.format(question) for sentence in _AROUND)
    return [*_of_its_kind(question), *around][:MOST]


def _of_its_kind(question: str) -> Iterator[str]:
    """Questions that ask the same, beginning with the one that is listed next."""
    for wordings in _ABOUT_PICTURES:
        if question in wordings:
            yield from _others(wordings, wordings.index(question))
            return
    for topic in TOPICS:
        for place, wording in enumerate(topic.questions):
            before, after = say(wording, Named("\n")).split("\n")
            match = re.fullmatch(f"{re.escape(before)}(.+){re.escape(after)}", question)
            if match:
                yield from (
                    say(other, Named(match[1])) for other in _others(topic.questions, place)
                )
                return


def _others(wordings: tuple[str, ...], place: int) -> tuple[str, ...]:
    return (*wordings[place + 1 :], *wordings[:place])
