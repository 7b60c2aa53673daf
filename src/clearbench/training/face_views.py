"""What a method sees of faces: a picture is the question, and who it shows the one-token answer.

So a method that is a loss on answers is the same loss on identities.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor, nn

from clearbench.data.faces import Face
from clearbench.errors import UserError
from clearbench.methods.batches import (
    ALTERNATE,
    FLIPPED,
    FORGET,
    IDK,
    RETAIN,
    RETAIN_IDK,
    Batch,
    of_retain,
)
from clearbench.models.answers import Answers, Totals
from clearbench.models.faces import FaceModel, Pixels

Tensors = dict[str, Tensor]


@dataclass(frozen=True)
class FaceSets:
    """The forget and the retain set of a cell; implements `training.sets.ForgetAndRetain`.

    `persons` are those of the original's head, which all answers are among.
    """

    forget: Sequence[Face]
    retain: Sequence[Face]
    persons: Sequence[str]
    pixels: Pixels
    device: torch.device

    @property
    def spared(self) -> Sequence[Face]:
        """None: all pictures of a forgotten person are forgotten."""
        return ()

    def retaining(self, samples: Sequence[Face]) -> "FaceSets":
        """The same with other pictures in the place of the retain set's."""
        return replace(self, retain=samples)

    @cached_property
    def shown(self) -> Mapping[int, set[str]]:
        """The persons on each picture: several, where a dataset tolerates that."""
        persons: dict[int, set[str]] = {}
        for face in (*self.forget, *self.retain):
            persons.setdefault(face.image, set()).add(face.person)
        return persons

    def lengths(self, part: str) -> list[int]:
        """All alike."""
        return [1] * len(self.forget if part == "forget" else self.retain)

    def batches(self, forget: list[int], retain: list[int], seed: int) -> "FaceBatches":
        """The samples of a step, as one batch of each kind."""
        step = _Step(self, forget, retain, seed)
        return FaceBatches(self, step, slice(0, len(forget)), slice(0, len(retain)))

    def answers(
        self, model: FaceModel, batches: "FaceBatches", asked: Sequence[Batch], layer: int | None
    ) -> list[Answers]:
        """Identity logits, embeddings and, where a layer is asked for, its averaged output."""
        return [
            self._answers(model, batches.batch(one), layer)
            if batches.size(one)
            else Answers.none(self.device)
            for one in asked
        ]

    def layer(self, model: FaceModel, number: int) -> nn.Module:
        """A stage, or a block."""
        return model.layer(number)

    def stored(self, batches: "FaceBatches", asked: Batch) -> None:
        """None: faces are quickly run."""

    def _answers(self, model: FaceModel, batch: Tensors, layer: int | None) -> Answers:
        with model.watched(layer) as captured:
            embeddings = model(batch["pixels"])
        return Answers(
            project=lambda: model.identity_logits(embeddings),
            labels=batch["labels"],
            sample=torch.arange(len(embeddings), device=embeddings.device),
            size=len(embeddings),
            hidden=captured[0] if captured else None,
            embeddings=embeddings,
        )


class FaceBatches:
    """The batches of a step, or of a part of it, each made when first asked for."""

    def __init__(self, sets: FaceSets, step: "_Step", forget: slice, retain: slice):
        self._sets = sets
        self._step = step
        self._forget, self._retain = forget, retain
        self._batches: dict[Batch, Tensors] = {}

    def part(self, forget: slice, retain: slice) -> "FaceBatches":
        """The batches of some pictures of the step."""
        return FaceBatches(self._sets, self._step, forget, retain)

    def totals(self, asked: Batch) -> Totals:
        """What the whole step has of what is asked: a picture is a sample of one token."""
        faces, _ = self._step.shown(asked)
        return Totals((1,) * len(faces))

    def size(self, asked: Batch) -> int:
        """The number of pictures in the batch."""
        rows = self._rows(asked)
        return rows.stop - rows.start

    def batch(self, asked: Batch) -> Tensors:
        """What is asked: refusals are the pictures, each with another person of the head."""
        if asked not in self._batches:
            self._batches[asked] = self._make(asked)
        return self._batches[asked]

    def _make(self, asked: Batch) -> Tensors:
        if asked == FLIPPED:
            batch = self.batch(FORGET)
            return {**batch, "pixels": batch["pixels"].flip(-1)}
        (faces, persons), rows = self._step.shown(asked), self._rows(asked)
        places = {person: row for row, person in enumerate(self._sets.persons)}
        images = [face.image for face in faces[rows]]
        labels = [places[person] for person in persons[rows]]
        return {
            "pixels": self._sets.pixels.batch(images).to(self._sets.device),
            "labels": torch.tensor(labels, device=self._sets.device),
        }

    def _rows(self, asked: Batch) -> slice:
        """The batch's part of the step's pictures, of which there may be several a question."""
        rows = self._retain if of_retain(asked) else self._forget
        return slice(rows.start * asked.answers, rows.stop * asked.answers)


class _Step:
    """All pictures of a step with the persons that they are said to show.

    `forget` and `retain` are numbers of pictures. Other persons are drawn from a generator of the
    step's own seed, so that what one view asks for changes nothing for another, and neither does
    how the step is split.
    """

    def __init__(self, sets: FaceSets, forget: list[int], retain: list[int], seed: int):
        self._sets = sets
        self._forget = [sets.forget[i] for i in forget]
        self._retain = [sets.retain[i] for i in retain]
        self._seed = seed

    def shown(self, asked: Batch) -> tuple[list[Face], list[str]]:
        """Pictures and persons of what is asked."""
        if asked == RETAIN:
            return self._retain, [face.person for face in self._retain]
        if asked in (IDK, RETAIN_IDK):
            asked_of = self._forget if asked == IDK else self._retain
            return self._others(asked_of, self._sets.persons)
        if asked.name == "mismatched":
            # Mismatched: with other forget persons.
            forgotten = list(dict.fromkeys(face.person for face in self._sets.forget))
            copies = [face for face in self._forget for _ in range(asked.answers)]
            return self._others(copies, forgotten)
        if asked == ALTERNATE:
            raise ValueError(f"{asked}: not of pictures; its method serves language models alone")
        return self._forget, [face.person for face in self._forget]

    def _others(self, faces: list[Face], persons: Sequence[str]) -> tuple[list[Face], list[str]]:
        """Faces, and for each another person than those on its picture."""
        generator = torch.Generator().manual_seed(self._seed)
        places = {person: place for place, person in enumerate(persons)}
        others = []
        for face in faces:
            start = places[face.person] + 1
            wrong = [
                person
                for person in (*persons[start:], *persons[:start])
                if person not in self._sets.shown[face.image]
            ]
            if not wrong:
                raise UserError(
                    f"{face.id} ({face.person}): there is no other person to take this one for, and"
                    " the method trains on that; forget several persons, or leave it out"
                )
            others.append(wrong[int(torch.randint(len(wrong), (), generator=generator))])
        return faces, others
