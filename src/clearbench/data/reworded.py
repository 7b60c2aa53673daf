"""A store whose questions are asked in other words."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from clearbench.data.store import EvalSample, Store


class Reworded(Store):
    """A store whose evaluation asks what `word` makes of each question; answers stay."""

    def __init__(self, folder: Path, word: Callable[[str], str]):
        super().__init__(folder)
        self._word = word

    def evaluation(self, forget_size: int) -> list[EvalSample]:
        """The samples with other questions, in the dataset's order."""
        samples = super().evaluation(forget_size)
        return [replace(sample, question=self._word(sample.question)) for sample in samples]
