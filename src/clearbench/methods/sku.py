"""SKU: learn the harmful knowledge, then subtract it."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field
from torch import Tensor

from clearbench.methods.base import Method, Trainer, View
from clearbench.models.answers import cross_entropy, kl_divergence


@dataclass(frozen=True)
class SelectiveKnowledgeNegation(Method):
    """Train θ' to hold the knowledge strongly and the rest loosely, then negate the update.

    Loss of θ': ε₁·CE(F) + ε₂·CE(F questions with K other forget answers) - ε₃·KL(p_θ₀ ‖ p_θ') on R;
    then θ = θ₀ - (θ' - θ₀). ε = `forget_weight`, `mismatch_weight`, `retain_weight`;
    K = `mismatches`. Other answers are wrong ones: of other persons, or where one alone is
    forgotten, of other questions. Weights and K are those that its authors run it with
    (github.com/franciscoliu/SKU). Source: arXiv 2402.10058.
    """

    student_reads = ("forget", "mismatched(mismatches)", "retain")
    reference_reads = ("retain",)

    forget_weight: Annotated[float, Field(ge=0)] = 2.5
    mismatch_weight: Annotated[float, Field(ge=0)] = 2.5
    retain_weight: Annotated[float, Field(ge=0)] = 1.0
    mismatches: Annotated[int, Field(ge=1)] = 5

    def loss(self, student: View, reference: View) -> Tensor:
        """The loss of θ'."""
        learnt = self.forget_weight * cross_entropy(student.forget)
        mismatched = self.mismatch_weight * cross_entropy(student.mismatched(self.mismatches))
        loosened = self.retain_weight * kl_divergence(reference.retain, student.retain)
        return learnt + mismatched - loosened

    def unlearn(self, trainer: Trainer) -> None:
        """Train θ', then negate."""
        trainer.minimise(self.loss)
        trainer.negate_update()
