"""RMU, as published."""

from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from clearbench.methods.base import Method, View, states


@dataclass(frozen=True)
class RepresentationMisdirectionAsPublished(Method):
    """Steer the averages over time of all samples to all directions of a batch at once.

    Loss: β·mean (h̄_i - c_j)² over samples i, directions j and the width, plus mean (h - h⁰)² on R
    over all positions and the width. h̄ is a sample's state averaged over its positions, prompt,
    images and padding included; the c_j, one a sample, are drawn from U[0,1)^d and scaled to a
    common norm of `steering`. A state of shape (B, H) meets targets of shape (B, 1, H), so that
    each sample is steered to the mean of all targets; and those are √B shorter than intended. At
    the paper's batch of 1 neither makes a difference. The code draws the targets once, for its
    first batch; here they are those of the batch's size, the same at every step.
    Source: github.com/somvy/multimodal_unlearning.
    """

    layer: Annotated[int, Field(ge=0)] = 7
    steering: Annotated[float, Field(gt=0)] = 300.0
    beta: Annotated[float, Field(ge=0)] = 1.0

    student_reads = ("forget", "retain")
    reference_reads = ("retain",)
    domains = ("multimodal", "text")
    as_published = True

    def hidden_layer(self) -> int:
        """The layer of h."""
        return self.layer

    def loss(self, student: View, reference: View) -> Tensor:
        """The steering and the holding term."""
        averages = states(student.forget.whole_hidden).mean(1)
        size, width = averages.shape
        targets = self.steering * directions(size, width, student.seed).to(averages)
        steered = (averages - targets).square().mean()
        retain = states(student.retain.whole_hidden)
        held = (retain - states(reference.retain.whole_hidden)).square().mean()
        return self.beta * steered + held


def directions(size: int, width: int, seed: int) -> Tensor:
    """The targets of a batch, (size, 1, width), of norm 1 all together."""
    u = torch.rand(size, 1, width, generator=torch.Generator().manual_seed(seed))
    return u / u.norm()
