"""What a method sees of faces: a picture is the question, and who it shows the one-token answer.

So a method that is a loss on answers is the same loss on identities.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from clearbench.data.faces import Face
from clearbench.methods.base import Asked
from clearbench.models.answers import Answers
from clearbench.models.faces import FaceModel, Pixels

Batch = dict[str, Tensor]


@dataclass(frozen=True)
class FaceSets:
    """The forget and the retain set of a cell; implements `training.unlearn.Task`.

    `persons` are those of the original's head, which all answers are among.
    """

    forget: Sequence[Face]
    retain: Sequence[Face]
    persons: Sequence[str]
    pixels: Pixels
    device: torch.device

    def lengths(self, part: str) -> list[int]:
        """All alike."""
        return [1] * len(self.forget if part == "forget" else self.retain)

    def batches(self, forget: list[int], retain: list[int], seed: int) -> "FaceBatches":
        """The batches of a step."""
        return FaceBatches(self, forget, retain, seed)

    def answers(
        self, model: FaceModel, batches: "FaceBatches", asked: Sequence[Asked], layer: int | None
    ) -> list[Answers]:
        """Identity logits, embeddings and, where a layer is asked for, its averaged output."""
        return [self._answers(model, batches.batch(one), layer) for one in asked]

    def stored(self, batches: "FaceBatches", asked: Asked) -> None:
        """None: faces are quickly run."""

    def _answers(self, model: FaceModel, batch: Batch, layer: int | None) -> Answers:
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
    """The batches of one step, each made when first asked for.

    `forget` and `retain` are numbers of pictures. Other persons are drawn from a generator of the
    step's own seed, so that what one view asks for changes nothing for another.
    """

    def __init__(self, sets: FaceSets, forget: list[int], retain: list[int], seed: int):
        self._sets = sets
        self._forget = [sets.forget[i] for i in forget]
        self._retain = [sets.retain[i] for i in retain]
        self._seed = seed
        self._rows = {person: row for row, person in enumerate(sets.persons)}
        self._batches: dict[Asked, Batch] = {}

    def batch(self, asked: Asked) -> Batch:
        """What is asked: `idk` are the forget pictures, each with another person of the head."""
        if asked not in self._batches:
            self._batches[asked] = self._make(asked)
        return self._batches[asked]

    def _make(self, asked: Asked) -> Batch:
        if asked == "forget":
            return self._batch(self._forget, self._own(self._forget))
        if asked == "retain":
            return self._batch(self._retain, self._own(self._retain))
        if asked == "flipped":
            batch = self.batch("forget")
            return {**batch, "pixels": batch["pixels"].flip(-1)}
        if asked == "idk":
            return self._others(1, self._sets.persons)
        # Mismatched: with other forget persons.
        return self._others(asked, list(dict.fromkeys(face.person for face in self._sets.forget)))

    def _own(self, faces: Sequence[Face]) -> list[int]:
        return [self._rows[face.person] for face in faces]

    def _others(self, k: int, persons: Sequence[str]) -> Batch:
        generator = torch.Generator().manual_seed(self._seed)
        places = {person: place for place, person in enumerate(persons)}
        faces = [face for face in self._forget for _ in range(k)]
        # A shift by 1..size-1 never gives the person itself.
        shifts = torch.randint(1, max(2, len(persons)), (len(faces),), generator=generator)
        others = [
            persons[(places[face.person] + shift) % len(persons)]
            for face, shift in zip(faces, shifts.tolist(), strict=True)
        ]
        return self._batch(faces, [self._rows[person] for person in others])

    def _batch(self, faces: Sequence[Face], rows: Sequence[int]) -> Batch:
        return {
            "pixels": self._sets.pixels.batch([f.image for f in faces]).to(self._sets.device),
            "labels": torch.tensor(rows, device=self._sets.device),
        }
