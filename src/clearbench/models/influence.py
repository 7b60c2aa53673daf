"""What a number that a model computes owes to the inputs of some of its layers.

`ends` are the layers by name, `output` runs the model on one sample and gives the number. The
model's own weights should need no gradient, for none of theirs is used. A layer that does not run
is left out of what is given.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

import torch
from torch import Tensor, nn

Ends = Mapping[str, nn.Module]
Output = Callable[[], Tensor]
_Name = TypeVar("_Name")


def integrated_gradients(
    ends: Ends, output: Output, steps: int, before: Iterable[nn.Module] = ()
) -> dict[str, Tensor]:
    """The share of each input channel of each layer in the output, (K,), summed over positions.

    z·∂output/∂z with the inputs z of all layers scaled by one α from 0 to 1, averaged over the
    middles of so many steps of α. All shares together are what the output is at z more than at 0,
    but for what the steps leave out. `before` are layers that lead to these inputs alone: no
    gradient is asked of them. Source: arXiv 1703.01365.
    """
    before = list(before)
    inputs: dict[str, Tensor] = {}

    def keep(name: str, given: Tensor) -> Tensor:
        inputs[name] = given
        return given

    with torch.no_grad(), _taken(ends, keep):
        output()
    shares = {name: _channels(torch.zeros_like(z)) for name, z in inputs.items()}
    for step in range(steps):
        alpha = (step + 0.5) / steps
        scaled = {name: (alpha * z).requires_grad_() for name, z in inputs.items()}
        with _taken(dict(enumerate(before)), lambda _, given: given.detach()):
            gradients = _gradients(ends, output, lambda name, _: scaled[name])  # noqa: B023
        for name, gradient in gradients.items():
            shares[name] += _channels(inputs[name] * gradient) / steps
    return shares


def squared_gradients(ends: Ends, output: Output) -> dict[str, Tensor]:
    """(∂output/∂z)² of each input channel z of each layer, (K,), summed over positions."""

    def follow(_: str, given: Tensor) -> Tensor:
        return given if given.requires_grad else given.detach().requires_grad_()

    gradients = _gradients(ends, output, follow)
    return {name: _channels(gradient.square()) for name, gradient in gradients.items()}


def _gradients(
    ends: Ends, output: Output, take: Callable[[str, Tensor], Tensor]
) -> dict[str, Tensor]:
    """The gradients of the output for what layers take in the place of their inputs."""
    taken: dict[str, Tensor] = {}

    def keep(name: str, given: Tensor) -> Tensor:
        taken[name] = take(name, given)
        return taken[name]

    # On the way back too: layers that keep no activations are run again there.
    with torch.enable_grad(), _taken(ends, keep):
        value = output()
        first = dict(taken)
        if not first:
            return {}
        # What is computed and not used, as the last block of some vision towers, has no share.
        gradients = torch.autograd.grad(value, list(first.values()), materialize_grads=True)
    return dict(zip(first, gradients, strict=True))


def _channels(values: Tensor) -> Tensor:
    """The sum over all positions, (K,)."""
    return values.flatten(0, -2).sum(0, dtype=torch.float64)


@contextmanager
def _taken(
    layers: Mapping[_Name, nn.Module], take: Callable[[_Name, Tensor], Tensor]
) -> Iterator[None]:
    """While it lasts, layers take what is given in the place of their inputs."""

    def replace(name: _Name, module: nn.Module, given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return (take(name, given[0]), *given[1:])

    hooks = [
        module.register_forward_pre_hook(partial(replace, name)) for name, module in layers.items()
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
