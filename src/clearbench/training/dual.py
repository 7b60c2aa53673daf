"""The dual variable of a constrained training: a number that outlives a step."""

from collections.abc import Callable, Mapping, Sequence
from math import fsum
from typing import Any, Protocol

import torch
from torch import Tensor

Term = Callable[[Any, Any], Tensor]
"""A loss, or a part of one, of what the student and the reference say."""


class Bound(Protocol):
    """A `methods.base.Constraint`.

    All that trains imports this file, and an edit of what methods share is to rerun cells alone.
    """

    @property
    def violation(self) -> Term: ...
    @property
    def weight(self) -> float: ...
    @property
    def rate(self) -> float: ...
    @property
    def warmup(self) -> float: ...


class Dual:
    """The weight λ of a constraint, in a training of so many steps.

    It is the same for all batches of a step, and in all processes: before λ moves, what the batches
    have of the violation is added up in their order, or of a method `as_published` averaged.
    """

    def __init__(self, constraint: Bound, steps: int, as_published: bool = False):
        self.value = constraint.weight
        self._constraint = constraint
        self._steps = steps
        self._averages = as_published
        self._told: list[float] = []

    def added_to(self, loss: Term) -> Term:
        """A loss with λ times the violation added."""

        def run(student: Any, reference: Any) -> Tensor:
            violation = self._constraint.violation(student, reference)
            self._told.append(violation.item())
            return loss(student, reference) + self.value * violation

        return run

    def take(self) -> float:
        """The violation that the batches since the last call had."""
        told, self._told = fsum(self._told), []
        return told

    def end_step(self, violations: Sequence[float], done: int) -> None:
        """Move λ by the violations of a step's batches, when so many steps are done."""
        if done > self._constraint.warmup * self._steps:
            violation = fsum(violations) / (len(violations) if self._averages else 1)
            self.value = max(0.0, self.value + self._constraint.rate * violation)

    def state_dict(self) -> dict[str, Tensor]:
        """λ, to the last bit."""
        return {"dual": torch.tensor(self.value, dtype=torch.float64)}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Put it back."""
        self.value = state["dual"].item()
