"""Adaptive RMU: representations misdirected as far as they are long."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field
from torch import Tensor

from clearbench.methods.base import Method, View, states
from clearbench.methods.rmu import direction


@dataclass(frozen=True)
class AdaptiveMisdirection(Method):
    """Steer the forget set's hidden states by a multiple of their own length, so at any layer.

    Loss: mean_t ‖h_ℓ(t) - β·‖h⁰_ℓ(t)‖·u‖² on F + α·mean_t ‖h_ℓ(t) - h⁰_ℓ(t)‖² on R, as in rmu but
    for the length β·‖h⁰_ℓ(t)‖ of the target, β = `scale`, where rmu has one for all. α is that of
    WMDP's corpora. Source: arXiv 2408.06223, with the losses of arXiv 2403.03218.
    """

    student_reads = ("forget", "retain")
    reference_reads = ("forget", "retain")

    layer: Annotated[int, Field(ge=0)] = 7
    scale: Annotated[float, Field(gt=0)] = 5.0
    alpha: Annotated[float, Field(ge=0)] = 1200.0

    def hidden_layer(self) -> int:
        """The layer ℓ."""
        return self.layer

    def loss(self, student: View, reference: View) -> Tensor:
        """The steering and the holding term."""
        forget, retain = states(student.forget.hidden), states(student.retain.hidden)
        lengths = states(reference.forget.hidden).norm(dim=-1, keepdim=True)
        target = self.scale * lengths * direction(forget.shape[-1], student.seed).to(forget)
        steered = student.forget.over_tokens((forget - target).square().sum(-1))
        apart = (retain - states(reference.retain.hidden)).square().sum(-1)
        return steered + self.alpha * student.retain.over_tokens(apart)
