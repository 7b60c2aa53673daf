"""Maximum entropy with gradient descent."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field
from torch import Tensor

from clearbench.methods.base import Method, View
from clearbench.models.answers import Answers, cross_entropy


@dataclass(frozen=True)
class MaximumEntropy(Method):
    """Make every word as likely as any other in the forget answers, train on the retain set.

    Loss: α·mean over answer tokens of F of KL(uniform ‖ p_θ) + CE(R), α = `forget_weight`.
    Source: arXiv 2410.08109.
    """

    student_reads = ("forget", "retain")

    forget_weight: Annotated[float, Field(ge=0)] = 0.1

    def loss(self, student: View, reference: View) -> Tensor:
        """The distance from the uniform distribution, and CE on the retain batch."""
        return self.forget_weight * from_uniform(student.forget) + cross_entropy(student.retain)


def from_uniform(answers: Answers) -> Tensor:
    """KL(uniform ‖ p), the mean over answer tokens, in nats: -log V - (1/V)·Σ_v log p(v)."""
    said = answers.log_probabilities
    words = said.new_tensor(said.shape[-1])
    return answers.over_tokens(-words.log() - said.mean(-1))
