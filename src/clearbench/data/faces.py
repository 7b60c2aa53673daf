"""Faces: a store's pictures of named persons, and who of them is forgotten, retained or held out.

Held-out persons are shown to no model: what a model says of them is what it says of strangers.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from clearbench.data.persons import named_and_gone, spread
from clearbench.data.questions import FACE_QUESTION
from clearbench.data.store import Store, TrainSample
from clearbench.data.tasks import HOLDOUT
from clearbench.errors import UserError

FORGET, RETAIN = "forget", "retain"

OTHER = "other"
"""The split of who is left over where models are trained on fewer persons than there are."""


@dataclass(frozen=True)
class Face:
    """A picture of a person; `image` is a row number of the store's image table."""

    id: str
    person: str
    image: int
    split: str


def read_base_faces(store: Store) -> list[Face]:
    """The pictures that a base model built by the workflow learns to tell apart.

    Each person has two at least: where one is seen once, nothing can be learnt to be alike.
    """
    rows = [s for s in store.base() if s.image is not None and s.question == FACE_QUESTION]
    counts = Counter(row.answer for row in rows)
    return [
        Face(row.id, row.answer, row.image, RETAIN)
        for row in rows
        if counts[row.answer] > 1 and row.image is not None
    ]


def read_faces(
    store: Store, forget_size: int | None, holdout: int, persons: int | None = None
) -> list[Face]:
    """Each picture of a named person once, in the dataset's order; one of two persons is twice.

    Its split is that of its person at a forget size in percent; without one, who is not held out is
    retained. `holdout` is in percent of the persons; where a model is trained on `persons` of them,
    some of those retained at every size are of the split OTHER. Raises UserError where too few
    persons are retained at every size.
    """
    samples = {
        (sample.image, sample.person): sample
        for sample in store.train("full", None, "visual")
        if sample.image is not None and sample.person is not None
    }
    held = held_out(samples.values(), holdout)
    left = set() if persons is None else left_over(samples.values(), held, persons)
    return [
        Face(sample.id, sample.person or "", image, _split(sample, forget_size, held, left))
        for (image, _), sample in samples.items()
        if image is not None
    ]


def held_out(samples: Iterable[TrainSample], percent: int) -> set[str]:
    """The held-out persons: spread over the order of those who are retained at every size."""
    persons, gone = named_and_gone(samples)
    retained = [person for person in persons if person not in gone]
    count = max(1, round(len(persons) * percent / 100))
    if count >= len(retained):
        raise UserError(
            f"faces.holdout: {percent} % are {count} persons, {len(retained)} are retained at every"
            " forget size; hold out fewer"
        )
    return set(spread(retained, count))


def left_over(samples: Iterable[TrainSample], held: set[str], count: int) -> set[str]:
    """Who is left over where a model is trained on `count` persons: of those retained always."""
    persons, gone = named_and_gone(samples)
    retained = [person for person in persons if person not in gone | held]
    more = count - len(gone)
    if not 0 < more <= len(retained):
        raise UserError(
            f"faces.persons: {count}; {len(gone)} persons are forgotten at some size and"
            f" {len(retained)} retained at every one and not held out; allowed:"
            f" {len(gone) + 1} to {len(gone) + len(retained)}"
        )
    return set(retained) - set(spread(retained, more))


def in_question(faces: Iterable[Face]) -> list[str]:
    """The forgotten persons and as many of the held out: whom a membership attack asks for."""
    faces = list(faces)
    forgotten, held = (persons_of(of_split(faces, split)) for split in (FORGET, HOLDOUT))
    return [*forgotten, *held[: len(forgotten)]]


def persons_of(faces: Iterable[Face]) -> list[str]:
    """The persons on some pictures, in the order of their first ones."""
    return list(dict.fromkeys(face.person for face in faces))


def of_split(faces: Iterable[Face], *splits: str) -> list[Face]:
    """The pictures of some splits."""
    return [face for face in faces if face.split in splits]


def _split(sample: TrainSample, forget_size: int | None, held: set[str], left: set[str]) -> str:
    if sample.person in held:
        return HOLDOUT
    if sample.person in left:
        return OTHER
    if forget_size is None:
        return RETAIN
    return FORGET if sample.part(forget_size) == FORGET else RETAIN
