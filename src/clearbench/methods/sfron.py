"""SFR-on: steps away from the forget set in the geometry of the rest."""

from dataclasses import dataclass
from math import cos, pi
from typing import Annotated

from pydantic import Field
from torch import Tensor

from clearbench.methods.alternation import ForgetStep
from clearbench.methods.base import Method, Trainer, View
from clearbench.methods.importances import outweighing
from clearbench.models.answers import Answers, cross_entropy


@dataclass(frozen=True)
class SaliencyForgetting(Method):
    """Climb the loss of the forget set where it outweighs the rest, and repair in between.

    A step on F alone: -α·(1 + cos πt)/2·Σ_i w_i·l_i with α = `forget_weight`, t the share of the
    training that is done, l_i the mean loss of sample i's answer tokens and w_i ∝ l_i^(-λ) of sum 1
    over the step (λ = `evenness`), without a gradient through w. It moves the weights alone where
    I_F / I_R ≥ `threshold`, means over batches of the original's squared gradients of CE, and is
    clipped to `max_norm`. Then `retain_steps` steps CE(R) on all weights; 0 for as many as R has
    samples for one of F. Its authors train with SGD (`optimizer: sgd`); AdamW divides by the size
    of gradients, so that there α says how much each kind of step weighs in its moments. For full
    weights. Source: arXiv 2409.19732.
    """

    student_reads = ("forget", "retain")
    importances = ("forget", "retain")
    separate = True
    weights = ("full",)

    forget_weight: Annotated[float, Field(ge=0)] = 25.0
    evenness: Annotated[float, Field(ge=0)] = 0.5
    threshold: Annotated[float, Field(ge=0)] = 1.0
    max_norm: Annotated[float, Field(gt=0)] = 7.0
    retain_steps: Annotated[int, Field(ge=0)] = 5

    def repair(self, student: View, reference: View) -> Tensor:
        """CE on the retain batch."""
        return cross_entropy(student.retain)

    def ascent(self, student: View, reference: View) -> Tensor:
        """The weighted losses of the forget batch, climbed."""
        return -(self._weights(student.forget) * _losses(student.forget)).sum()

    def divisor(self, student: View, reference: View) -> Tensor:
        """What the weights of the batch add up to."""
        return self._weights(student.forget).sum()

    def unlearn(self, trainer: Trainer) -> None:
        """Measure, then take steps on either set."""
        mask = outweighing(*trainer.importances("forget", "retain"), threshold=self.threshold)
        forget = ForgetStep(self.ascent, mask, self.divisor, self._rate, self.max_norm)
        trainer.alternate(self.repair, forget, self.retain_steps)

    def _rate(self, done: float) -> float:
        return self.forget_weight * (1 + cos(pi * done)) / 2

    def _weights(self, answers: Answers) -> Tensor:
        """l_i^(-λ), bounded where a loss is nought."""
        return _losses(answers).detach().clamp(min=1e-15) ** -self.evenness


def _losses(answers: Answers) -> Tensor:
    """The mean loss of each sample's answer tokens, (B,)."""
    return answers.in_answers(-answers.token_log_likelihood)
