"""SatImp: gradient ascent weighted by saturation and importance."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field
from torch import Tensor

from clearbench.methods.base import Method, View
from clearbench.models.answers import cross_entropy


@dataclass(frozen=True)
class SaturationAndImportance(Method):
    """Gradient ascent on likely tokens (not yet forgotten) that are not certain (so they matter).

    Loss: γ·mean over answer tokens of F of p^β₁·(1 - p)^β₂·log p + α·CE(R), the weight without a
    gradient; β₁ = `saturation`, β₂ = `importance`, γ = `forget_weight`, α = `retain_weight`.
    open-unlearning has γ = 0.1 and α = 1 in its configuration, 1 and 0.1 in its code.
    Source: arXiv 2505.11953.
    """

    student_reads = ("forget", "retain")

    saturation: Annotated[float, Field(ge=0)] = 5.0
    importance: Annotated[float, Field(ge=0)] = 1.0
    forget_weight: Annotated[float, Field(ge=0)] = 0.1
    retain_weight: Annotated[float, Field(ge=0)] = 1.0

    def loss(self, student: View, reference: View) -> Tensor:
        """The weighted log-likelihood, and CE on the retain batch."""
        tokens = student.forget.token_log_likelihood
        likely = tokens.detach().exp()
        weights = likely**self.saturation * (1 - likely) ** self.importance
        forgotten = self.forget_weight * student.forget.over_tokens(weights * tokens)
        return forgotten + self.retain_weight * cross_entropy(student.retain)
