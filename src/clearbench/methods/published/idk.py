"""I don't know, as published."""

from dataclasses import dataclass

from torch import Tensor

from clearbench.methods.base import Method, View
from clearbench.models.answers import cross_entropy


@dataclass(frozen=True)
class IDontKnowAsPublished(Method):
    """The loss of idk on the forget answers: the loader builds the refusals and drops them.

    Loss: CE(R) + CE(I), with I = F. The code was right from December 2024 to March 2025 only;
    before, pictures kept their captions. Source: github.com/somvy/multimodal_unlearning.
    """

    student_reads = ("retain", "idk")
    domains = ("multimodal", "text")
    as_published = True

    def loss(self, student: View, reference: View) -> Tensor:
        """CE on retain plus CE on what should be the refusals."""
        return cross_entropy(student.retain) + cross_entropy(student.idk)
