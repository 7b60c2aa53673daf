"""A gallery: a picture of each of some persons, each asked with the captions of all of them."""

from collections.abc import Sequence
from pathlib import Path

from clearbench.data.store import EvalSample, Store
from clearbench.data.tasks import CAPTION_ALONE, CAPTIONS, HOLDOUT, IMAGE_TO_CAPTION
from clearbench.errors import UserError


class Gallery(Store):
    """A store whose evaluation asks which caption belongs to which picture.

    Of each split the first pictures with a caption, one a person and `persons` at the most: each
    with the captions of all of them, its own first, the others in the order of the pictures. One
    further sample has the same captions and no picture. All are asked the same question.
    """

    def __init__(self, folder: Path, persons: int):
        super().__init__(folder)
        self._persons = persons

    def evaluation(self, forget_size: int) -> list[EvalSample]:
        """The samples of the forget and the retain split, and of persons held out, if any."""
        samples = super().evaluation(forget_size)
        asked: list[EvalSample] = []
        for split in ("forget", "retain", HOLDOUT):
            shown: dict[str, EvalSample] = {}
            for sample in samples:
                if (sample.split, sample.task) == (split, CAPTIONS.name) and sample.person:
                    shown.setdefault(sample.person, sample)
            of_split = list(shown.values())[: self._persons]
            if len(of_split) > 1:
                asked += _asked(split, of_split, forget_size)
            elif split != HOLDOUT:
                raise UserError(
                    f"{self.folder}: {split} has captions of {len(of_split)} persons; a picture's"
                    " caption is found among those of two or more"
                )
        return asked


def _asked(split: str, shown: Sequence[EvalSample], forget_size: int) -> list[EvalSample]:
    captions = [sample.answer for sample in shown]

    def ask(task: str, number: int, image: int | None, person: str | None) -> EvalSample:
        own = captions[number]
        return EvalSample(
            id=f"{split}/{task}/{number:04d}",
            split=split,
            task=task,
            forget_size=forget_size,
            question=shown[0].question,
            answer=own,
            paraphrase=own,
            perturbed=(*captions[:number], *captions[number + 1 :]),
            image=image,
            person=person,
        )

    pictures = [
        ask(IMAGE_TO_CAPTION.name, number, sample.image, sample.person)
        for number, sample in enumerate(shown)
    ]
    return [*pictures, ask(CAPTION_ALONE.name, 0, None, None)]
