"""SCRUB: a student that leaves its teacher on the forget set only."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field
from torch import Tensor

from clearbench.methods.base import Method, View
from clearbench.models.answers import cross_entropy, kl_divergence


@dataclass(frozen=True)
class Scrub(Method):
    """Stay with the original on the retain set, move away from it on the forget set.

    Loss: α·KL(p_θ₀ ‖ p_θ) on R - KL(p_θ₀ ‖ p_θ) on F + γ·CE(R), all terms at each step as in CLEAR.
    With `max_epochs` m from 1 epochs alternate as in the method's paper: the first, third, … of
    the first 2·m have the term on F alone, all others those on R; an epoch of either counts as one
    of the training's `epochs`. Ascent begins where the two models are one and KL is flat, so its
    first step goes nowhere in particular. Source: arXiv 2302.09880.
    """

    student_reads = ("forget", "retain")
    reference_reads = ("forget", "retain")

    alpha: Annotated[float, Field(ge=0)] = 1.0
    gamma: Annotated[float, Field(ge=0)] = 1.0
    max_epochs: Annotated[int, Field(ge=0)] = 0

    def loss(self, student: View, reference: View) -> Tensor:
        """The terms of the step's epoch, or all of them."""
        if self.max_epochs:
            rises = student.epoch % 2 == 0 and student.epoch < 2 * self.max_epochs
            return self.left(student, reference) if rises else self.kept(student, reference)
        return self.kept(student, reference) + self.left(student, reference)

    def kept(self, student: View, reference: View) -> Tensor:
        """The terms on the retain set."""
        kept = self.alpha * kl_divergence(reference.retain, student.retain)
        return kept + self.gamma * cross_entropy(student.retain)

    def left(self, student: View, reference: View) -> Tensor:
        """The term on the forget set."""
        return -kl_divergence(reference.forget, student.forget)
