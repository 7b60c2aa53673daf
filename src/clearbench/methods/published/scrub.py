"""SCRUB, as published."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field
from torch import Tensor

from clearbench.methods.base import Method, View
from clearbench.methods.published.base import divergence
from clearbench.models.answers import cross_entropy


@dataclass(frozen=True)
class ScrubAsPublished(Method):
    """The loss of scrub with the divergences reversed, and over every position.

    Loss: KL(p_θ ‖ p_θ₀) on R - β·KL(p_θ ‖ p_θ₀) on F + CE(R), prompt, images and padding included
    in KL. Source: github.com/somvy/multimodal_unlearning.
    """

    beta: Annotated[float, Field(ge=0)] = 1.0

    student_reads = ("forget", "retain")
    reference_reads = ("forget", "retain")
    domains = ("multimodal", "text")
    as_published = True

    def loss(self, student: View, reference: View) -> Tensor:
        """The two divergences and CE on the retain batch."""
        kept = divergence(student.retain, reference.retain)
        left = self.beta * divergence(student.forget, reference.forget)
        return kept - left + cross_entropy(student.retain)
