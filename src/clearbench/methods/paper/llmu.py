"""LLMU, as in its own paper."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field
from torch import Tensor

from clearbench.methods.base import View
from clearbench.methods.llmu import LLMU
from clearbench.models.answers import cross_entropy


@dataclass(frozen=True)
class LLMUWithRandomAnswers(LLMU):
    """The loss of llmu with random answers, where CLEAR has refusals.

    Loss: -ε₁·CE(F) + ε₂·CE(F questions with K other answers) + ε₃·KL(p_θ₀ ‖ p_θ) on R, ε₂ =
    `idk_weight`, K = `mismatches`. The paper draws them from answers of other data; here they are
    wrong ones of other forget persons, as in sku. Source: arXiv 2310.10683.
    """

    student_reads = ("forget", "mismatched(mismatches)", "retain")

    mismatches: Annotated[int, Field(ge=1)] = 5

    def replaced(self, student: View) -> Tensor:
        """CE on the other answers."""
        return cross_entropy(student.mismatched(self.mismatches))
