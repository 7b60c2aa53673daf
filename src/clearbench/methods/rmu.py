"""RMU: misdirected representations."""

from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from clearbench.methods.base import Method, View, states


@dataclass(frozen=True)
class RepresentationMisdirection(Method):
    """Steer the forget set's hidden states to one random direction, hold the retain set's.

    Loss: mean_t ‖h_ℓ(t) - c·u‖² on F + α·mean_t ‖h_ℓ(t) - h⁰_ℓ(t)‖² on R, with t over the positions
    that predict answer tokens, ‖·‖² summed over the hidden width, and u one unit vector of a run,
    drawn from U[0,1)^d. `layer` counts decoder layers from 0; 7 and c = 300 suit 32-layer models.
    Of an image model h is a stage's (or block's) output, averaged over the picture.
    Source: arXiv 2403.03218.
    """

    student_reads = ("forget", "retain")
    reference_reads = ("retain",)

    layer: Annotated[int, Field(ge=0)] = 7
    steering: Annotated[float, Field(gt=0)] = 300.0
    alpha: Annotated[float, Field(ge=0)] = 1.0

    def hidden_layer(self) -> int:
        """The layer ℓ."""
        return self.layer

    def loss(self, student: View, reference: View) -> Tensor:
        """The steering and the holding term."""
        forget, retain = states(student.forget.hidden), states(student.retain.hidden)
        target = self.steering * direction(forget.shape[-1], student.seed).to(forget)
        steered = student.forget.over_tokens((forget - target).square().sum(-1))
        apart = (retain - states(reference.retain.hidden)).square().sum(-1)
        held = student.retain.over_tokens(apart)
        return steered + self.alpha * held


def direction(width: int, seed: int) -> Tensor:
    """The unit vector u of a run, (width,): the same at every step."""
    u = torch.rand(width, generator=torch.Generator().manual_seed(seed))
    return u / u.norm()
