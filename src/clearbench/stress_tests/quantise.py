"""Quantise: the weights of a model's linear layers are rounded as a deployed model's are.

Of the whole stack, adapters merged. Embeddings, norms and the output layer stay.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field, field_validator

from clearbench.stress_tests import StressTest

if TYPE_CHECKING:
    from transformers import PreTrainedModel

Code = Literal["int8", "nf4", "fp4"]


class Test(StressTest):
    """To which codes weights are rounded; each is a point.

    Source: Zhang et al., arXiv 2410.16454; the codes are those of bitsandbytes (arXiv 2305.14314).
    """

    to: list[Code] = Field(
        min_length=1,
        description="int8: 255 levels a row; nf4, fp4: 16 levels in blocks of 64 weights",
    )

    @field_validator("to")
    @classmethod
    def _once(cls, codes: list[Code]) -> list[Code]:
        if len(set(codes)) < len(codes):
            raise ValueError("a code stands twice")
        return codes

    @property
    def points(self) -> tuple[str, ...]:
        """The codes."""
        return tuple(self.to)

    def change(self, model: "PreTrainedModel", point: str, stack: Sequence[Path]) -> None:
        """Round the weights of the linear layers to a code and back."""
        from clearbench.models.quantised import quantise

        quantise(model, point)
