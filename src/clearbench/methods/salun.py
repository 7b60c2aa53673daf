"""SalUn: wrong answers, learnt by the weights that the forget set moves most."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field
from torch import Tensor

from clearbench.methods.base import Method, Trainer, View
from clearbench.methods.importances import largest
from clearbench.models.answers import cross_entropy


@dataclass(frozen=True)
class SaliencyUnlearning(Method):
    """Learn wrong answers to the forget questions, with the salient weights alone.

    Loss: CE(F questions with another forget answer each) + CE(R), on the `share` of all weights
    together whose |∇CE(F)| of the original is largest; the others are the same to the last bit. A
    weight without a gradient is never salient. Other answers are wrong ones: of other persons, or
    where one alone is forgotten, of other questions; of pictures always other forget persons. For
    full weights. Source: arXiv 2310.12508.
    """

    student_reads = ("mismatched(1)", "retain")
    importances = ("forget",)
    weights = ("full",)

    share: Annotated[float, Field(gt=0, le=1)] = 0.5

    def loss(self, student: View, reference: View) -> Tensor:
        """CE on the wrong answers and on the retain batch."""
        return cross_entropy(student.mismatched(1)) + cross_entropy(student.retain)

    def unlearn(self, trainer: Trainer) -> None:
        """Train the salient weights."""
        mask = largest(*trainer.importances("forget", squared=False), share=self.share)
        trainer.minimise(self.loss, mask=mask)
