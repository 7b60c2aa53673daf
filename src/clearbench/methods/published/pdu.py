"""PDU, as published in open-unlearning."""

from dataclasses import dataclass

from torch import Tensor

from clearbench.methods.base import View
from clearbench.methods.pdu import PrimalDualUnlearning
from clearbench.methods.published.base import everywhere, positions


@dataclass(frozen=True)
class PrimalDualUnlearningAsPublished(PrimalDualUnlearning):
    """The loss of pdu with the forget margins taken one position too late.

    Loss: as of pdu, but the margins are those of the positions of the answer tokens and not of the
    positions that predict them: the first token's own is left out, and one after the last is in.
    λ moves after each step by the mean of the batches; in the code, after each batch.
    Source: github.com/locuslab/open-unlearning.
    """

    domains = ("multimodal", "text")
    as_published = True

    def flatness(self, student: View, reference: View) -> Tensor:
        """γ times the mean squared margin at the answer tokens."""
        said = everywhere(student.forget)[student.forget.sample, positions(student.forget) + 1]
        margins = said.amax(-1) - said.mean(-1)
        return self.forget_weight * margins.square().mean()
