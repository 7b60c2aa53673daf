"""Lens: a model answers by its first layers and its own output layer, each number a point."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field, field_validator

from clearbench.config.files import ModelSpec
from clearbench.config.strict import Positive
from clearbench.errors import UserError
from clearbench.stress_tests import StressTest

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_POINT = "layer"


class Test(StressTest):
    """After how many layers of the text decoder a model's state is read: the logit lens.

    The state goes through the last norm and the model's own output layer. What a method changed in
    the last layers alone is still there in the first. Source: Belrose et al., arXiv 2303.08112.
    """

    layers: list[Positive] = Field(
        min_length=1, description="of how many first layers the state is read, one number or more"
    )

    @field_validator("layers")
    @classmethod
    def _once(cls, layers: list[int]) -> list[int]:
        if len(set(layers)) < len(layers):
            raise ValueError("a number stands twice")
        return layers

    @property
    def points(self) -> tuple[str, ...]:
        """One for each number, as `layer2`, ascending."""
        return tuple(map(point_of, sorted(self.layers)))

    def check(self, model: ModelSpec) -> None:
        """A model that is built here has so many layers; of any other the job finds out."""
        there = _layers_of(model)
        if there is not None and max(self.layers) > there:
            raise UserError(
                f"layers: {max(self.layers)}; the model has {there}; allowed: 1 to {there}"
            )

    def change(self, model: "PreTrainedModel", point: str, stack: Sequence[Path]) -> None:
        """Leave out the layers after those of a point."""
        from clearbench.models.probed import keep_layers

        keep_layers(model, int(point.removeprefix(_POINT)))


def point_of(layers: int) -> str:
    """The name of the point at which so many layers are kept."""
    return f"{_POINT}{layers}"


def _layers_of(model: ModelSpec) -> int | None:
    """The layers of a text decoder by its configuration; None where that does not tell."""
    if model.build is None:
        return None
    config = model.build.config
    layers: int | None = config.get("text_config", config).get("num_hidden_layers")
    return layers
