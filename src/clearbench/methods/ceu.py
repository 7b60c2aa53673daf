"""CE-U: cross-entropy to the model's own words without the true one."""

from dataclasses import dataclass
from math import inf
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from clearbench.methods.base import Method, View


@dataclass(frozen=True)
class CrossEntropyUnlearning(Method):
    """Give the true token's probability to all others, as the model has them now.

    Loss: mean over answer tokens t of F of -Σ_v q_t(v)·log p_t(v), q_t = softmax(z_t with -∞ at the
    true token), without a gradient. The first `ignored_tokens` of an answer are left out; an answer
    that has no more of them (a yes or no, the person of a picture) is taken whole. There is neither
    a retain term nor a reference. Source: arXiv 2503.01224.
    """

    student_reads = ("forget",)

    ignored_tokens: Annotated[int, Field(ge=0)] = 1

    def loss(self, student: View, reference: View) -> Tensor:
        """The cross-entropy to the model's other words."""
        forget, said = student.forget, student.forget.log_probabilities
        true = torch.zeros_like(said, dtype=torch.bool).scatter(-1, forget.labels[:, None], True)
        others = said.detach().masked_fill(true, -inf).softmax(-1)
        return -forget.over_later_tokens((others * said).sum(-1), self.ignored_tokens)
