"""Unlearning: a method, a model and the two sets, brought together step by step."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, cast

import torch
from peft import PeftModel
from torch import Tensor, nn
from transformers import PreTrainedModel

from clearbench.config.settings import Training
from clearbench.errors import UserError
from clearbench.jobs.state import State
from clearbench.methods import key_of
from clearbench.methods.alternation import ForgetStep
from clearbench.methods.base import Choice, Constraint, Loss, Method, Projection
from clearbench.methods.batches import FORGET, RETAIN
from clearbench.methods.importances import ByWeight
from clearbench.methods.parts import Part, check_declared
from clearbench.models.neurons import Rows, rows_in_training, zero
from clearbench.models.precise_linear import whole_weights
from clearbench.training.apart import Apart
from clearbench.training.batches import batches_per_epoch, endless_batches, paired
from clearbench.training.dual import Dual
from clearbench.training.flops import counted_flops
from clearbench.training.importances import Importances, samples_of
from clearbench.training.loop import Share, minimise
from clearbench.training.model_view import ModelView
from clearbench.training.neurons import Survey
from clearbench.training.projection import (
    Groups,
    Moments,
    at_answers,
    check_ranks,
    maps_of,
    watched,
)
from clearbench.training.sets import ForgetAndRetain
from clearbench.training.student import Reference, Student, once
from clearbench.training.trial import checked_loss


class Unlearner:
    """Trains a model by a method; implements `methods.base.Trainer`.

    An epoch is a pass over the forget set; each step of it goes with one through the retain set, so
    that all methods of a suite take the same number of steps. Either has `batch_size` times
    `accumulation` samples, or fewer at the end of a pass over its set. The loss of a step is that
    of all its samples in one batch, however they are split; of variants `as_published` it is the
    mean over the batches. `load_original` gives the
    frozen original anew; with an adapter it is never called, since the original is the same
    weights with the adapter off. `load_gold` gives gold, where the method compares with it.

    Each call of `minimise`, `alternate` and `importances` is a loop of `state`. One that an earlier
    attempt finished leaves the weights alone, and so may whatever a method does after it: the last
    loop puts back all of them. `models` are those that a job trains one after the other, this one
    among them, where there are several: a saved state then has all of them.
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
        load_gold: Callable[[], nn.Module] | None = None,
    ):
        self.history: list[float] = []
        """The loss of each optimiser step so far."""
        self.loops = 0
        """The trainings so far."""
        self.samples = 0
        """The samples that they and the surveys went over."""
        self.instruction = ""
        """What the model is told before each question, if anything."""
        self.student = Student(model, sets, method)
        self._original = once(load_original)
        self.reference = Reference(
            model,
            self._original if load_gold is None else once(load_gold),
            sets,
            method,
            is_original=load_gold is None,
        )
        self._model = model
        self._method = method
        self._sets = sets
        self._training = training
        self._seed = seed
        self._state = state or State()
        self._models = models or model
        self._size = training.batch_size * training.accumulation
        self._importances = Importances(model, self._models, training, seed, self._state)

    @property
    def _count(self) -> int:
        """The steps that all forget samples take, epoch by epoch."""
        return self._training.epochs * batches_per_epoch(len(self._sets.forget), self._size)

    def minimise(
        self, loss: Loss, constraint: Constraint | None = None, mask: ByWeight | None = None
    ) -> None:
        """Train by the suite's settings; raises DivergedError."""
        dual = None
        if constraint is not None:
            dual = Dual(constraint, self._count, self._method.as_published)
            loss = dual.added_to(loss)
        apart = Apart(self._weights, mask)
        self._train(self._losses(loss), self._count, dual, apart)

    def alternate(self, retain: Loss, forget: ForgetStep, retain_steps: int) -> None:
        """Train by steps on either set; raises DivergedError."""
        larger = len(self._sets.retain) // len(self._sets.forget)
        turn = 1 + (retain_steps or max(1, larger))
        apart = Apart(self._weights, forget.mask, turn, forget.max_grad_norm)
        losses = self._alternating(retain, forget, turn, apart)
        self._train(losses, turn * self._count, None, apart)

    def importances(self, *of: Part, squared: bool = True) -> Sequence[ByWeight]:
        """The importances of all weights in training; raises DivergedError."""
        check_declared(self._method.importances, of)
        self.loops += 1
        self.samples += sum(len(samples_of(self._sets, part)) for part in of)
        return self._importances.measure(self.student, self._sets, of, squared)

    def scale(self, factors: ByWeight) -> None:
        """Multiply each weight by a factor."""
        with torch.no_grad():
            for name, weight in self._weights.items():
                weight.mul_(factors[name])

    def negate_update(self, scale: float = 1.0) -> None:
        """Replace θ by θ₀ - scale·(θ - θ₀); of an adapter's product B·A it is enough to scale B."""
        with torch.no_grad():
            if isinstance(self._model, PeftModel):
                for name, parameter in self._model.named_parameters():
                    if "lora_B" in name:
                        parameter.mul_(-scale)
                return
            original = whole_weights(self._original())
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

    def project(self, layer: int, projection: Projection, of_persons: bool = False) -> None:
        """Replace W by W - U·V·W in every map of a layer that is trained; see `methods.base`.

        One pass over the forget set, and as many batches of the retain set. It is made again by a
        job that goes on, since what it adds up is as large as weights are.
        """
        sets, model = self._sets, self._model
        self.samples += 2 * len(sets.forget)
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
                        hidden = at_answers(output, answers)
                        if hidden is not None:
                            moments[name].add(hidden, of.to(hidden.device)[answers.sample])
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

    @property
    def _weights(self) -> dict[str, nn.Parameter]:
        """The weights in training."""
        return {name: p for name, p in self._model.named_parameters() if p.requires_grad}

    def _train(
        self, losses: Iterator[list[Share]], count: int, dual: Dual | None, apart: Apart
    ) -> None:
        self.loops += 1
        self.samples += self._training.epochs * len(self._sets.forget)
        self.history += minimise(
            self._models, losses, count, self._training, self._state, dual, apart=apart
        )

    def _losses(self, loss: Loss) -> Iterator[list[Share]]:
        """The batches of each step, which has samples of both sets."""
        steps = itertools.islice(zip(*self._orders(), strict=False), self._count)
        for step, (forgotten, kept) in enumerate(steps):
            yield self._shares(loss, forgotten, kept, step, self._epoch(step))

    def _alternating(
        self, retain: Loss, forget: ForgetStep, turn: int, apart: Apart
    ) -> Iterator[list[Share]]:
        """The batches of steps of which the first of each turn is on the forget set alone."""
        forgotten, kept = self._orders()
        for number in range(self._count):
            loss = partial(_forget_share, forget, forget.factor(number / self._count), apart)
            epoch = self._epoch(number)
            yield self._shares(loss, next(forgotten), [], number * turn, epoch)
            for place in range(1, turn):
                yield self._shares(retain, [], next(kept), number * turn + place, epoch)

    def _orders(self) -> tuple[Iterator[list[int]], Iterator[list[int]]]:
        """The samples of each step, of the forget and of the retain set, without end."""
        generator = torch.Generator().manual_seed(self._seed)
        forget, retain = (
            endless_batches(self._sets.lengths(part), self._size, generator)
            for part in ("forget", "retain")
        )
        return forget, retain

    def _epoch(self, step: int) -> int:
        """The pass over the forget set that a step on it is of."""
        return step // batches_per_epoch(len(self._sets.forget), self._size)

    def _shares(
        self, loss: Loss, forgotten: list[int], kept: list[int], step: int, epoch: int
    ) -> list[Share]:
        """The batches of a step."""
        published = self._method.as_published
        # The first batches of a step have samples of all that it has.
        first, further = (checked_loss(self._method, loss, whole) for whole in (True, False))
        whole = self._sets.batches(forgotten, kept, self._seed + step)
        pairs = paired(len(forgotten), len(kept), self._training.batch_size, published)
        share, shares = 1 / len(pairs), list[Share]()
        for ours, theirs in pairs:
            batches = whole if len(pairs) == 1 else whole.part(ours, theirs)
            student, reference = (
                ModelView(model, batches, self._seed, published, share, epoch)
                for model in (self.student, self.reference)
            )
            checked = further if shares else first
            if published:
                shares.append(partial(_mean_share, checked, share, student, reference))
            else:
                shares.append(partial(checked, student, reference))
        return shares


def _mean_share(loss: Loss, share: float, student: ModelView, reference: ModelView) -> Tensor:
    """The loss of a batch as a share of the mean over the batches of its step."""
    return loss(student, reference) * share


def _forget_share(
    forget: ForgetStep, factor: float, apart: Apart, student: ModelView, reference: ModelView
) -> Tensor:
    """What a batch has of the loss of a step on the forget set, before it is divided."""
    if forget.divisor is not None:
        apart.tell(forget.divisor(student, reference).item())
    return factor * forget.loss(student, reference)
