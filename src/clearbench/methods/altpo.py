"""AltPO: alternate preference optimisation."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field
from torch import Tensor
from torch.nn.functional import logsigmoid

from clearbench.methods.base import Method, View
from clearbench.models.answers import cross_entropy, log_likelihood


@dataclass(frozen=True)
class AlternatePreferenceOptimisation(Method):
    """Prefer an answer that the original made up to the true one, and keep what is retained.

    Loss: -(2/β)·E log σ(β·[(log π_θ - log π_θ₀)(y') - (log π_θ - log π_θ₀)(y)]) + α·CE(R), α =
    `retain_weight`, likelihoods of whole answers. Of the five alternates y' that the stage
    `alternates` has of a question, one is drawn at each step. The paper tries α of 1, 2 and 5.
    Source: arXiv 2409.13474.
    """

    student_reads = ("forget", "alternate", "retain")
    reference_reads = ("forget", "alternate")
    domains = ("multimodal", "text")

    beta: Annotated[float, Field(gt=0)] = 0.1
    retain_weight: Annotated[float, Field(ge=0)] = 1.0

    def loss(self, student: View, reference: View) -> Tensor:
        """The preference for the alternate, and CE on the retain batch."""
        chosen = log_likelihood(student.alternate) - log_likelihood(reference.alternate)
        rejected = log_likelihood(student.forget) - log_likelihood(reference.forget)
        preferred = student.forget.over_samples(logsigmoid(self.beta * (chosen - rejected)))
        return self.retain_weight * cross_entropy(student.retain) - (2 / self.beta) * preferred
