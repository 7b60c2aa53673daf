"""What a method sees of a model at a step: its answers on the batches, each run on demand."""

from collections.abc import Callable, Sequence
from functools import cached_property

import torch
from torch import Tensor

from clearbench.methods.base import Asked
from clearbench.models.answers import Answers


class ModelView:
    """The batches of a step as one model sees them; implements `methods.base.View`.

    `run` runs the model on what is asked; `trained` are the weights in training, none of a
    reference. With `refusals_lost` the forget batch stands in the place of the refusals. `share` is
    the batch's part of what a step has once.
    """

    def __init__(
        self,
        run: Callable[[Asked], Answers],
        seed: int,
        trained: Sequence[Tensor] = (),
        refusals_lost: bool = False,
        share: float = 1.0,
    ):
        self.seed = seed
        self._run = run
        self._trained = trained
        self._refusals_lost = refusals_lost
        self._share = share

    @cached_property
    def forget(self) -> Answers:
        """The model on the forget batch."""
        return self._run("forget")

    @cached_property
    def retain(self) -> Answers:
        """The model on the retain batch."""
        return self._run("retain")

    @cached_property
    def idk(self) -> Answers:
        """The model on the refusals."""
        return self.forget if self._refusals_lost else self._run("idk")

    def mismatched(self, k: int) -> Answers:
        """The model on the mismatched answers."""
        return self._run(k)

    @cached_property
    def flipped(self) -> Answers:
        """The model on the mirrored forget pictures, in the vision domain."""
        return self._run("flipped")

    @property
    def weight_l1(self) -> Tensor:
        """The sum of the absolute values of the weights in training, or the batch's share of it."""
        return torch.stack([weight.abs().sum() for weight in self._trained]).sum() * self._share
