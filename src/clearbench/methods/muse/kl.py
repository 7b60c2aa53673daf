"""Gradient ascent held by a KL term, as in MUSE."""

from dataclasses import dataclass

from torch import Tensor

from clearbench.methods.base import Method, View
from clearbench.methods.published.base import logits
from clearbench.models.answers import cross_entropy


@dataclass(frozen=True)
class KLMinimisationOfLogits(Method):
    """The loss of kl with a term that is no divergence, for its logits were not normalised.

    Loss: -CE(F) + Σ exp(z⁰)·(z⁰ - z) / B on R, the sum over vocabulary and all positions, prompt,
    images and padding included, B samples. It has no lowest value: logits that rise make it fall.
    Source: github.com/swj0419/muse_bench.
    """

    student_reads = ("forget", "retain")
    reference_reads = ("retain",)
    domains = ("multimodal", "text")
    as_published = True

    def loss(self, student: View, reference: View) -> Tensor:
        """Negative CE on forget plus the term on retain."""
        before, now = logits(reference.retain), logits(student.retain)
        return (before.exp() * (before - now)).sum() / len(now) - cross_entropy(student.forget)
