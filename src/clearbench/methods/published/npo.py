"""Negative preference optimisation, as published."""

from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from clearbench.methods.base import Method, View
from clearbench.methods.published.base import everywhere


@dataclass(frozen=True)
class NegativePreferenceOptimisationAsPublished(Method):
    """Push down the probability of every token of the vocabulary at every position.

    Loss: (2/β)·mean log(1 + (p_θ/(p_θ₀ + 1e-8))^β), the mean over positions (prompt, images and
    padding too) and vocabulary, where the method has the likelihood of the answer.
    Source: github.com/somvy/multimodal_unlearning.
    """

    beta: Annotated[float, Field(gt=0)] = 1.0

    student_reads = ("forget",)
    reference_reads = ("forget",)
    domains = ("multimodal", "text")
    as_published = True

    def loss(self, student: View, reference: View) -> Tensor:
        """The mean over the grid; probabilities are divided as they are, as in the code."""
        p, q = everywhere(student.forget).exp(), everywhere(reference.forget).exp()
        ratio = p / (q + 1e-8)
        return (2 / self.beta) * torch.log1p(ratio**self.beta).mean()
