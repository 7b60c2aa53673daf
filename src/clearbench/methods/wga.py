"""Weighted gradient ascent."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field
from torch import Tensor

from clearbench.methods.base import Method, View
from clearbench.models.answers import cross_entropy


@dataclass(frozen=True)
class WeightedGradientAscent(Method):
    """Gradient ascent that leaves alone the tokens that are already unlikely.

    Loss: γ·mean over answer tokens of F of p^β·log p + α·CE(R), the weight p^β without a gradient;
    γ = `forget_weight`, α = `retain_weight`. Source: arXiv 2502.19301.
    """

    student_reads = ("forget", "retain")

    beta: Annotated[float, Field(ge=0)] = 1.0
    forget_weight: Annotated[float, Field(ge=0)] = 1.0
    retain_weight: Annotated[float, Field(ge=0)] = 1.0

    def loss(self, student: View, reference: View) -> Tensor:
        """The weighted log-likelihood, and CE on the retain batch."""
        tokens = student.forget.token_log_likelihood
        weights = (self.beta * tokens.detach()).exp()
        forgotten = self.forget_weight * student.forget.over_tokens(weights * tokens)
        return forgotten + self.retain_weight * cross_entropy(student.retain)
