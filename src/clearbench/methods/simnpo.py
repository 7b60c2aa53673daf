"""Simple negative preference optimisation."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field
from torch import Tensor
from torch.nn.functional import logsigmoid

from clearbench.methods.base import Method, View
from clearbench.models.answers import cross_entropy


@dataclass(frozen=True)
class SimpleNegativePreferenceOptimisation(Method):
    """Push down the forget answers' likelihood a token, with no reference to measure it against.

    Loss: -γ·(2/β)·E log σ(β·(CE(y) - δ)) + α·CE(R), where CE(y) is the mean over an answer's own
    tokens of -log p, so that long answers count as short ones; γ = `forget_weight`, α =
    `retain_weight`. β and γ are the authors' for a forget set of 10 % (2.5 and 0.1375 for 5 %).
    Source: arXiv 2410.07163.
    """

    student_reads = ("forget", "retain")

    beta: Annotated[float, Field(gt=0)] = 4.5
    delta: Annotated[float, Field(ge=0)] = 0.0
    forget_weight: Annotated[float, Field(ge=0)] = 0.125
    retain_weight: Annotated[float, Field(ge=0)] = 1.0

    def loss(self, student: View, reference: View) -> Tensor:
        """The softplus of each answer's mean log-likelihood, and CE on the retain batch."""
        forget = student.forget
        costs = -forget.in_answers(forget.token_log_likelihood)
        pushed = forget.over_samples(logsigmoid(self.beta * (costs - self.delta)))
        forgotten = -self.forget_weight * (2 / self.beta) * pushed
        return forgotten + self.retain_weight * cross_entropy(student.retain)
