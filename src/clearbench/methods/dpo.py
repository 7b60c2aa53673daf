"""Direct preference optimisation."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field
from torch import Tensor
from torch.nn.functional import logsigmoid

from clearbench.methods.base import Method, View
from clearbench.models.answers import cross_entropy, log_likelihood


@dataclass(frozen=True)
class DirectPreferenceOptimisation(Method):
    """Prefer "I don't know" to the true answer, measured against the original.

    Loss: λ₁·CE(I) - λ₂·E log σ(β·[(log π_θ - log π_θ₀)(y_idk) - (log π_θ - log π_θ₀)(y)]),
    λ₁ = `idk_weight`, λ₂ = `preference_weight`. The reference is the original, as in TOFU; CLEAR's
    paper tunes it on the refusals first. The method's paper has the preference alone, λ₁ = 0 and
    λ₂ = 1; TOFU and open-unlearning have λ₁ = 0 and λ₂ = 2/β. Source: arXiv 2305.18290.
    """

    student_reads = ("forget", "idk")
    reference_reads = ("forget", "idk")

    beta: Annotated[float, Field(gt=0)] = 0.1
    idk_weight: Annotated[float, Field(ge=0)] = 1.0
    preference_weight: Annotated[float, Field(ge=0)] = 1.0

    def loss(self, student: View, reference: View) -> Tensor:
        """CE on the refusals plus the preference term."""
        chosen = log_likelihood(student.idk) - log_likelihood(reference.idk)
        rejected = log_likelihood(student.forget) - log_likelihood(reference.forget)
        preferred = logsigmoid(self.beta * (chosen - rejected))
        preference = -student.forget.over_samples(preferred)
        return self.idk_weight * cross_entropy(student.idk) + self.preference_weight * preference
