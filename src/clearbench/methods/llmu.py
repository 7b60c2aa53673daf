"""LLMU: ascent, refusals and a held distribution."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field
from torch import Tensor

from clearbench.methods.base import Method, View
from clearbench.models.answers import cross_entropy, kl_divergence


@dataclass(frozen=True)
class LLMU(Method):
    """Gradient ascent on the forget set, "I don't know" in its place, the retain set held.

    Loss: -ε₁·CE(F) + ε₂·CE(I) + ε₃·KL(p_θ₀ ‖ p_θ) on R, with the weights `forget_weight`,
    `idk_weight` and `retain_weight`. As in CLEAR, which has refusals where the method's paper has
    random answers (`llmu@paper`). Source: arXiv 2310.10683.
    """

    student_reads = ("forget", "idk", "retain")
    reference_reads = ("retain",)

    forget_weight: Annotated[float, Field(ge=0)] = 1.0
    idk_weight: Annotated[float, Field(ge=0)] = 1.0
    retain_weight: Annotated[float, Field(ge=0)] = 1.0

    def loss(self, student: View, reference: View) -> Tensor:
        """The three weighted terms."""
        forgotten = -self.forget_weight * cross_entropy(student.forget)
        refused = self.idk_weight * self.replaced(student)
        kept = self.retain_weight * kl_divergence(reference.retain, student.retain)
        return forgotten + refused + kept

    def replaced(self, student: View) -> Tensor:
        """CE on what stands in the place of the forget answers."""
        return cross_entropy(student.idk)
