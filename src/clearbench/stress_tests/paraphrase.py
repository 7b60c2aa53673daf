"""Paraphrase: models are asked the same in other words, each wording a point."""

from functools import partial
from typing import ClassVar

from pydantic import Field

from clearbench.data.other_wordings import MOST, other_wordings
from clearbench.data.reworded import Reworded
from clearbench.data.store import Store
from clearbench.stress_tests import StressTest


class Test(StressTest):
    """In how many other wordings each question is asked: a fact may be lost in one alone.

    In a drawn world they are its own wordings of the same question, of which a person's texts were
    learnt in two of three; of the questions about pictures there are some more. Any other question
    stands within a sentence, such as "Could you tell me the following?". Answers stay as they are.
    """

    VARIANTS: ClassVar[bool] = True

    wordings: int = Field(3, ge=1, le=MOST, description="other wordings of each question")

    @property
    def points(self) -> tuple[str, ...]:
        """The wordings by number, from `wording1` on."""
        return tuple(f"wording{number + 1}" for number in range(self.wordings))

    def asked(self, store: Store, point: str) -> Store:
        """The same in other words."""
        return Reworded(store.folder, partial(_worded, self.points.index(point)))


def _worded(number: int, question: str) -> str:
    return other_wordings(question)[number]
