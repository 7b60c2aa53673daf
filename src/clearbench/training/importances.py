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
from clearbench.methods.importances import Part
from clearbench.models.answers import cross_entropy
from clearbench.training.batches import batches_per_epoch, endless_batches, parts
from clearbench.training.flops import counted_flops
from clearbench.training.loop import DivergedError
from clearbench.training.progress import Progress
from clearbench.training.sets import ForgetAndRetain
from clearbench.training.student import Student


class Importances:
    """The importances of a model's weights, of one part of the samples after the other.

    A batch has as many samples as a step of the training, however that is split, and each sample is
    in one. Nothing is dropped at random. Each measuring is a loop of the `state`, which then has
    all importances so far; one that an earlier attempt finished, before a later loop, gives zeros,
    for that loop puts back what was made of them. `models` are those that the job trains.
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
        self._known: dict[str, Tensor] = {}
        self._count = 0

    def forget(self) -> None:
        """Keep nothing of what was measured: a training begins, or weights were changed."""
        self._known.clear()
        self._count = 0

    def measure(
        self, student: Student, sets: ForgetAndRetain, of: Part, squared: bool
    ) -> dict[str, Tensor]:
        """The mean gradient of CE, or of its square, of each weight in training; by name.

        The mean is over the batches that reach a weight: those of texts alone reach no vision
        tower. Raises DivergedError where a loss is not finite.
        """
        whole = sets.retaining(samples_of(sets, of))
        weights = {n: p for n, p in self._model.named_parameters() if p.requires_grad}
        sums = {
            name: torch.zeros_like(weight, dtype=torch.float32) for name, weight in weights.items()
        }
        reached = torch.zeros(len(weights), dtype=torch.long)
        self._known |= {f"{self._count}/sums/{name}": total for name, total in sums.items()}
        self._known[f"{self._count}/reached"] = reached
        self._count += 1
        lengths = whole.lengths("retain")
        count = batches_per_epoch(len(lengths), self._size)
        order = endless_batches(lengths, self._size, torch.Generator().manual_seed(self._seed))
        holder = Progress(self._models, beside=self._known)
        with (
            self._state.loop(holder) as loop,
            counted_flops() as counter,
            _without_chance(self._model),
        ):
            done = len(loop.results)
            batches = itertools.islice(order, done, count)
            for samples in bar(batches, "batch", initial=done, total=count):
                step = whole.batches([], samples, self._seed)
                terms: list[tuple[int, float, int]] = []
                for place, part in enumerate(parts(len(samples), self._batch_size)):
                    if place % parallel.size() == parallel.rank():
                        asked = step if len(samples) <= self._batch_size else step.part(NONE, part)
                        (answers,) = student.answers(asked, [RETAIN])
                        loss = cross_entropy(answers)
                        terms.append((place, loss.item(), counter.take()))
                        loss.backward()
                terms = sorted(parallel.gather(terms))
                parallel.add_gradients(weights.values())
                for number, (name, weight) in enumerate(weights.items()):
                    if weight.grad is not None:
                        sums[name] += weight.grad.square() if squared else weight.grad
                        reached[number] += 1
                        weight.grad = None
                loop.results.append(math.fsum(loss for _, loss, _ in terms))
                if not math.isfinite(loop.results[-1]):
                    raise DivergedError(len(loop.results))
                self._state.count("flops", sum(flops for *_, flops in terms))
                loop.end_step()
        return {
            name: total / max(1, batches)
            for (name, total), batches in zip(sums.items(), reached.tolist(), strict=True)
        }


NONE = slice(0, 0)


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
