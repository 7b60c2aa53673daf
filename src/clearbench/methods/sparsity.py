"""Sparsity: fine-tuning that shrinks weights."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field
from torch import Tensor

from clearbench.methods.base import Method, View
from clearbench.models.answers import cross_entropy


@dataclass(frozen=True)
class Sparsity(Method):
    """Train on what is to be kept, and let the weights that it does not need vanish.

    Loss: CE(R) + λ·‖θ‖₁ over all weights in training, λ = `penalty`. Source: arXiv 2304.04934, as
    used by CLEAR (arXiv 2410.18057).
    """

    student_reads = ("retain",)
    domains = ("vision",)

    penalty: Annotated[float, Field(ge=0)] = 1e-4

    def loss(self, student: View, reference: View) -> Tensor:
        """CE on the retain batch and the norm."""
        return cross_entropy(student.retain) + self.penalty * student.weight_l1
