"""What a suite's trainings take in memory: the trainings themselves, on models without weights.

Before a run there is neither a tokenizer nor data: a word is a token here, all samples are as long.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from clearbench.config.files import Shape
from clearbench.config.settings import FinetuneSettings, ModelUse, Training, UnlearnSettings
from clearbench.data.store import TrainSample
from clearbench.domains.language.unlearn import unlearn_longest
from clearbench.errors import UserError
from clearbench.jobs.state import State
from clearbench.methods.base import Method
from clearbench.models.answers import IGNORED, Answers
from clearbench.models.build import build_shape
from clearbench.models.checkpoint import Model, leave_as_trained, prepare_training
from clearbench.models.encoding import Asked, Example, Prompt
from clearbench.models.forward import unwrapped
from clearbench.models.weightless import weightless
from clearbench.training import finetune as training_of_answers
from clearbench.training.memory import Held, SampleSize, count
from clearbench.training.references import stored_answers
from clearbench.training.views import Sets

_TOKEN = 1


def finetuning(
    shape: Shape, settings: FinetuneSettings, size: SampleSize, whole: bool = False
) -> int:
    """The most bytes that a fine-tuning takes; of a base that is built here, the `whole` model."""
    use, training = settings.model, settings.training
    if whole:
        use = use.model_copy(update={"precision": "float32"})
    built = _built(shape, use)
    encoder = _Words(built.config, size)
    model = built if whole else _prepared(built, use, training.weights)

    def train(ours: Model, training: Training, _: Held) -> None:
        samples = _samples(size, "x", training.batch_size * training.accumulation)
        training_of_answers.finetune(ours, encoder, samples, training, 0, State())  # type: ignore[arg-type]

    return count(model, training, train)


def unlearning(
    shape: Shape,
    settings: UnlearnSettings,
    method: Method,
    trained: str,
    size: SampleSize,
    stored: bool,
) -> int:
    """The most bytes that an unlearning takes, of an original whose `trained` weights were.

    With `stored`, what the original says of the samples' own answers is read.
    """
    use, training = settings.model, settings.training
    original = _built(shape, use)
    leave_as_trained(original, trained, use.lora, use.frozen)
    before = weightless(original)
    encoder = _Words(original.config, size)
    model = _prepared(original, use, training.weights)
    step = max(2, training.batch_size * training.accumulation)
    forget, retain = (_samples(size, part, step) for part in ("forget", "retain"))
    sets = Sets(
        forget,
        retain,
        encoder,  # type: ignore[arg-type]
        torch.device("cpu"),
        shares_prompts=use.attention == "sdpa",
        references=_Stored(encoder, model) if stored else None,  # type: ignore[arg-type]
        alternates={sample.id: [sample.answer] for sample in forget},
        as_published=method.as_published,
        spared=retain,
    )
    return count(model, training, partial(unlearn_longest, method, sets, before, 0))


def _built(shape: Shape, use: ModelUse) -> PreTrainedModel:
    # What runs on a GPU alone keeps as much for its backward pass as sdpa does.
    attention = "sdpa" if use.attention == "flash_attention_2" else use.attention
    return build_shape(shape, use.domain, use.precision, attention)


def _prepared(model: PreTrainedModel, use: ModelUse, weights: str) -> Model:
    return prepare_training(model, weights, use.lora, use.frozen, use.gradient_checkpointing)


def _samples(size: SampleSize, part: str, count: int) -> list[TrainSample]:
    """Samples of as many persons, no two of which have one question or answer."""
    return [
        TrainSample(
            *(f"{part}/{number}", "qa", "text" if size.picture is None else "visual"),
            person=f"{part} {number}",
            question=" ".join([f"{part}{number}"] * size.prompt),
            # One more token ends it.
            answer=" ".join([f"{part}{number}"] * max(1, size.answer - 1)),
            image=None if size.picture is None else number,
        )
        for number in range(count)
    ]


@dataclass(frozen=True)
class _Words:
    """Encodes what training asks an `Encoder` for, by words."""

    config: Any
    size: SampleSize
    padding: int = 0

    def sequences(self, asked: Sequence[tuple[Asked, str]]) -> list[Example]:
        """Prompts, each with its answer and a token that ends it."""
        return [self._example(question, image, answer) for (question, image), answer in asked]

    def _example(self, question: str, image: int | None, answer: str) -> Example:
        text = torch.full((len(question.split()),), _TOKEN)
        prompt = Prompt({}, question, text)
        if image is not None:
            count, inputs = self._picture
            ids = torch.cat([torch.full((count,), self._image_token), text])
            kinds = {"mm_token_type_ids": (ids == self._image_token).long()[None]}
            placed = kinds if "image_grid_thw" in inputs else {}
            prompt = Prompt({}, question, ids, placed, inputs)
        tail = torch.full((len(answer.split()) + 1,), _TOKEN)
        labels = torch.cat([torch.full_like(prompt.ids, IGNORED), tail])
        return Example(prompt, torch.cat([prompt.ids, tail]), labels)

    @property
    def _image_token(self) -> int:
        token: int = self.config.image_token_id
        return token

    @cached_property
    def _picture(self) -> tuple[int, dict[str, Tensor]]:
        """The tokens of a picture, and what a model is given of it; UserError for other models."""
        vision: Any = getattr(self.config, "vision_config", None)
        if hasattr(vision, "spatial_merge_size"):
            merged = vision.patch_size * vision.spatial_merge_size
            side = vision.spatial_merge_size * max(1, round((self.size.picture or 0) / merged))
            values = vision.in_channels * vision.temporal_patch_size * vision.patch_size**2
            grid = torch.tensor([[1, side, side]])
            pixels = torch.zeros(side**2, values)
            count = side**2 // vision.spatial_merge_size**2
            return count, {"pixel_values": pixels, "image_grid_thw": grid}
        if hasattr(vision, "image_size"):
            pixels = torch.zeros(1, 3, vision.image_size, vision.image_size)
            return (vision.image_size // vision.patch_size) ** 2, {"pixel_values": pixels}
        raise UserError(
            f"model of type {self.config.model_type}: how many tokens it gives a picture is not"
            " known before a run"
        )


class _Stored:
    """What an original says of samples' own answers, as `References` has it, without numbers."""

    def __init__(self, encoder: _Words, model: Model):
        self._encoder, self._model = encoder, unwrapped(model)
        self._head = weightless(self._model.get_output_embeddings())

    def weightless(self, model: Model, held: Any) -> "_Stored":
        """The same for a model without weights; `held` is told the output layer."""
        other = _Stored(self._encoder, model)
        held(other._head)
        return other

    def answers(self, samples: Sequence[TrainSample]) -> Answers:
        """The answers on a batch of samples."""
        examples = self._encoder.sequences([(sample.asked, sample.answer) for sample in samples])
        labels = [example.labels[example.labels != IGNORED] for example in examples]
        states = torch.empty(
            sum(map(len, labels)), self._model.config.get_text_config().hidden_size
        )
        return stored_answers(self._model, self._head, states.to(self._model.dtype), labels)
