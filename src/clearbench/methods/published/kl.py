"""Gradient ascent held by a KL term, as published."""

from dataclasses import dataclass

from torch import Tensor

from clearbench.methods.base import Method, View
from clearbench.methods.published.base import divergence
from clearbench.models.answers import cross_entropy


@dataclass(frozen=True)
class KLMinimisationAsPublished(Method):
    """The loss of kl with the divergence over every position, prompt, images and padding included.

    Loss: -CE(F) + KL(p_θ₀ ‖ p_θ) on R. Source: github.com/somvy/multimodal_unlearning.
    """

    student_reads = ("forget", "retain")
    reference_reads = ("retain",)
    domains = ("multimodal", "text")
    as_published = True

    def loss(self, student: View, reference: View) -> Tensor:
        """Negative CE on forget plus the forward KL on retain."""
        return divergence(reference.retain, student.retain) - cross_entropy(student.forget)
