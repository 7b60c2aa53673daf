"""Gradient ascent held by a KL term."""

from dataclasses import dataclass

from torch import Tensor

from clearbench.methods.base import Method, View
from clearbench.models.answers import cross_entropy, kl_divergence


@dataclass(frozen=True)
class KLMinimisation(Method):
    """Gradient ascent on the forget set, the retain set's distribution held to the original's.

    Loss: -CE(F) + KL(p_θ₀ ‖ p_θ) on R. Source: TOFU, arXiv 2401.06121.
    """

    student_reads = ("forget", "retain")
    reference_reads = ("retain",)

    def loss(self, student: View, reference: View) -> Tensor:
        """Negative CE on forget plus the forward KL on retain."""
        kept = kl_divergence(reference.retain, student.retain)
        return kept - cross_entropy(student.forget)
