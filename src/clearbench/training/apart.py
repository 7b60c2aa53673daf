"""Steps of a training that are not as its settings say: of some weights alone, clipped otherwise.

All that trains imports this file, and an edit of what methods share is to rerun cells alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import fsum

import torch
from torch import Tensor, nn


class Apart:
    """The first of every so many steps: what it may move, and how its gradient is made.

    `mask` is true at what may be moved of the `weights`, by name; without one, that is all of them.
    What is told of a step's batches is what its loss and gradient are divided by.
    """

    def __init__(
        self,
        weights: Mapping[str, nn.Parameter] | None = None,
        mask: Mapping[str, Tensor] | None = None,
        every: int = 1,
        max_grad_norm: float | None = None,
    ):
        self.max_grad_norm = max_grad_norm
        self._masks = dict(mask or {})
        self._masked = [(weights[name], self._masks[name]) for name in self._masks if weights]
        self._every = every
        self._told: list[float] = []

    def at(self, step: int) -> "Apart":
        """Itself where a step, from 0, is one of its own; else what leaves a step as it is."""
        return self if step % self._every == 0 else AS_SET

    def tell(self, divisor: float) -> None:
        """Say what a batch has of the divisor of its step."""
        self._told.append(divisor)

    def take(self) -> float | None:
        """What the batches since the last call had of it; None where nothing was told."""
        told, self._told = self._told, []
        return fsum(told) if told else None

    def prepare(
        self, divisors: Sequence[float | None], parameters: Sequence[nn.Parameter]
    ) -> float:
        """Divide the gradients by the sum over a step's batches, and give that, or 1.

        What does not move has no gradient then.
        """
        known = [divisor for divisor in divisors if divisor is not None]
        divisor = fsum(known) if known else 1.0
        for parameter in parameters:
            if known and parameter.grad is not None:
                parameter.grad.div_(divisor)
        for weight, mask in self._masked:
            if weight.grad is not None:
                weight.grad.masked_fill_(~mask, 0.0)
        return divisor

    @contextmanager
    def held(self) -> Iterator[None]:
        """Put back what may not move, whatever moments and decay have made of it meanwhile."""
        before = [weight.detach().clone() for weight, _ in self._masked]
        yield
        with torch.no_grad():
            for (weight, mask), held in zip(self._masked, before, strict=True):
                weight.copy_(torch.where(mask, weight, held))

    @property
    def tensors(self) -> dict[str, Tensor]:
        """The masks, as a saved state has them."""
        return {f"mask/{name}": mask for name, mask in self._masks.items()}


AS_SET = Apart()
"""A step as the settings say."""
