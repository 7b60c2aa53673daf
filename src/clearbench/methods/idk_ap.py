"""I don't know, with the answers to what is retained preserved."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field
from torch import Tensor
from torch.nn.functional import logsigmoid

from clearbench.methods.base import Method, View
from clearbench.models.answers import cross_entropy, log_likelihood


@dataclass(frozen=True)
class AnswerPreservation(Method):
    """Refuse the forget questions, and prefer the true answer to a refusal of the retain questions.

    Loss: CE(I) - (1/β)·E_R log σ(β·[log π_θ(y|x) - log π_θ(y_idk|x)]), likelihoods of whole
    answers. Source: arXiv 2410.08109.
    """

    student_reads = ("idk", "retain", "retain_idk")

    beta: Annotated[float, Field(gt=0)] = 0.1

    def loss(self, student: View, reference: View) -> Tensor:
        """CE on the refusals plus the preference for the retain answers."""
        apart = log_likelihood(student.retain) - log_likelihood(student.retain_idk)
        preserved = student.retain.over_samples(logsigmoid(self.beta * apart))
        return cross_entropy(student.idk) - preserved / self.beta
