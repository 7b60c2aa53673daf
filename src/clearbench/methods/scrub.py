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

    Loss: α·KL(p_θ₀ ‖ p_θ) on R - KL(p_θ₀ ‖ p_θ) on F + γ·CE(R), all terms at each step as in CLEAR;
    the method's paper alternates epochs of the two signs. Source: arXiv 2302.09880.
    """

    student_reads = ("forget", "retain")
    reference_reads = ("forget", "retain")

    alpha: Annotated[float, Field(ge=0)] = 1.0
    gamma: Annotated[float, Field(ge=0)] = 1.0

    def loss(self, student: View, reference: View) -> Tensor:
        """The two divergences and CE on the retain batch."""
        kept = self.alpha * kl_divergence(reference.retain, student.retain)
        left = kl_divergence(reference.forget, student.forget)
        return kept - left + self.gamma * cross_entropy(student.retain)
