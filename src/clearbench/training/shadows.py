"""Shadow models: as the original, but of the persons in question each knows a random half."""

from collections.abc import Sequence

import torch
from torch import nn

from clearbench.data.faces import RETAIN, Face, of_split, persons_of
from clearbench.models.faces import FaceModel, Pixels
from clearbench.provenance.state import State
from clearbench.settings import Training
from clearbench.training.faces import train_faces


def membership(persons: Sequence[str], shadows: int) -> dict[str, list[int]]:
    """The numbers of the shadow models, of 0 to `shadows` - 1, that know each person.

    A random half for each person, drawn independently; the same persons give the same halves.
    """
    generator = torch.Generator().manual_seed(shadows)
    halves = (torch.randperm(shadows, generator=generator)[: shadows // 2] for _ in persons)
    return {person: sorted(half.tolist()) for person, half in zip(persons, halves, strict=True)}


def known_to(shadow: int, faces: Sequence[Face], known: dict[str, list[int]]) -> list[Face]:
    """The pictures that a shadow model is trained on: the retained, and its half of the others."""
    return [f for f in faces if f.split == RETAIN or shadow in known[f.person]]


def in_question(faces: Sequence[Face]) -> list[str]:
    """The persons of whom a shadow model knows half: the forgotten and the held out."""
    retained = set(persons_of(of_split(faces, RETAIN)))
    return [person for person in persons_of(faces) if person not in retained]


def train_shadows(
    numbers: Sequence[int],
    models: Sequence[FaceModel],
    pixels: Pixels,
    faces: Sequence[Face],
    shadows: int,
    training: Training,
    state: State,
) -> tuple[list[list[float]], list[int]]:
    """Train some of the shadow models, one after the other.

    Gives the losses of each and the number of pictures that each was shown.

    `models` has a fresh base for each. The seed of a model is its number, so it is the same
    whatever others the job trains.
    """
    known = membership(in_question(faces), shadows)
    shown = [known_to(number, faces, known) for number in numbers]
    for number, model, seen in zip(numbers, models, shown, strict=True):
        torch.manual_seed(number)
        model.set_persons(persons_of(seen))
    together = nn.ModuleList(models)
    histories = [
        train_faces(model, pixels, seen, training, number, state, together)
        for number, model, seen in zip(numbers, models, shown, strict=True)
    ]
    return histories, [len(seen) for seen in shown]
