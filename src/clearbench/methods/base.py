"""What a method is, and what it sees at a step."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from clearbench.models.answers import Answers


class View(Protocol):
    """One model's view of the batches of a step; a batch is encoded and run when first asked for.

    `forget` and `retain` are batches of the two sets, `idk` the forget questions answered with "I
    don't know" variants, `mismatched(k)` the forget questions with k answers of other forget
    samples each. `seed` is the seed of the run.
    """

    seed: int

    @property
    def forget(self) -> Answers: ...
    @property
    def retain(self) -> Answers: ...
    @property
    def idk(self) -> Answers: ...
    def mismatched(self, k: int) -> Answers: ...


Loss = Callable[[View, View], Tensor]


class Trainer(Protocol):
    """What a method that is more than a loss may do with the model."""

    def minimise(self, loss: Loss) -> None:
        """Train by the suite's settings."""

    def negate_update(self) -> None:
        """Replace θ by θ₀ - (θ - θ₀)."""


@dataclass(frozen=True)
class Method:
    """An unlearning method; its fields are its parameters."""

    def loss(self, student: View, reference: View) -> Tensor:
        """The scalar to minimise at a step.

        `student` is the model being trained, `reference` the frozen original (no gradient).
        """
        raise NotImplementedError(f"{type(self).__name__} has neither a loss nor its own unlearn")

    def unlearn(self, trainer: Trainer) -> None:
        """Unlearn; a method that is a loss is trained by it."""
        trainer.minimise(self.loss)

    def hidden_layer(self) -> int | None:
        """The decoder layer (from 0) whose output `Answers.hidden` holds; None for no layer."""
        return None
