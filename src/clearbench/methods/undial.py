"""UNDIAL: distillation from the original with the true token's logit lowered."""

from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from clearbench.methods.base import Method, View


@dataclass(frozen=True)
class Undial(Method):
    """Learn what the original would say at each answer token if it held that token for less likely.

    Loss: mean over answer tokens t of F of -Σ_v q_t(v)·log p_t(v), q_t = softmax(z⁰_t - β·e_y) with
    the original's logits z⁰, lowered by β at the true token y. There is no retain term.
    Source: arXiv 2402.10052.
    """

    student_reads = ("forget",)
    reference_reads = ("forget",)

    beta: Annotated[float, Field(ge=0)] = 10.0

    def loss(self, student: View, reference: View) -> Tensor:
        """The cross-entropy to the adjusted original."""
        forget, original = student.forget, reference.forget.log_probabilities
        lowered = torch.full_like(original[:, :1], -self.beta)
        target = original.scatter_add(-1, forget.labels[:, None], lowered).softmax(-1)
        return -forget.over_tokens((target * forget.log_probabilities).sum(-1))
