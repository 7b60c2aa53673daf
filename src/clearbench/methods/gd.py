"""Gradient difference."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field
from torch import Tensor

from clearbench.methods.base import Method, View
from clearbench.models.answers import cross_entropy


@dataclass(frozen=True)
class GradientDifference(Method):
    """Gradient ascent on the forget set beside ordinary training on the retain set.

    Loss: -CE(F) + λ·CE(R), λ = `retain_weight`. Source: arXiv 2203.12817.
    """

    student_reads = ("forget", "retain")

    retain_weight: Annotated[float, Field(ge=0)] = 1.0

    def loss(self, student: View, reference: View) -> Tensor:
        """The weighted difference of the two CE."""
        retain = self.retain_weight * cross_entropy(student.retain)
        return retain - cross_entropy(student.forget)
