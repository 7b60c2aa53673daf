"""Negative preference optimisation."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field
from torch import Tensor
from torch.nn.functional import logsigmoid

from clearbench.methods.base import Method, View
from clearbench.models.answers import log_likelihood


@dataclass(frozen=True)
class NegativePreferenceOptimisation(Method):
    """Push the forget answers' likelihood down, the less the further it already fell.

    Loss: (2/β)·E log(1 + (π_θ(y|x)/π_θ₀(y|x))^β), likelihoods of whole answers. β is 1 in CLEAR,
    0.1 in the method's paper. Source: arXiv 2404.05868.
    """

    student_reads = ("forget",)
    reference_reads = ("forget",)

    beta: Annotated[float, Field(gt=0)] = 1.0

    def loss(self, student: View, reference: View) -> Tensor:
        """The softplus of the log-likelihood ratio; log(1+e^z) = -log σ(-z)."""
        ratio = log_likelihood(student.forget) - log_likelihood(reference.forget)
        return -(2 / self.beta) * student.forget.over_samples(logsigmoid(-self.beta * ratio))
