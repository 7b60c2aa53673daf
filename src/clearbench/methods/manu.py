"""MANU: the neurons that the forget set uses more than the retain set, pruned in each modality."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from clearbench.methods.base import Method, Trainer
from clearbench.models.neurons import Activations, Layer, Rows

_EPSILON = 1e-5


@dataclass(frozen=True)
class ModalityAwareNeuronUnlearning(Method):
    """Prune the neurons whose activations on the forget set stand out; nothing is trained.

    Score of a neuron: Σ_j w_j·(I_j(F)/(I_j(R) + 1e-5) - 1), with z what it puts out on a set and
    I_abs = mean |z|, I_freq the share of |z| > `threshold`, I_var the standard deviation of z and
    I_rms = √(mean z²), over all positions of the samples, prompt and images included; w are the
    four weights. Neurons are the outputs of the feed-forward layers (gate_proj, up_proj, down_proj,
    fc1, fc2) in the last `blocks` blocks of each tower. Of each tower that the forget set runs
    through, the `share` with the highest scores is set to 0, rows and biases. What `frozen` matches
    is no part of it: a tower that is frozen keeps its neurons. Needs `weights: full`; epochs and
    learning rate have no meaning. Weights and share are those of its authors' code
    (github.com/franciscoliu/MANU). Source: arXiv 2502.15910.
    """

    weights = ("full",)
    domains = ("multimodal", "text")
    few_rows = True
    surveys = (("forget", 1), ("retain", 1))

    share: Annotated[float, Field(ge=0, le=1)] = 0.02
    blocks: Annotated[int, Field(ge=1)] = 3
    threshold: Annotated[float, Field(ge=0)] = 0.1
    absolute_weight: Annotated[float, Field(ge=0)] = 2.0
    frequency_weight: Annotated[float, Field(ge=0)] = 0.0
    deviation_weight: Annotated[float, Field(ge=0)] = 2.0
    rms_weight: Annotated[float, Field(ge=0)] = 2.0

    def unlearn(self, trainer: Trainer) -> None:
        """Choose the neurons, and prune them."""
        trainer.zero(trainer.neurons_by_activity(self.choose, self.threshold))

    def choose(self, seen: Mapping[Layer, tuple[Activations, Activations]]) -> Rows:
        """The neurons to prune, by what all put out on the forget and on the retain set."""
        chosen: dict[str, list[int]] = {}
        scores = self.scores(seen)
        for tower in dict.fromkeys(layer.tower for layer in scores):
            layers = [layer for layer in scores if layer.tower == tower]
            together = torch.cat([scores[layer] for layer in layers])
            taken = self.taken(together).split([len(scores[layer]) for layer in layers])
            for layer, rows in zip(layers, taken, strict=True):
                chosen[layer.name] = rows.nonzero().flatten().tolist()
        return chosen

    def scores(self, seen: Mapping[Layer, tuple[Activations, Activations]]) -> dict[Layer, Tensor]:
        """The score of each neuron of the layers that may be pruned, (K,)."""
        return {
            layer: self.score(*pair)
            for layer, pair in seen.items()
            if layer.block >= layer.blocks - self.blocks and pair[0].count
        }

    def score(self, forget: Activations, retain: Activations) -> Tensor:
        """The score of each neuron of a layer, (K,)."""
        pairs = (
            (self.absolute_weight, forget.absolute, retain.absolute),
            (self.frequency_weight, forget.frequency, retain.frequency),
            (self.deviation_weight, forget.deviation, retain.deviation),
            (self.rms_weight, forget.root_mean_square, retain.root_mean_square),
        )
        terms = [weight * (ours / (theirs + _EPSILON) - 1) for weight, ours, theirs in pairs]
        return torch.stack(terms).sum(0)

    def taken(self, scores: Tensor) -> Tensor:
        """Whether each neuron of a tower is among its share; of equal ones the first are."""
        order = scores.sort(descending=True, stable=True).indices
        taken = torch.zeros_like(scores, dtype=torch.bool)
        taken[order[: int(self.share * len(scores))]] = True
        return taken
