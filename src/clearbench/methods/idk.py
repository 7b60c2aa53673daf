"""I don't know."""

from dataclasses import dataclass

from torch import Tensor

from clearbench.methods.base import Method, View
from clearbench.models.answers import cross_entropy


@dataclass(frozen=True)
class IDontKnow(Method):
    """Learn to answer the forget questions with variants of "I don't know".

    Loss: CE(R) + CE(I). Source: TOFU, arXiv 2401.06121.
    """

    student_reads = ("retain", "idk")

    def loss(self, student: View, reference: View) -> Tensor:
        """CE on retain plus CE on the refusals."""
        return cross_entropy(student.retain) + cross_entropy(student.idk)
