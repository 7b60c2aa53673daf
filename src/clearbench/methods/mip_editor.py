"""MIP-Editor: the neurons that forget answers owe most to, emptied and trained to mislead."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field
from torch import Tensor

from clearbench.methods.base import Method, Trainer, View, states
from clearbench.methods.rmu import direction


@dataclass(frozen=True)
class InfluentialPathEditor(Method):
    """Zero the path of neurons that forget answers take, and train it to misdirect states.

    A path has, of each feed-forward part of a block, the `count` neurons z that the mean
    log-likelihood L of a forget sample's answer owes most to; paths of all samples are united. In
    the text decoder that is the integrated gradient Σ_t z_t·∫₀¹ ∂L(αz)/∂z_t dα, all z scaled by one
    α, at the middles of `integration_steps` parts of [0, 1]; in a vision tower, of samples with an
    image, Σ_t (∂L/∂z_t)². Their rows of up_proj, or fc1, are set to 0, and with those of gate_proj
    they alone are trained (a gate at 0 beside them would leave no gradient). What `frozen` matches
    has no path.

    Loss: α·mean_t mean (h_ℓ(t) - h⁰_ℓ(t))² on R + γ·mean_t mean (h_ℓ(t) - c·u)² on F, the inner
    means over the width; t, ℓ and u as in rmu, α = `retain_weight`, γ = `forget_weight`, c =
    `steering`. Rows after ℓ stay at 0. Needs `weights: full`; its authors train for 1 epoch with a
    learning rate of 5e-4 and 6 samples a step. Source: arXiv 2511.06793.
    """

    student_reads = ("forget", "retain")
    reference_reads = ("retain",)
    weights = ("full",)
    domains = ("multimodal", "text")
    few_rows = True
    surveys = (("forget", 11),)

    layer: Annotated[int, Field(ge=0)] = 7
    steering: Annotated[float, Field(gt=0)] = 10.0
    retain_weight: Annotated[float, Field(ge=0)] = 0.5
    forget_weight: Annotated[float, Field(ge=0)] = 0.5
    count: Annotated[int, Field(ge=1)] = 5
    integration_steps: Annotated[int, Field(ge=1)] = 4

    def hidden_layer(self) -> int:
        """The layer ℓ."""
        return self.layer

    def loss(self, student: View, reference: View) -> Tensor:
        """The holding and the steering term."""
        forget, retain = states(student.forget.hidden), states(student.retain.hidden)
        apart = (retain - states(reference.retain.hidden)).square().mean(-1)
        target = self.steering * direction(forget.shape[-1], student.seed).to(forget)
        steered = (forget - target).square().mean(-1)
        held = self.retain_weight * student.retain.over_tokens(apart)
        return held + self.forget_weight * student.forget.over_tokens(steered)

    def unlearn(self, trainer: Trainer) -> None:
        """Find the paths, empty them, and train them."""
        path = trainer.neurons_by_influence(self.count, self.integration_steps)
        emptied = {name: rows for name, rows in path.items() if not name.endswith("gate_proj")}
        trainer.zero(emptied)
        trainer.minimise_rows(self.loss, path)
