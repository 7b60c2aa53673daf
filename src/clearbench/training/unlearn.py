"""Unlearning: a method, a model and the two sets, brought together step by step."""

import itertools
from collections.abc import Callable, Iterator
from functools import partial
from typing import cast

import torch
from peft import PeftModel
from torch import Tensor, nn
from transformers import PreTrainedModel

from clearbench.config.settings import Training
from clearbench.jobs.state import State
from clearbench.methods.base import Choice, Constraint, Loss, Method
from clearbench.models.neurons import Rows, rows_in_training, zero
from clearbench.models.precise_linear import whole_weights
from clearbench.training.batches import batches_per_epoch, endless_batches, paired
from clearbench.training.dual import Dual
from clearbench.training.loop import Share, minimise
from clearbench.training.model_view import ModelView
from clearbench.training.neurons import Survey
from clearbench.training.sets import ForgetAndRetain
from clearbench.training.student import Reference, Student
from clearbench.training.trial import checked_loss


class Unlearner:
    """Trains a model by a method; implements `methods.base.Trainer`.

    An epoch is a pass over the forget set; each step of it goes with one through the retain set, so
    that all methods of a suite take the same number of steps. Either has `batch_size` times
    `accumulation` samples, or fewer at the end of a pass over its set. The loss of a step is that
    of all its samples in one batch, however they are split; of variants `as_published` it is the
    mean over the batches. `load_original` gives the
    frozen original anew; with an adapter it is never called, since the original is the same
    weights with the adapter off.

    Each call of `minimise` is a loop of `state`. One that an earlier attempt finished leaves the
    weights alone, and so may whatever a method does after it: the last loop puts back all of them.
    `models` are those that a job trains one after the other, this one among them, where there are
    several: a saved state then has all of them.
    """

    def __init__(
        self,
        model: nn.Module,
        method: Method,
        sets: ForgetAndRetain,
        training: Training,
        seed: int,
        load_original: Callable[[], nn.Module],
        state: State | None = None,
        models: nn.Module | None = None,
    ):
        self.history: list[float] = []
        """The loss of each optimiser step so far."""
        self.loops = 0
        """The trainings so far."""
        self.samples = 0
        """The samples that they and the surveys went over."""
        self.student = Student(model, sets, method)
        self.reference = Reference(model, load_original, sets, method)
        self._model = model
        self._method = method
        self._sets = sets
        self._training = training
        self._seed = seed
        self._state = state or State()
        self._models = models or model

    def minimise(self, loss: Loss, constraint: Constraint | None = None) -> None:
        """Train by the suite's settings; raises DivergedError."""
        size = self._training.batch_size * self._training.accumulation
        count = self._training.epochs * batches_per_epoch(len(self._sets.forget), size)
        dual = None
        if constraint is not None:
            dual = Dual(constraint, count, self._method.as_published)
            loss = dual.added_to(loss)
        losses = self._losses(loss, count, size)
        self.loops += 1
        self.samples += self._training.epochs * len(self._sets.forget)
        self.history += minimise(self._models, losses, count, self._training, self._state, dual)

    def negate_update(self, scale: float = 1.0) -> None:
        """Replace θ by θ₀ - scale·(θ - θ₀); of an adapter's product B·A it is enough to scale B."""
        with torch.no_grad():
            if isinstance(self._model, PeftModel):
                for name, parameter in self._model.named_parameters():
                    if "lora_B" in name:
                        parameter.mul_(-scale)
                return
            original = whole_weights(self.reference.model)
            for name, parameter in self._model.named_parameters():
                if parameter.requires_grad:
                    parameter.copy_((1 + scale) * original[name] - scale * parameter)

    def neurons_by_activity(self, choose: Choice, threshold: float) -> Rows:
        """The neurons that `choose` takes, after a pass over both sets."""
        self.samples += len(self._sets.lengths("forget")) + len(self._sets.lengths("retain"))
        return self._survey().by_activity(choose, threshold)

    def neurons_by_influence(self, count: int, steps: int) -> Rows:
        """The neurons that the answer of some forget sample owes most to."""
        self.samples += len(self._sets.forget)
        return self._survey().by_influence(count, steps)

    def zero(self, neurons: Rows) -> None:
        """Set the rows and biases of neurons to zero."""
        zero(self._model, neurons)

    def minimise_rows(self, loss: Loss, neurons: Rows) -> None:
        """Train the rows and biases of some neurons; raises DivergedError."""
        with rows_in_training(self._model, neurons):
            self.minimise(loss)

    def _survey(self) -> Survey:
        self.loops += 1
        model = cast(PreTrainedModel, self._model)
        return Survey(model, self._sets, self._training, self._state)

    def _losses(self, loss: Loss, count: int, size: int) -> Iterator[list[Share]]:
        generator = torch.Generator().manual_seed(self._seed)
        forget = endless_batches(self._sets.lengths("forget"), size, generator)
        retain = endless_batches(self._sets.lengths("retain"), size, generator)
        published = self._method.as_published
        # The first batches of a step have samples of both sets.
        first, further = (checked_loss(self._method, loss, whole) for whole in (True, False))
        steps = itertools.islice(zip(forget, retain, strict=False), count)
        for step, (forgotten, kept) in enumerate(steps):
            whole = self._sets.batches(forgotten, kept, self._seed + step)
            pairs = paired(len(forgotten), len(kept), self._training.batch_size, published)
            share, shares = 1 / len(pairs), list[Share]()
            for ours, theirs in pairs:
                batches = whole if len(pairs) == 1 else whole.part(ours, theirs)
                student, reference = (
                    ModelView(model, batches, self._seed, published, share)
                    for model in (self.student, self.reference)
                )
                checked = further if shares else first
                if published:
                    shares.append(partial(_mean_share, checked, share, student, reference))
                else:
                    shares.append(partial(checked, student, reference))
            yield shares


def _mean_share(loss: Loss, share: float, student: ModelView, reference: ModelView) -> Tensor:
    """The loss of a batch as a share of the mean over the batches of its step."""
    return loss(student, reference) * share
