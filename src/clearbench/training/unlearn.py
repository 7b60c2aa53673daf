"""Unlearning: a method, a model and the two sets, brought together step by step."""

import itertools
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from peft import PeftModel
from torch import Tensor, nn

from clearbench.config.settings import Training
from clearbench.errors import UserError
from clearbench.jobs.state import State
from clearbench.methods import key_of
from clearbench.methods.base import Constraint, Loss, Method, Projection
from clearbench.methods.batches import FORGET, RETAIN
from clearbench.models.precise_linear import whole_weights
from clearbench.training.batches import batches_per_epoch, endless_batches, paired
from clearbench.training.dual import Dual
from clearbench.training.flops import counted_flops
from clearbench.training.loop import Share, minimise
from clearbench.training.model_view import ModelView
from clearbench.training.projection import (
    Groups,
    Moments,
    at_answers,
    check_ranks,
    maps_of,
    watched,
)
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
        self.seen = 0
        """The forget samples that it was shown so far, as often as it was."""
        self.instruction = ""
        """What the model is told before each question, if anything."""
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
        self.seen += self._training.epochs * len(self._sets.forget)
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

    def project(self, layer: int, projection: Projection, of_persons: bool = False) -> None:
        """Replace W by W - U·V·W in every map of a layer that is trained; see `methods.base`.

        One pass over the forget set, and as many batches of the retain set. It is made again by a
        job that goes on, since what it adds up is as large as weights are.
        """
        sets, model = self._sets, self._model
        self.seen += len(sets.forget)
        maps = maps_of(model, sets.layer(model, layer))
        groups = Groups(sets.forget, sets.retain, of_persons)
        check_ranks(maps, len(groups.pairs))
        moments = {one.name: Moments(len(groups)) for one in maps}
        model.eval()
        with torch.no_grad(), counted_flops() as counter, watched(maps) as outputs:
            for batches, *numbers in self._pass():
                for asked, of in zip((FORGET, RETAIN), groups.of(*numbers), strict=True):
                    (answers,) = sets.answers(model, batches, [asked], layer)
                    for name, output in outputs.items():
                        found = at_answers(output, answers)
                        if found is not None:
                            moments[name].add(found, of.to(found.device)[answers.sample])
                    outputs.clear()
            self._state.count("flops", counter.take())
        for one in maps:
            if moments[one.name].filled:
                ours = moments[one.name].directions(groups.pairs, groups.retained)
                one.take(*projection(ours, moments[one.name].second))

    def instruct(self, words: str) -> None:
        """Put words before each question; UserError where nobody is told who is forgotten."""
        persons = dict.fromkeys(sample.person for sample in self._sets.forget)
        names = [name for name in persons if name is not None]
        if not names:
            raise UserError(
                f"method {key_of(self._method)}: names who is forgotten, and the forget set tells"
                " of no person; leave it out"
            )
        self.instruction = words.format(persons=", ".join(names))

    def _pass(self) -> Iterator[tuple[Any, list[Any], list[Any]]]:
        """The batches of an epoch, each with its samples of both sets."""
        size, generator = self._training.batch_size, torch.Generator().manual_seed(self._seed)
        forget = endless_batches(self._sets.lengths("forget"), size, generator)
        retain = endless_batches(self._sets.lengths("retain"), size, generator)
        count = batches_per_epoch(len(self._sets.forget), size)
        for step, ours, theirs in zip(range(count), forget, retain, strict=False):
            batches = self._sets.batches(ours, theirs, self._seed + step)
            kept = [self._sets.retain[i] for i in theirs]
            yield batches, [self._sets.forget[i] for i in ours], kept

    def _losses(self, loss: Loss, count: int, size: int) -> Iterator[list[Share]]:
        generator = torch.Generator().manual_seed(self._seed)
        forget = endless_batches(self._sets.lengths("forget"), size, generator)
        retain = endless_batches(self._sets.lengths("retain"), size, generator)
        published = self._method.as_published
        # The first batches of a step have samples of both sets.
        first, further = (checked_loss(self._method, loss, whole) for whole in (True, False))
        steps = itertools.islice(zip(forget, retain, strict=False), count)
        of_epoch = batches_per_epoch(len(self._sets.forget), size)
        for step, (forgotten, kept) in enumerate(steps):
            whole = self._sets.batches(forgotten, kept, self._seed + step)
            pairs = paired(len(forgotten), len(kept), self._training.batch_size, published)
            share, shares = 1 / len(pairs), list[Share]()
            for ours, theirs in pairs:
                batches = whole if len(pairs) == 1 else whole.part(ours, theirs)
                student, reference = (
                    ModelView(model, batches, self._seed, published, share, step // of_epoch)
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
