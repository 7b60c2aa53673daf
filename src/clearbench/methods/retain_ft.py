"""Fine-tuning on the retain set."""

from dataclasses import dataclass

from torch import Tensor

from clearbench.methods.base import Method, View
from clearbench.models.answers import cross_entropy


@dataclass(frozen=True)
class RetainFinetuning(Method):
    """Go on training on what is to be kept, and let the rest fade.

    Loss: CE(R). Source: CLEAR (arXiv 2410.18057), appendix B.1.
    """

    student_reads = ("retain",)

    def loss(self, student: View, reference: View) -> Tensor:
        """CE on the retain batch."""
        return cross_entropy(student.retain)
