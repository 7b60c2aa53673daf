"""Twins: forget pictures seen as the original sees pictures that it never saw."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field
from torch import Tensor

from clearbench.methods.base import Method, View
from clearbench.models.answers import Answers


@dataclass(frozen=True)
class Twins(Method):
    """Give a forget picture the embedding that the original gives its mirror image.

    Loss: E‖f(x) - f₀(mirrored x)‖² on F + α·E‖f(x) - f₀(x)‖² on R, embeddings of unit length,
    α = `retain_weight`. A mirrored picture stands for one that was not trained on, so no training
    may mirror. Source: CLEAR (arXiv 2410.18057), vision domain.
    """

    student_reads = ("forget", "retain")
    reference_reads = ("flipped", "retain")
    domains = ("vision",)
    unaugmented = True

    retain_weight: Annotated[float, Field(ge=0)] = 1.0

    def loss(self, student: View, reference: View) -> Tensor:
        """The two mean squared distances."""
        forgotten = squared_distance(student.forget, reference.flipped)
        return forgotten + self.retain_weight * squared_distance(student.retain, reference.retain)


def squared_distance(answers: Answers, others: Answers) -> Tensor:
    """The mean squared distance of the embeddings of two models, in [0, 4]."""
    if answers.embeddings is None or others.embeddings is None:
        raise ValueError("twins needs embeddings")
    return answers.over_samples((answers.embeddings - others.embeddings).square().sum(-1))
