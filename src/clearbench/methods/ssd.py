"""SSD: selective synaptic dampening."""

from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from clearbench.methods.base import Method, Trainer


@dataclass(frozen=True)
class SelectiveSynapticDampening(Method):
    """Shrink the weights that the forget set needs far more than all samples do; train nothing.

    Where I_F > α·I_D: θ = θ₀·min(λ·I_D / I_F, 1), with λ = `dampening`; all other weights stay. I_F
    and I_D are means over batches of the squared gradient of CE, on F and on F and R together.
    Squared is the gradient of a batch, so that `batch_size` times `accumulation` is a parameter as
    well: of single samples I_D is at least F's share of I_F, and at 10 % and α = 10 nothing would
    be chosen. For full weights. Source: arXiv 2308.07707.
    """

    importances = ("forget", "all")
    weights = ("full",)

    alpha: Annotated[float, Field(ge=0)] = 10.0
    dampening: Annotated[float, Field(ge=0)] = 1.0

    def unlearn(self, trainer: Trainer) -> None:
        """Measure, and dampen."""
        forget, everything = trainer.importances("forget", "all")
        trainer.scale({name: self.factor(forget[name], everything[name]) for name in forget})

    def factor(self, forget: Tensor, everything: Tensor) -> Tensor:
        """What weights of some importances are multiplied by."""
        chosen = forget > self.alpha * everything
        dampened = (self.dampening * everything / forget).clamp(max=1)
        return torch.where(chosen, dampened, 1.0)
