"""Negative preference optimisation, as in MUSE."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field
from torch import Tensor
from torch.nn.functional import logsigmoid

from clearbench.methods.base import Method, View
from clearbench.methods.published.base import logits


@dataclass(frozen=True)
class NegativePreferenceOptimisationOfLogits(Method):
    """Push every logit of the forget batch below the original's, whatever word it is of.

    Loss: -(2/β)·mean log σ(β·(z⁰ - z)), the mean over vocabulary and all positions, prompt, images
    and padding included, where the method has the likelihood of the answer. What lowers all logits
    of a position lowers the loss and leaves what the model says.
    Source: github.com/swj0419/muse_bench.
    """

    student_reads = ("forget",)
    reference_reads = ("forget",)
    domains = ("multimodal", "text")
    as_published = True

    beta: Annotated[float, Field(gt=0)] = 0.1

    def loss(self, student: View, reference: View) -> Tensor:
        """The mean over the grid."""
        fallen = logits(reference.forget) - logits(student.forget)
        return -(2 / self.beta) * logsigmoid(self.beta * fallen).mean()
