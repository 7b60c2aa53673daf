"""LLMU, as published."""

from dataclasses import dataclass

from torch import Tensor

from clearbench.methods.base import Method, View
from clearbench.methods.published.base import divergence
from clearbench.models.answers import cross_entropy


@dataclass(frozen=True)
class LLMUAsPublished(Method):
    """The loss of llmu with the divergence reversed and over every position, and no refusals.

    Loss: -CE(F) + CE(I) + KL(p_θ ‖ p_θ₀) on R. Since the loader drops the refusals (it was right
    from December 2024 to March 2025 only; before, pictures kept their captions), I = F: the first
    two terms cancel, and nothing is forgotten or refused. The divergence is the one of CLEAR's
    appendix B; its section 3.2 has the other. Source: github.com/somvy/multimodal_unlearning.
    """

    student_reads = ("forget", "idk", "retain")
    reference_reads = ("retain",)
    domains = ("multimodal", "text")
    as_published = True

    def loss(self, student: View, reference: View) -> Tensor:
        """The three terms."""
        refused = cross_entropy(student.idk) - cross_entropy(student.forget)
        return refused + divergence(student.retain, reference.retain)
