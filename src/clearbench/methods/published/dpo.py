"""Direct preference optimisation, as published."""

from dataclasses import dataclass

from torch import Tensor

from clearbench.methods.base import Method, View
from clearbench.models.answers import log_likelihood


@dataclass(frozen=True)
class DirectPreferenceOptimisationAsPublished(Method):
    """No preference at all: the loss is overwritten and ends as the refusals' own likelihood.

    Loss: -E log π_θ(I), likelihoods of whole answers, with I = F since the loader drops the
    refusals (it was right from December 2024 to March 2025 only; before, pictures kept their
    captions). Source: github.com/somvy/multimodal_unlearning.
    """

    student_reads = ("idk",)
    domains = ("multimodal", "text")
    as_published = True

    def loss(self, student: View, reference: View) -> Tensor:
        """The mean over samples of the sum over answer tokens of -log p."""
        return -log_likelihood(student.idk).mean()
