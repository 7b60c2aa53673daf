"""PDU: primal-dual unlearning."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field
from torch import Tensor

from clearbench.methods.base import Constraint, Method, Trainer, View


@dataclass(frozen=True)
class PrimalDualUnlearning(Method):
    """Flatten the logits of the forget answers as far as the retain set's loss keeps to a bound.

    Loss: γ·mean over answer tokens of F of (max_v z(v) - mean_v z(v))² + λ·(CE(R) - ε), with γ =
    `forget_weight` and ε = `bound`. λ starts at `retain_weight`; after each step it becomes
    max(0, λ + η·(CE(R) - ε)), η = `dual_rate`, once the share `dual_warmup` of the training is done
    (5 of 10 epochs). No ε serves all models: take the original's loss on the retain set and some
    slack; at 0, the default in open-unlearning, λ can only grow. Its page of the method recommends
    a start of 50 to 100. Source: arXiv 2506.05314.
    """

    student_reads = ("forget", "retain")

    bound: Annotated[float, Field(ge=0)] = 0.0
    forget_weight: Annotated[float, Field(ge=0)] = 1.0
    retain_weight: Annotated[float, Field(ge=0)] = 1.0
    dual_rate: Annotated[float, Field(ge=0)] = 1.0
    dual_warmup: Annotated[float, Field(ge=0, le=1)] = 0.5

    def loss(self, student: View, reference: View) -> Tensor:
        """The loss of the first step, whose λ is `retain_weight`."""
        violated = self.retain_weight * self.violation(student, reference)
        return self.flatness(student, reference) + violated

    def flatness(self, student: View, reference: View) -> Tensor:
        """γ times the squared margin of the forget answers' likeliest words over the mean word."""
        # Of log-probabilities it is the same as of logits.
        said = student.forget.log_probabilities
        margins = said.amax(-1) - said.mean(-1)
        return self.forget_weight * student.forget.over_tokens(margins.square())

    def violation(self, student: View, reference: View) -> Tensor:
        """CE(R) - ε, as a mean over tokens, so that batches have their shares of both."""
        return -student.retain.over_tokens(student.retain.token_log_likelihood + self.bound)

    def unlearn(self, trainer: Trainer) -> None:
        """Train under the constraint."""
        bound = Constraint(self.violation, self.retain_weight, self.dual_rate, self.dual_warmup)
        trainer.minimise(self.flatness, bound)
