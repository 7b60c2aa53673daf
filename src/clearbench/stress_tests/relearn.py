"""Relearn: a model is taught for a few steps, some of what it has forgotten or other things.

One training, looked at after several numbers of steps or passes. The rate is constant and there is
no warm-up, so that each point is what a training of that length alone would give.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from clearbench.config.files import ModelSpec
from clearbench.config.settings import LayerSettings, Unlearning
from clearbench.config.strict import Positive
from clearbench.errors import UserError
from clearbench.stress_tests import KIND, Reading, StressTest, check_shared, test_of

On = Literal["forget", "half", "retain", "real"]


class Test(StressTest):
    """How a model relearns, of all modalities that it has: the same for cells, original and gold.

    Source: Lynch et al., arXiv 2402.16835; on retained data alone, arXiv 2505.22310.
    """

    READING: ClassVar[Reading] = "relearned"
    LAYER: ClassVar[bool] = True

    on: On = Field(
        "half",
        description="what is learned: the forget set, that of every second of its persons, the"
        " retain set, or what the base has learned (real)",
    )
    steps: list[Positive] = Field(
        default_factory=list, description="after how many optimiser steps it is evaluated"
    )
    epochs: list[Positive] = Field(
        default_factory=list, description="after how many passes it is evaluated, in place of steps"
    )
    lr: float = Field(1e-5, gt=0, description="learning rate, constant")
    batch_size: Positive = Field(16, description="samples a forward pass")
    accumulation: Positive = Field(1, description="forward passes an optimiser step")
    weights: Literal["full", "lora"] = Field("lora", description="all weights or an adapter")

    @model_validator(mode="after")
    def _one_way_to_count(self) -> Self:
        if bool(self.steps) == bool(self.epochs):
            raise ValueError("give steps or epochs, one of the two, as steps: [5, 10, 20]")
        for key, counts in (("steps", self.steps), ("epochs", self.epochs)):
            if len(set(counts)) < len(counts):
                raise ValueError(f"{key}: a number stands twice")
        return self

    @property
    def points(self) -> tuple[str, ...]:
        """One for each number, as `step5` or `epoch1`, ascending."""
        of = "step" if self.steps else "epoch"
        return tuple(f"{of}{count}" for count in sorted(self.steps or self.epochs))

    def check(self, model: ModelSpec) -> None:
        """`real` is there only where a base is trained here; GPUs share the batches of a step."""
        if self.on == "real" and model.build is None:
            raise UserError(
                "on: real: what a base learns that is trained here, and this one is not; allowed:"
                " forget, half, retain"
            )
        check_shared(self.accumulation, model.need("relearn").gpus)

    def stack(self, stack: Sequence[Path], point: str) -> Sequence[Path]:
        """The last checkpoint has a folder for each point."""
        return [*stack[:-1], stack[-1] / point]

    def places(self, steps_per_epoch: int) -> dict[int, str]:
        """The points by the optimiser steps after which they are."""
        per = 1 if self.steps else steps_per_epoch
        counts = sorted(self.steps or self.epochs)
        return {per * count: point for count, point in zip(counts, self.points, strict=True)}

    @property
    def training(self) -> Unlearning:
        """How it is trained; its epochs mean nothing."""
        return Unlearning(
            lr=self.lr,
            batch_size=self.batch_size,
            accumulation=self.accumulation,
            weights=self.weights,
        )


class RelearnSettings(LayerSettings):
    """What the stage `relearn` is told."""

    @property
    def test(self) -> Test:
        """The test."""
        test = test_of(self.stress)
        if not isinstance(test, Test):
            raise UserError(f"stress.{KIND}: {self.stress[KIND]}; allowed: relearn")
        return test
