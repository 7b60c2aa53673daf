"""Task arithmetic: the direction of learning the forget set, subtracted."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field
from torch import Tensor

from clearbench.methods.base import Method, Trainer, View
from clearbench.models.answers import cross_entropy


@dataclass(frozen=True)
class TaskVector(Method):
    """Learn the forget set once more, and go as far the other way.

    Loss of θ': CE(F); then θ = θ₀ - α·(θ' - θ₀), α = `scale`. Source: arXiv 2212.04089.
    """

    student_reads = ("forget",)

    scale: Annotated[float, Field(gt=0)] = 1.0

    def loss(self, student: View, reference: View) -> Tensor:
        """CE on the forget batch."""
        return cross_entropy(student.forget)

    def unlearn(self, trainer: Trainer) -> None:
        """Train θ', then negate its scaled update."""
        trainer.minimise(self.loss)
        trainer.negate_update(self.scale)
