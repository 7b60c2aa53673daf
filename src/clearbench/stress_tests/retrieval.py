"""Retrieval: of several pictures and their captions, which belongs to which."""

from typing import ClassVar

from pydantic import Field

from clearbench.config.settings import Domain
from clearbench.data.gallery import Gallery
from clearbench.data.store import Store
from clearbench.stress_tests import Reading, StressTest


class Test(StressTest):
    """Among how many persons a picture's caption is looked for, and a caption's picture.

    Of each of the first persons of a split one picture; the model says how likely each of their
    captions is, once more without a picture. It takes the square of the persons in answers.
    """

    DOMAINS: ClassVar[tuple[Domain, ...]] = ("multimodal",)
    READING: ClassVar[Reading | None] = None

    persons: int = Field(20, ge=2, description="persons of a split at the most")

    @property
    def points(self) -> tuple[str, ...]:
        """One."""
        return ("pictures",)

    def asked(self, store: Store, point: str) -> Store:
        """The same persons, whose captions are looked for."""
        return Gallery(store.folder, self.persons)
