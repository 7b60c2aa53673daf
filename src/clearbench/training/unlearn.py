"""Unlearning: a method, a model and the two sets, brought together step by step."""

import itertools
from collections.abc import Callable, Iterator
from functools import partial

import torch
from peft import PeftModel
from torch import Tensor

from clearbench.methods.base import Loss, Method
from clearbench.models.answers import Answers
from clearbench.models.checkpoint import Model
from clearbench.models.encoding import Example
from clearbench.models.forward import answers_of
from clearbench.provenance.state import State
from clearbench.settings import Training
from clearbench.training import memory
from clearbench.training.batches import batches_per_epoch, endless_batches
from clearbench.training.loop import minimise
from clearbench.training.views import ModelView, Sets, StepBatches


class Unlearner:
    """Trains a model by a method; implements `methods.base.Trainer`.

    An epoch is a pass over the forget set; each batch of it goes with a retain batch of the same
    size, so that all methods of a suite take the same number of steps. `load_original` gives the
    frozen original anew; with an adapter it is never called, since the original is the same
    weights with the adapter off.

    Each call of `minimise` is a loop of `state`. One that an earlier attempt finished leaves the
    weights alone, and so may whatever a method does after it: the last loop puts back all of them.
    """

    def __init__(
        self,
        model: Model,
        method: Method,
        sets: Sets,
        training: Training,
        seed: int,
        load_original: Callable[[], Model],
        state: State | None = None,
    ):
        self.history: list[float] = []
        """The loss of each optimiser step so far."""
        self._model = model
        self._layer = method.hidden_layer()
        self._sets = sets
        self._training = training
        self._seed = seed
        self._load_original = load_original
        self._state = state or State()
        self._original: Model | None = None

    def minimise(self, loss: Loss) -> None:
        """Train by the suite's settings; raises DivergedError."""
        size = self._training.batch_size
        memory.check(self._model, self._training, _longest(self._sets))
        count = self._training.epochs * batches_per_epoch(len(self._sets.forget), size)
        losses = self._losses(loss, count)
        self.history += minimise(self._model, losses, count, self._training, self._state)

    def negate_update(self) -> None:
        """Replace θ by θ₀ - (θ - θ₀); of an adapter's product B·A it is enough to negate B."""
        with torch.no_grad():
            if isinstance(self._model, PeftModel):
                for name, parameter in self._model.named_parameters():
                    if "lora_B" in name:
                        parameter.neg_()
                return
            original = dict(self._reference_model().named_parameters())
            for name, parameter in self._model.named_parameters():
                parameter.copy_(2 * original[name] - parameter)

    def _losses(self, loss: Loss, count: int) -> Iterator[Callable[[], Tensor]]:
        generator = torch.Generator().manual_seed(self._seed)
        size = self._training.batch_size
        forget = endless_batches(_lengths(self._sets, "forget"), size, generator)
        retain = endless_batches(_lengths(self._sets, "retain"), size, generator)
        steps = itertools.islice(zip(forget, retain, strict=False), count)
        for step, (forget_batch, retain_batch) in enumerate(steps):
            batches = StepBatches(self._sets, forget_batch, retain_batch, self._seed + step)
            student = ModelView(batches, self._student, self._seed)
            reference = ModelView(batches, self._reference, self._seed)
            yield partial(loss, student, reference)

    def _student(self, batch: dict[str, Tensor]) -> Answers:
        return answers_of(self._model, batch, self._layer)

    @torch.no_grad()
    def _reference(self, batch: dict[str, Tensor]) -> Answers:
        if isinstance(self._model, PeftModel):
            with self._model.disable_adapter():
                answers = answers_of(self._model, batch, self._layer)
        else:
            answers = answers_of(self._reference_model(), batch, self._layer)
        # Computed here, where no gradient is recorded; the projection runs on first use otherwise.
        _ = answers.log_probabilities
        return answers

    def _reference_model(self) -> Model:
        if self._original is None:
            # Loading may draw random numbers, at another step in a job that goes on than in one
            # that is never interrupted.
            with torch.random.fork_rng():
                self._original = self._load_original()
        return self._original


def _lengths(sets: Sets, part: str) -> list[int]:
    """Answer lengths in characters: close enough to put like with like, without encoding all."""
    samples = sets.forget if part == "forget" else sets.retain
    # Samples with an image are longer than any without.
    return [len(s.question) + len(s.answer) + 10_000 * (s.image is not None) for s in samples]


def _longest(sets: Sets) -> Iterator[Example]:
    """The longest sample of each set, by the same measure."""
    for part, samples in (("forget", sets.forget), ("retain", sets.retain)):
        lengths = _lengths(sets, part)
        sample = samples[lengths.index(max(lengths))]
        yield sets.encoder.sequence(sample.question, sample.image, sample.answer)
