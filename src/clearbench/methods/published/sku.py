"""SKU, as published."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field
from torch import Tensor

from clearbench.methods.base import Method, View
from clearbench.methods.published.base import divergence
from clearbench.models.answers import Answers, cross_entropy


@dataclass(frozen=True)
class SelectiveKnowledgeNegationAsPublished(Method):
    """The loss of sku with other weights, its mismatched answers summed, and nothing negated.

    Loss: ε₁·CE(F) + ε₂·Σ_k CE(F_k) - ε₃·KL(p_θ₀ ‖ p_θ) on R over every position, prompt, images and
    padding included. F_k are the forget questions with the k-th of K forget answers each; of a
    picture it is another picture with its own question and caption, so that nothing is mismatched.
    The trained weights stay as they are: what is to be forgotten is learnt once more.
    Source: github.com/somvy/multimodal_unlearning.
    """

    forget_weight: Annotated[float, Field(ge=0)] = 2.5
    mismatch_weight: Annotated[float, Field(ge=0)] = 1.0
    retain_weight: Annotated[float, Field(ge=0)] = 0.5
    mismatches: Annotated[int, Field(ge=1)] = 3

    student_reads = ("forget", "mismatched(mismatches)", "retain")
    reference_reads = ("retain",)
    domains = ("multimodal", "text")
    as_published = True

    def loss(self, student: View, reference: View) -> Tensor:
        """The three terms."""
        learnt = self.forget_weight * cross_entropy(student.forget)
        mismatched = summed(student.mismatched(self.mismatches), self.mismatches)
        loosened = self.retain_weight * divergence(reference.retain, student.retain)
        return learnt + self.mismatch_weight * mismatched - loosened


def summed(answers: Answers, k: int) -> Tensor:
    """The sum over k of CE of the k-th answers, `answers` having k of each sample in turn."""
    tokens, of = answers.token_log_likelihood, answers.sample % k
    total = tokens.new_zeros(k).index_add(0, of, tokens)
    count = tokens.new_zeros(k).index_add(0, of, tokens.new_ones(len(tokens)))
    return -(total / count).sum()
