"""Gradient ascent."""

from dataclasses import dataclass

from torch import Tensor

from clearbench.methods.base import Method, View
from clearbench.models.answers import cross_entropy


@dataclass(frozen=True)
class GradientAscent(Method):
    """Climb the loss of the forget set; nothing holds the rest in place.

    Loss: -CE(F). Source: arXiv 2210.01504.
    """

    student_reads = ("forget",)

    def loss(self, student: View, reference: View) -> Tensor:
        """Negative CE on the forget batch."""
        return -cross_entropy(student.forget)
