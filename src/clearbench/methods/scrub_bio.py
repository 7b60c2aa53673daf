"""SCRUBbio: embeddings that leave the original's on the forget set only."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field
from torch import Tensor

from clearbench.methods.base import Method, View
from clearbench.models.answers import Answers


@dataclass(frozen=True)
class ScrubBio(Method):
    """Turn the embeddings of the forget set away from the original's, hold the retain set's.

    Loss: γ·E_F cos(f(x), f₀(x)) - α·E_R cos(f(x), f₀(x)), with γ = `forget_weight` and α =
    `retain_weight`: the forget embeddings move away and the retain embeddings stay. CLEAR writes
    the same with cosine distance. Source: CLEAR (arXiv 2410.18057), vision domain.
    """

    student_reads = ("forget", "retain")
    reference_reads = ("forget", "retain")
    domains = ("vision",)

    forget_weight: Annotated[float, Field(ge=0)] = 1.0
    retain_weight: Annotated[float, Field(ge=0)] = 1.0

    def loss(self, student: View, reference: View) -> Tensor:
        """The two mean cosines, one pushed down and one up."""
        left = similarity(student.forget, reference.forget)
        kept = similarity(student.retain, reference.retain)
        return self.forget_weight * left - self.retain_weight * kept


def similarity(answers: Answers, others: Answers) -> Tensor:
    """The mean cosine of the embeddings of the same pictures by two models."""
    if answers.embeddings is None or others.embeddings is None:
        raise ValueError("scrub_bio needs embeddings")
    return answers.over_samples((answers.embeddings * others.embeddings).sum(-1))
