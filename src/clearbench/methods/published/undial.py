"""UNDIAL, as published in open-unlearning."""

from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from clearbench.methods.base import Method, View
from clearbench.methods.published.base import everywhere, positions

_IGNORED = 100
"""The label of what is no answer token, -100, as an index: the hundredth word from the end."""


@dataclass(frozen=True)
class UndialAsPublished(Method):
    """The loss of undial over all positions, with a word lowered that nobody said.

    Loss: mean over all positions of -Σ_v q(v)·log p_θ(v), q = softmax(z⁰ - β·e_y), prompt, images
    and padding included. Where no answer token is predicted, y is the hundredth word from the end
    of the vocabulary (none, of one with fewer words; there the code fails). Batches are padded on
    the left here, on the right there. Source: github.com/locuslab/open-unlearning.
    """

    student_reads = ("forget",)
    reference_reads = ("forget",)
    domains = ("multimodal", "text")
    as_published = True

    beta: Annotated[float, Field(ge=0)] = 10.0

    def loss(self, student: View, reference: View) -> Tensor:
        """The cross-entropy to the adjusted original, but for the last position."""
        forget = student.forget
        said, original = (everywhere(view.forget)[:, :-1] for view in (student, reference))
        lowered = torch.zeros_like(original)
        if said.shape[-1] >= _IGNORED:
            lowered[..., -_IGNORED] = self.beta
        place = forget.sample, positions(forget)
        lowered[place] = 0.0
        lowered[(*place, forget.labels)] = self.beta
        return -((original - lowered).softmax(-1) * said).sum(-1).mean()
