"""Surveys of a model's neurons: passes over whole sets, in which nothing is trained.

The steps of a survey have as many samples as those of a training. What is chosen at its end is in
the job's state, so that a job that goes on in a later loop has it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from clearbench import parallel
from clearbench.config.settings import Training
from clearbench.jobs.bar import bar
from clearbench.jobs.state import State
from clearbench.methods.base import Choice
from clearbench.methods.batches import FORGET, RETAIN, Batch
from clearbench.models.influence import integrated_gradients, squared_gradients
from clearbench.models.neurons import (
    ENTERING,
    Activations,
    Layer,
    Rows,
    Tower,
    layers_of,
    leaving,
)
from clearbench.training.batches import parts
from clearbench.training.flops import FlopCounter, counted_flops
from clearbench.training.sets import ForgetAndRetain


@dataclass(frozen=True)
class Survey:
    """The passes over the sets of a cell."""

    model: PreTrainedModel
    sets: ForgetAndRetain
    training: Training
    state: State

    def by_activity(self, choose: Choice, threshold: float) -> Rows:
        """Neurons by what they put out on the two sets, at all positions but padding."""
        layers = layers_of(self.model)
        sums = _Sums(layers)
        steps = [(part, step) for part in (FORGET, RETAIN) for step in self._steps(part)]
        with self.state.loop(sums) as loop, counted_flops() as counter:
            for part, step in _left(steps, loop.results):
                work = partial(self._activations, layers, part, threshold)
                for activations in self._shared(step, self.training.batch_size, work, counter):
                    sums.add(part, activations)
                loop.results.append(len(step))
                loop.end_step()
            if len(loop.results) == len(steps):
                chosen = choose({layer: sums.of(layer) for layer in layers})
                loop.results.append({name: list(rows) for name, rows in chosen.items()})
                loop.end_step()
        kept: Rows = loop.results[-1]
        return kept

    def by_influence(self, count: int, steps: int) -> Rows:
        """The neurons that the answer of some forget sample owes most to, `count` a part each."""
        layers = layers_of(self.model)
        entering = [layer for layer in layers if layer.kind in ENTERING]
        before = [layers[layer] for layer in entering if layer.tower == "language"]
        ends = {(layer.part, layer.tower): leaving(self.model, layer.part) for layer in entering}
        samples = self._steps(FORGET)
        with self.state.loop() as loop, counted_flops() as counter, _fixed(self.model):
            for step in _left(samples, loop.results):
                chosen: dict[str, set[int]] = {part: set() for part, _ in ends}
                work = partial(self._influential, ends, before, count, steps)
                for by_layer in self._shared(step, 1, work, counter):
                    for part, rows in by_layer.items():
                        chosen[part].update(rows)
                loop.results.append({part: sorted(rows) for part, rows in chosen.items()})
                loop.end_step()
        union = {part: {row for one in loop.results for row in one[part]} for part, _ in ends}
        return {layer.name: sorted(union[layer.part]) for layer in entering}

    @torch.no_grad()
    def _activations(
        self, layers: Mapping[Layer, nn.Linear], part: Batch, threshold: float, samples: list[int]
    ) -> dict[Layer, Activations]:
        """What neurons put out on samples of a set; nothing of layers that do not run."""
        batches = self._batches(part, samples)
        shown = batches.batch(part)["attention_mask"].flatten().bool()
        by_layer: dict[Layer, Activations] = {}

        def see(layer: Layer, module: nn.Module, given: Any, output: Tensor) -> None:
            positions = output.flatten(0, -2)
            if layer.tower == "language":
                positions = positions[shown]
            by_layer[layer] = Activations.of(positions, threshold)

        hooks = [
            module.register_forward_hook(partial(see, layer)) for layer, module in layers.items()
        ]
        try:
            self.sets.answers(self.model, batches, [part], None)
        finally:
            for hook in hooks:
                hook.remove()
        return by_layer

    def _influential(
        self,
        ends: Mapping[tuple[str, Tower], nn.Module],
        before: Sequence[nn.Module],
        count: int,
        steps: int,
        samples: list[int],
    ) -> dict[str, list[int]]:
        """The neurons of each part that the answer to a forget sample owes most to."""
        batches = self._batches(FORGET, samples)

        def likelihood() -> Tensor:
            (answers,) = self.sets.answers(self.model, batches, [FORGET], None)
            return answers.in_answers(answers.token_log_likelihood).sum()

        def of(wanted: Tower) -> dict[str, nn.Module]:
            return {part: end for (part, tower), end in ends.items() if tower == wanted}

        influence = integrated_gradients(of("language"), likelihood, steps, before)
        if seen := of("vision"):
            influence |= squared_gradients(seen, likelihood)
        return {
            part: values.sort(descending=True, stable=True).indices[:count].tolist()
            for part, values in influence.items()
        }

    def _steps(self, part: Batch) -> list[list[int]]:
        """The samples of a set as steps, those of like length together."""
        lengths = self.sets.lengths(part.name)
        order = sorted(range(len(lengths)), key=lengths.__getitem__)
        size = self.training.batch_size * self.training.accumulation
        return [order[samples] for samples in parts(len(order), size)]

    def _shared(
        self,
        step: list[int],
        size: int,
        work: Callable[[list[int]], Any],
        counter: FlopCounter,
    ) -> list[Any]:
        """What work gives for each batch of a step, which several processes divide among them."""
        own = []
        for place, samples in enumerate(parts(len(step), size)):
            if place % parallel.size() == parallel.rank():
                own.append((place, work(step[samples]), counter.take()))
        gathered = sorted(parallel.gather(own), key=lambda one: one[0])
        self.state.count("flops", sum(flops for *_, flops in gathered))
        return [value for _, value, _ in gathered]

    def _batches(self, part: Batch, samples: list[int]) -> Any:
        """Some samples of a set as a step of their own."""
        forget, retain = (samples if part == one else [] for one in (FORGET, RETAIN))
        return self.sets.batches(forget, retain, 0)


class _Sums:
    """What the neurons of some layers put out so far on either set; in the state of its loop."""

    together = False
    """All of it is in each process."""

    def __init__(self, layers: Mapping[Layer, nn.Linear]):
        self._activations = {
            (part.name, layer): Activations.none(module.out_features)
            for layer, module in layers.items()
            for part in (FORGET, RETAIN)
        }

    def add(self, part: Batch, by_layer: Mapping[Layer, Activations]) -> None:
        """Add what they put out on further samples of a set."""
        for layer, activations in by_layer.items():
            self._activations[part.name, layer] += activations

    def of(self, layer: Layer) -> tuple[Activations, Activations]:
        """What the neurons of a layer put out on the forget and on the retain set."""
        return self._activations[FORGET.name, layer], self._activations[RETAIN.name, layer]

    def state_dict(self) -> dict[str, Tensor]:
        """All sums and counts."""
        tensors: dict[str, Tensor] = {}
        for (part, layer), mean in self._activations.items():
            tensors[f"sums/{part}/{layer.name}"] = mean.sums.clone()
            tensors[f"count/{part}/{layer.name}"] = torch.tensor(mean.count)
        return tensors

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Put them back."""
        for part, layer in self._activations:
            sums, count = (state[f"{kind}/{part}/{layer.name}"] for kind in ("sums", "count"))
            self._activations[part, layer] = Activations(int(count), sums)


def _left(steps: Sequence[Any], done: Sequence[Any]) -> Any:
    """The steps that an earlier attempt has not done, with their bar."""
    left = steps[len(done) :]
    return bar(left, "step", initial=len(steps) - len(left), total=len(steps))


@contextmanager
def _fixed(model: nn.Module) -> Iterator[None]:
    """While it lasts, no weight of a model asks for a gradient."""
    moving = [parameter for parameter in model.parameters() if parameter.requires_grad]
    for parameter in moving:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in moving:
            parameter.requires_grad_(True)
