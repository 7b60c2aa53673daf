"""Importances of weights: what the gradients of the loss are on the batches of some samples."""

import itertools
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from transformers.modeling_layers import GradientCheckpointingLayer

from clearbench import parallel
from clearbench.config.settings import Training
from clearbench.jobs.bar import bar
from clearbench.jobs.state import State
from clearbench.methods.batches import RETAIN
from clearbench.methods.parts import Part
from clearbench.models.answers import cross_entropy
from clearbench.training.batches import batches_per_epoch, endless_batches, parts
from clearbench.training.flops import counted_flops
from clearbench.training.loop import DivergedError
from clearbench.training.progress import Progress
from clearbench.training.sets import Batches, ForgetAndRetain
from clearbench.training.student import Student


class Importances:
    """Measures the importances of a model's weights; implements what a trainer has of it.

    A batch has as many samples as a step of the training, however that is split, and each sample is
    in one. Nothing is dropped at random. A measuring is a loop of the `state`; one that an earlier
    attempt finished, before a later loop, gives zeros, for that loop puts back what was made of
    them. `models` are those that the job trains.
    """

    def __init__(
        self, model: nn.Module, models: nn.Module, training: Training, seed: int, state: State
    ):
        self._model = model
        self._models = models
        self._size = training.batch_size * training.accumulation
        self._batch_size = training.batch_size
        self._seed = seed
        self._state = state

    def measure(
        self, student: Student, sets: ForgetAndRetain, of: Sequence[Part], squared: bool
    ) -> list[dict[str, Tensor]]:
        """The mean gradient of CE, or of its square, of each weight in training; by part and name.

        The mean is over the batches that reach a weight: those of texts alone reach no vision
        tower. Raises DivergedError where a loss is not finite.
        """
        sums = [_Sums(self._model) for _ in of]
        beside = {
            f"{number}/{name}": tensor
            for number, one in enumerate(sums)
            for name, tensor in one.tensors.items()
        }
        holder = Progress(self._models, beside=beside)
        whole = [sets.retaining(samples_of(sets, part)) for part in of]
        count = sum(batches_per_epoch(len(part.retain), self._size) for part in whole)
        # Made one after the other: what a batch encodes goes with it.
        order = ((one, step) for one, p in zip(sums, whole, strict=True) for step in self._steps(p))
        with (
            self._state.loop(holder) as loop,
            counted_flops() as counter,
            _without_chance(self._model),
        ):
            done = len(loop.results)
            left = itertools.islice(order, done, None)
            for one, shares in bar(left, "batch", initial=done, total=count):
                terms: list[tuple[int, float, int]] = []
                for place, batches in enumerate(shares):
                    if place % parallel.size() == parallel.rank():
                        (answers,) = student.answers(batches, [RETAIN])
                        loss = cross_entropy(answers)
                        terms.append((place, loss.item(), counter.take()))
                        loss.backward()
                terms = sorted(parallel.gather(terms))
                one.add(squared)
                loop.results.append(math.fsum(loss for _, loss, _ in terms))
                if not math.isfinite(loop.results[-1]):
                    raise DivergedError(len(loop.results))
                self._state.count("flops", sum(flops for *_, flops in terms))
                loop.end_step()
        return [one.means() for one in sums]

    def _steps(self, sets: ForgetAndRetain) -> Iterator[list[Batches]]:
        """The batches of each step of a pass over the retain set."""
        lengths = sets.lengths("retain")
        order = endless_batches(lengths, self._size, torch.Generator().manual_seed(self._seed))
        for samples in itertools.islice(order, batches_per_epoch(len(lengths), self._size)):
            whole: Batches = sets.batches([], samples, self._seed)
            batches = parts(len(samples), self._batch_size)
            yield [whole] if len(batches) == 1 else [whole.part(_NONE, rows) for rows in batches]


class _Sums:
    """Sums of gradients, or of their squares, and how many batches reached each weight."""

    def __init__(self, model: nn.Module):
        self._weights = {n: p for n, p in model.named_parameters() if p.requires_grad}
        self._sums = {
            name: torch.zeros_like(weight, dtype=torch.float32)
            for name, weight in self._weights.items()
        }
        self._reached = torch.zeros(len(self._sums), dtype=torch.long)

    @property
    def tensors(self) -> dict[str, Tensor]:
        """All of it, for a saved state."""
        return {f"sums/{name}": total for name, total in self._sums.items()} | {
            "reached": self._reached
        }

    def add(self, squared: bool) -> None:
        """Add the gradients that a step has left, and take them away."""
        parallel.add_gradients(self._weights.values())
        for number, (name, weight) in enumerate(self._weights.items()):
            if weight.grad is not None:
                self._sums[name] += weight.grad.square() if squared else weight.grad
                self._reached[number] += 1
                weight.grad = None

    def means(self) -> dict[str, Tensor]:
        """The means by name, in the place of the sums."""
        for total, batches in zip(self._sums.values(), self._reached.tolist(), strict=True):
            total.div_(max(1, batches))
        return self._sums


_NONE = slice(0, 0)


def samples_of(sets: ForgetAndRetain, of: Part) -> Sequence[Any]:
    """The samples that importances are of."""
    if of == "forget":
        return sets.forget
    further: dict[str, Sequence[Any]] = {"retain": (), "kept": sets.spared, "all": sets.forget}
    return [*sets.retain, *further[of]]


@contextmanager
def _without_chance(model: nn.Module) -> Iterator[None]:
    """While it lasts, nothing is dropped at random.

    Layers that compute their activations twice, which they do in training alone, still do.
    """
    training = [module for module in model.modules() if module.training]
    model.eval()
    for module in model.modules():
        if isinstance(module, GradientCheckpointingLayer) and module.gradient_checkpointing:
            module.training = True
    try:
        yield
    finally:
        model.eval()
        for module in training:
            module.training = True
