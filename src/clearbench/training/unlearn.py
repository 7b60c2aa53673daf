"""Unlearning: a method, a model and the two sets, brought together step by step."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Protocol

import torch
from peft import PeftModel
from torch import Tensor, nn

from clearbench.config.settings import Training
from clearbench.jobs.state import State
from clearbench.methods.base import Asked, Loss, Method
from clearbench.models.answers import Answers
from clearbench.models.precise_linear import whole_weights
from clearbench.training.batches import batches_per_epoch, endless_batches, paired
from clearbench.training.loop import Share, minimise
from clearbench.training.model_view import ModelView
from clearbench.training.trial import checked_loss


class Task(Protocol):
    """The forget and the retain set of a cell, and how a domain's model is run on their batches."""

    @property
    def forget(self) -> Sequence[Any]: ...

    def lengths(self, part: str) -> list[int]:
        """What the samples of `forget` or `retain` take, in any unit: like goes with like."""

    def batches(self, forget: list[int], retain: list[int], seed: int) -> Any:
        """The samples of a step: as one batch of each kind, and, by `part`, as several.

        Each has the step's `totals` of what is asked.
        """

    def answers(
        self, model: Any, batches: Any, asked: Sequence[Asked], layer: int | None
    ) -> list[Answers]:
        """What a model says of some batches of a step; of more than one, to the same questions."""

    def stored(self, batches: Any, asked: Asked) -> Answers | None:
        """What the original says of a batch, where that is stored: with logits at the answers."""


Run = Callable[[nn.Module], list[Answers]]


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
        sets: Task,
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
        self._model = model
        self._method = method
        self._layer = method.hidden_layer()
        self._together = method.together()
        self._as_published = method.as_published
        self._sets = sets
        self._training = training
        self._seed = seed
        self._load_original = load_original
        self._state = state or State()
        self._models = models or model
        self._original: nn.Module | None = None

    def minimise(self, loss: Loss) -> None:
        """Train by the suite's settings; raises DivergedError."""
        size = self._training.batch_size * self._training.accumulation
        count = self._training.epochs * batches_per_epoch(len(self._sets.forget), size)
        losses = self._losses(loss, count, size)
        self.loops += 1
        self.history += minimise(self._models, losses, count, self._training, self._state)

    def negate_update(self) -> None:
        """Replace θ by θ₀ - (θ - θ₀); of an adapter's product B·A it is enough to negate B."""
        with torch.no_grad():
            if isinstance(self._model, PeftModel):
                for name, parameter in self._model.named_parameters():
                    if "lora_B" in name:
                        parameter.neg_()
                return
            original = whole_weights(self._reference_model())
            for name, parameter in self._model.named_parameters():
                if parameter.requires_grad:
                    parameter.copy_(2 * original[name] - parameter)

    def _losses(self, loss: Loss, count: int, size: int) -> Iterator[list[Share]]:
        generator = torch.Generator().manual_seed(self._seed)
        forget = endless_batches(self._sets.lengths("forget"), size, generator)
        retain = endless_batches(self._sets.lengths("retain"), size, generator)
        trained = [p for p in self._model.parameters() if p.requires_grad]
        # The first batches of a step have samples of both sets.
        first, further = (checked_loss(self._method, loss, whole) for whole in (True, False))
        steps = itertools.islice(zip(forget, retain, strict=False), count)
        for step, (forgotten, kept) in enumerate(steps):
            whole = self._sets.batches(forgotten, kept, self._seed + step)
            pairs = paired(len(forgotten), len(kept), self._training.batch_size, self._as_published)
            share, found = 1 / len(pairs), list[Share]()
            for ours, theirs in pairs:
                batches = whole if len(pairs) == 1 else whole.part(ours, theirs)
                lost, asking = self._as_published, self._asking(batches, self._student)
                student = ModelView(asking, self._seed, trained, lost, share)
                reference = ModelView(self._recalling(batches), self._seed, (), lost, share)
                checked = further if found else first
                if self._as_published:
                    found.append(partial(_mean_share, checked, share, student, reference))
                else:
                    found.append(partial(checked, student, reference))
            yield found

    def _asking(
        self, batches: Any, run: Callable[[Run], list[Answers]]
    ) -> Callable[[Asked], Answers]:
        """How a view of these batches asks a model, which `run` runs."""
        found: dict[Asked, Answers] = {}

        def ask(asked: Asked) -> Answers:
            if asked not in found:
                group = self._together if asked in self._together else (asked,)
                said = run(lambda model: self._sets.answers(model, batches, group, self._layer))
                if not self._as_published:
                    for one, answers in zip(group, said, strict=True):
                        answers.step = batches.totals(one)
                found.update(zip(group, said, strict=True))
            return found[asked]

        return ask

    def _recalling(self, batches: Any) -> Callable[[Asked], Answers]:
        """As `_asking` of the reference, which is run where what it says is not stored."""
        computed = self._asking(batches, self._reference)
        return lambda asked: self._sets.stored(batches, asked) or computed(asked)

    def _student(self, run: Run) -> list[Answers]:
        return run(self._model)

    @torch.no_grad()
    def _reference(self, run: Run) -> list[Answers]:
        if isinstance(self._model, PeftModel):
            training = self._model.training
            # The original is asked, not trained: without the dropout that the base may have.
            self._model.eval()
            with self._model.disable_adapter():
                found = run(self._model)
            self._model.train(training)
        else:
            found = run(self._reference_model())
        for answers in found:
            # Computed here, where no gradient is recorded; projections run on first use otherwise.
            if self._layer is None:
                _ = answers.log_probabilities
            if answers.whole is not None:
                answers.whole = partial(self._as_reference, answers.whole)
        return found

    @torch.no_grad()
    def _as_reference(self, project: Callable[[], Tensor]) -> Tensor:
        """A projection that few methods ask for, made when they do as if it were made at once."""
        if isinstance(self._model, PeftModel):
            with self._model.disable_adapter():
                return project()
        return project()

    def _reference_model(self) -> nn.Module:
        if self._original is None:
            # Loading may draw random numbers, at another step in a job that goes on than in one
            # that is never interrupted.
            with torch.random.fork_rng():
                self._original = self._load_original()
        return self._original


def _mean_share(loss: Loss, share: float, student: ModelView, reference: ModelView) -> Tensor:
    """The loss of a batch as a share of the mean over the batches of its step."""
    return loss(student, reference) * share
