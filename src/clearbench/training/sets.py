"""What a training by a method is given of a domain: its two sets, and how they are run."""

from collections.abc import Sequence
from typing import Any, Protocol, Self

from torch import nn

from clearbench.methods.batches import Batch
from clearbench.models.answers import Answers, Totals


class Batches(Protocol):
    """The samples of a step, or of a part of it, as one batch of each kind."""

    def part(self, forget: slice, retain: slice) -> Self:
        """The batches of some samples of the step."""

    def totals(self, asked: Batch) -> Totals:
        """What the whole step has of what is asked."""


class ForgetAndRetain(Protocol):
    """The forget and the retain set of a cell, and how a domain's model is run on their batches."""

    @property
    def forget(self) -> Sequence[Any]: ...
    @property
    def retain(self) -> Sequence[Any]: ...
    @property
    def spared(self) -> Sequence[Any]:
        """The samples of the forgotten persons that are not to be forgotten."""

    def retaining(self, samples: Sequence[Any]) -> Self:
        """The same with other samples in the place of the retain set's."""

    def lengths(self, part: str) -> list[int]:
        """What the samples of `forget` or `retain` take, in any unit: like goes with like."""

    def batches(self, forget: list[int], retain: list[int], seed: int) -> Any:
        """The samples of a step, as `Batches` of the domain's own."""

    def answers(
        self, model: Any, batches: Any, asked: Sequence[Batch], layer: int | None
    ) -> list[Answers]:
        """What a model says of some batches of a step; of more than one, to the same questions."""

    def layer(self, model: Any, number: int) -> nn.Module:
        """A layer of a model, from 0; UserError names those that there are."""

    def stored(self, batches: Any, asked: Batch) -> Answers | None:
        """What the original says of a batch, where that is stored: with logits at the answers."""
