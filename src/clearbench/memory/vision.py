"""What a suite's trainings take in memory: the trainings themselves, on models without weights."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from clearbench.config.files import Shape
from clearbench.config.settings import FinetuneSettings, Training, UnlearnSettings
from clearbench.data.faces import FORGET, RETAIN, Face
from clearbench.jobs.state import State
from clearbench.methods.base import Method
from clearbench.models.checkpoint import freeze
from clearbench.models.faces import FaceModel, build_face_model
from clearbench.models.weightless import weightless
from clearbench.training.face_views import FaceSets
from clearbench.training.faces import train_faces
from clearbench.training.memory import Held, SampleSize, count
from clearbench.training.unlearn import Unlearner

_SIDE = 224
"""The pixels of a side where the configuration says none, as a ResNet's."""


def finetuning(
    shape: Shape, settings: FinetuneSettings, size: SampleSize, whole: bool = False
) -> int:
    """The most bytes that a fine-tuning takes; of a base that is built here, the `whole` model."""
    training = settings.training
    model = _built(shape, "" if whole else settings.model.frozen, size)
    pixels = _Blank(_side(model))

    def train(ours: FaceModel, training: Training, _: Held) -> None:
        step = training.batch_size * training.accumulation
        train_faces(ours, pixels, _faces(size, RETAIN, step), training, 0, State())  # type: ignore[arg-type]

    return count(model, training, train)


def unlearning(
    shape: Shape,
    settings: UnlearnSettings,
    method: Method,
    trained: str,
    size: SampleSize,
    stored: bool,
) -> int:
    """The most bytes that an unlearning takes; nothing of faces is stored."""
    training = settings.training
    model = _built(shape, settings.model.frozen, size)
    model.fixed_statistics = True
    pixels = _Blank(_side(model))

    def train(ours: FaceModel, training: Training, held: Held) -> None:
        step = max(2, training.batch_size * training.accumulation)
        forget, retain = _faces(size, FORGET, step), _faces(size, RETAIN, step)
        sets = FaceSets(forget, retain, ours.persons, pixels, torch.device("cpu"))  # type: ignore[arg-type]
        original = weightless(model).requires_grad_(False)
        method.unlearn(Unlearner(ours, method, sets, training, 0, lambda: held.model(original)))

    return count(model, training, train)


def _built(shape: Shape, frozen: str, size: SampleSize) -> FaceModel:
    persons = [str(number) for number in range(size.persons)]
    with torch.device("meta"):
        model = build_face_model(shape.architecture, shape.config, size.width, persons, 0)
    freeze(model, frozen)
    return model


def _side(model: FaceModel) -> int:
    side: int = getattr(model.backbone.config, "image_size", _SIDE)
    return side


def _faces(size: SampleSize, split: str, count: int) -> list[Face]:
    """Pictures of as many persons as there are, one after the other; those of a split its own."""
    first = 0 if split == FORGET else count
    return [
        Face(f"{split}/{number}", str((first + number) % size.persons), first + number, split)
        for number in range(count)
    ]


@dataclass(frozen=True)
class _Blank:
    """Pictures as `Pixels` gives them, all of them black."""

    side: int

    def batch(self, images: Sequence[int]) -> Tensor:
        """Some pictures, (B, 3, H, W)."""
        return torch.zeros(len(images), 3, self.side, self.side)
