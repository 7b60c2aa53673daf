"""The models of a membership attack: as the original, but each knows half of those in question."""

from collections.abc import Sequence

import torch
from torch import nn

from clearbench.config.settings import Training
from clearbench.data.faces import OTHER, RETAIN, Face, in_question, of_split, persons_of
from clearbench.jobs.state import State
from clearbench.models.faces import FaceModel, Pixels
from clearbench.training.faces import train_faces


def membership(rings: Sequence[Sequence[str]], models: int) -> dict[str, list[int]]:
    """The numbers of the models, of 0 to `models` - 1, that know each person in question.

    `rings` are the persons whom each forget size adds to those of the smaller ones. Of each ring a
    model of an even number knows a random half, and the next one the other: so a person is known to
    one of each such two, and of every size a model has as many to forget as there are persons
    forgotten. The same persons give the same halves.
    """
    generator = torch.Generator().manual_seed(models)
    known: dict[str, list[int]] = {person: [] for ring in rings for person in ring}
    for first in range(0, models, 2):
        for ring in rings:
            order = torch.randperm(len(ring), generator=generator).tolist()
            for place, row in enumerate(order):
                known[ring[row]].append(first + (place >= len(ring) // 2))
    return known


def rings(faces_of_sizes: Sequence[Sequence[Face]]) -> list[list[str]]:
    """Whom each forget size adds to the persons in question, the faces by size, smallest first."""
    groups: list[list[str]] = []
    seen: set[str] = set()
    for faces in faces_of_sizes:
        groups.append([person for person in in_question(faces) if person not in seen])
        seen.update(groups[-1])
    return groups


def known_to(
    number: int, faces: Sequence[Face], known: dict[str, list[int]], persons: int | None
) -> list[Face]:
    """The pictures that a model is trained on: of those in question whom it knows, and of others.

    Others are the retained; where it is trained on `persons` persons, so many at random of them and
    of those left over.
    """
    shown = {person for person, models in known.items() if number in models}
    others = persons_of(of_split(faces, RETAIN))
    if persons is not None:
        others = persons_of(of_split(faces, RETAIN, OTHER))
        generator = torch.Generator().manual_seed(number)
        order = torch.randperm(len(others), generator=generator).tolist()
        others = [others[row] for row in order[: persons - len(shown)]]
    shown.update(others)
    return [face for face in faces if face.person in shown]


def train_shadows(
    numbers: Sequence[int],
    models: Sequence[FaceModel],
    pixels: Pixels,
    shown: Sequence[Sequence[Face]],
    training: Training,
    state: State,
) -> list[list[float]]:
    """Train some of the models, one after the other; gives the losses of each.

    `models` has a fresh base for each of the `numbers`, and `shown` the pictures that it is trained
    on. The seed of a model is its number, so it is the same whatever others the job trains.
    """
    for number, model, seen in zip(numbers, models, shown, strict=True):
        torch.manual_seed(number)
        model.set_persons(persons_of(seen))
    together = nn.ModuleList(models)
    return [
        train_faces(model, pixels, seen, training, number, state, together)
        for number, model, seen in zip(numbers, models, shown, strict=True)
    ]
