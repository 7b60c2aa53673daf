"""LEACE: a concept erased from linear maps in closed form."""

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from clearbench.methods.base import Method, Trainer

_DAMPING = 1e-6
"""What is added to the second moment's diagonal, in shares of its mean: outputs may be few."""


@dataclass(frozen=True)
class LeastSquaresErasure(Method):
    """Take from a layer's linear maps what tells the forget set from the retain set; no training.

    Of a map with outputs Wx, apart from its bias: W becomes (I - Δ(ΔᵀM⁻¹Δ)⁻¹ΔᵀM⁻¹)·W, with M the
    second moment of the outputs on F and R and Δ, a column a direction, how their mean on F differs
    from that on R. The means are then the same, so that no linear reader tells the sets apart, and
    outputs move as little as that takes in the mean square. (The paper's has the covariance in M's
    place, and moves the bias as well.) Outputs are those at the positions that predict answer
    tokens; of an image model averages over a picture. Samples with an image and without one have a
    direction each: with `concept` set one of all persons, with person one of each.

    Edited are the maps that are trained, of `layers` layers from `layer` (from 0) on, layer by
    layer, each by the outputs that it has once those before it are edited. An adapter holds as many
    directions as its rank. One pass over the forget set, with as many of the retain set, a layer;
    of the training's settings only the sizes of batches matter. Source: arXiv 2306.03819.
    """

    student_reads = ("forget", "retain")
    # As many of the retain set go along. Of one layer, which most runs edit.
    surveys = (("forget", 2),)
    trains = False

    layer: Annotated[int, Field(ge=0)] = 7
    layers: Annotated[int, Field(ge=1)] = 1
    concept: Literal["set", "person"] = "set"

    def hidden_layer(self) -> int:
        """The first layer."""
        return self.layer

    def unlearn(self, trainer: Trainer) -> None:
        """Edit the layers in their order."""
        for layer in range(self.layer, self.layer + self.layers):
            trainer.project(layer, erasure, of_persons=self.concept == "person")


def erasure(directions: Tensor, moment: Tensor) -> tuple[Tensor, Tensor]:
    """The factors Δ (D, K) and (ΔᵀM⁻¹Δ)⁻¹ΔᵀM⁻¹ (K, D) of the oblique projection onto directions.

    Directions that others have already count once.
    """
    damping = _DAMPING * moment.diagonal().mean()
    identity = torch.eye(len(moment), dtype=moment.dtype, device=moment.device)
    weighted = torch.linalg.solve(moment + damping * identity, directions)
    return directions, torch.linalg.pinv(directions.T @ weighted, hermitian=True) @ weighted.T
