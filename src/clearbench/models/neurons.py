"""Neurons: the outputs of a model's feed-forward layers, what they do on samples, and their rows.

A neuron of a layer is a row of its weights with its bias: what it puts out is that row's product
with the layer's input.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from clearbench.errors import UserError
from clearbench.models.precise_linear import PreciseLinear

Tower = Literal["language", "vision"]

Rows = Mapping[str, Sequence[int]]
"""Neurons, as the numbers of their rows by the name of the layer."""

ENTERING = ("gate_proj", "up_proj", "fc1")
LEAVING = ("down_proj", "fc2")
"""What architectures call the layers of a feed-forward part, before its activation and after it."""


@dataclass(frozen=True)
class Layer:
    """A feed-forward layer by its name; the `block` of its tower is one of `blocks`, from 0."""

    name: str
    tower: Tower
    block: int
    blocks: int

    @property
    def part(self) -> str:
        """The feed-forward part that it belongs to."""
        return self.name.rpartition(".")[0]

    @property
    def kind(self) -> str:
        """What its architecture calls it, as `up_proj`."""
        return self.name.rpartition(".")[2]


@dataclass(frozen=True)
class Activations:
    """What the K neurons of a layer put out, z, at `count` positions, as sums over these.

    `sums` (4, K) are of |z|, 1[|z| > threshold], z and z².
    """

    count: int
    sums: Tensor

    @classmethod
    def of(cls, output: Tensor, threshold: float) -> "Activations":
        """Those of the positions of an output (N, K)."""
        z = output.float()
        terms = (z.abs(), z.abs() > threshold, z, z.square())
        return cls(len(z), torch.stack([term.sum(0, dtype=torch.float64) for term in terms]).cpu())

    @classmethod
    def none(cls, neurons: int) -> "Activations":
        """Those of no position."""
        return cls(0, torch.zeros(4, neurons, dtype=torch.float64))

    def __add__(self, other: "Activations") -> "Activations":
        return Activations(self.count + other.count, self.sums + other.sums)

    @property
    def absolute(self) -> Tensor:
        """The mean of |z|, (K,)."""
        return self._means[0]

    @property
    def frequency(self) -> Tensor:
        """The share of the positions where |z| is above the threshold, (K,)."""
        return self._means[1]

    @property
    def deviation(self) -> Tensor:
        """The standard deviation of z, (K,)."""
        _, _, mean, squared = self._means
        return (squared - mean.square()).clamp(min=0).sqrt()

    @property
    def root_mean_square(self) -> Tensor:
        """The root of the mean of z², (K,)."""
        return self._means[3].sqrt()

    @property
    def _means(self) -> Tensor:
        return self.sums / max(self.count, 1)


def layers_of(model: PreTrainedModel) -> dict[Layer, nn.Linear]:
    """The feed-forward layers of a model's blocks that are in training, in its order.

    Those of its text decoder are of the tower `language`, others of `vision`. Raises UserError
    where there are none: of an architecture that has no such layers, where all of them are frozen,
    and of a model with an adapter.
    """
    decoder = {id(module) for module in model.get_decoder().modules()}
    readers: dict[Layer, nn.Linear] = {}
    for name, module in model.named_modules():
        words = name.split(".")
        place = next((i for i, word in enumerate(words) if word.isdecimal()), None)
        if place is None or words[-1] not in (*ENTERING, *LEAVING):
            continue
        if isinstance(module, nn.Linear) and all(p.requires_grad for p in module.parameters()):
            blocks: Any = model.get_submodule(".".join(words[:place]))
            tower: Tower = "language" if id(module) in decoder else "vision"
            readers[Layer(name, tower, int(words[place]), len(blocks))] = module
    if not readers:
        raise UserError(
            f"model of type {model.config.model_type}: none of its blocks has a feed-forward layer"
            f" in training ({', '.join((*ENTERING, *LEAVING))}), whose neurons the method is about"
        )
    return readers


def leaving(model: nn.Module, part: str) -> nn.Module:
    """The layer that a feed-forward part ends in, which takes its neurons."""
    inner = model.get_submodule(part)
    return next(getattr(inner, kind) for kind in LEAVING if hasattr(inner, kind))


@torch.no_grad()
def zero(model: nn.Module, rows: Rows) -> None:
    """Set neurons to zero: the rows of their layers and the biases."""
    for name, numbers in rows.items():
        layer = model.get_submodule(name)
        for parameter in layer.parameters(recurse=False):
            parameter[list(numbers)] = 0


@contextmanager
def rows_in_training(model: nn.Module, rows: Rows) -> Iterator[None]:
    """While it lasts, some rows of a model are parameters of their own, and nothing else trains.

    They are in single precision, in a layer `rows` below each one's own, and are written back at
    the end.
    """
    moving = [parameter for parameter in model.parameters() if parameter.requires_grad]
    for parameter in moving:
        parameter.requires_grad_(False)
    apart = []
    for name, numbers in rows.items():
        if numbers:
            layer = cast(nn.Linear, model.get_submodule(name))
            places = torch.tensor(numbers, device=layer.weight.device)
            own = _own_layer(layer, places)
            layer.add_module("rows", own)
            hook = layer.register_forward_hook(partial(_replace, places, own))
            apart.append((layer, places, own, hook))
    try:
        yield
    finally:
        with torch.no_grad():
            for layer, places, own, hook in apart:
                hook.remove()
                del layer.rows
                for name, trained in own.named_parameters():
                    layer.get_parameter(name)[places] = trained
        for parameter in moving:
            parameter.requires_grad_(True)


def _own_layer(layer: nn.Linear, places: Tensor) -> nn.Linear:
    """A layer of some rows of another, which runs in the precision that the other does."""
    own = nn.Linear(layer.in_features, len(places), layer.bias is not None, device="meta")
    for name in dict(own.named_parameters()):
        rows = layer.get_parameter(name).detach()[places].clone()
        own.register_parameter(name, nn.Parameter(rows))
    if isinstance(layer, PreciseLinear):
        return PreciseLinear(own, layer.parts()[0].dtype)
    return own


def _replace(
    places: Tensor, own: nn.Linear, layer: nn.Module, given: tuple[Tensor, ...], output: Tensor
) -> Tensor:
    """A layer's output with the outputs of the rows that are in training in their places."""
    return output.index_copy(-1, places, own(given[0]).to(output.dtype))
