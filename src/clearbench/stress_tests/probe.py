"""Probe: a model answers by its first layers and an output layer that was trained on them."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from clearbench.config.files import ModelSpec
from clearbench.config.settings import LayerSettings, Training
from clearbench.config.strict import Positive
from clearbench.errors import UserError
from clearbench.stress_tests import KIND, Reading, check_shared, lens, test_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class Test(lens.Test):
    """After how many layers a model's state is read, and how what reads it is trained.

    An output layer for each number, which begins as the model's own, is trained on the questions of
    the retain set, of all modalities that the model has; the layers below it stay. It can learn to
    read a state, and no answer about the forgotten; gold's is trained alike. Source: Alain and
    Bengio, arXiv 1610.01644.
    """

    READING: ClassVar[Reading] = "relearned"
    LAYER: ClassVar[bool] = True

    epochs: Positive = Field(1, description="passes over the retain set")
    lr: float = Field(1e-3, gt=0, description="learning rate, constant")
    batch_size: Positive = Field(16, description="samples a forward pass")
    accumulation: Positive = Field(1, description="forward passes an optimiser step")

    @property
    def training(self) -> Training:
        """How the output layers are trained."""
        return Training(
            epochs=self.epochs,
            lr=self.lr,
            batch_size=self.batch_size,
            accumulation=self.accumulation,
        )

    def check(self, model: ModelSpec) -> None:
        """There are so many layers; GPUs share the batches of a step."""
        super().check(model)
        check_shared(self.accumulation, model.need("probe").gpus)

    def stack(self, stack: Sequence[Path], point: str) -> Sequence[Path]:
        """The model's own; the last is no checkpoint, but has the output layers."""
        return stack[:-1]

    def change(self, model: "PreTrainedModel", point: str, stack: Sequence[Path]) -> None:
        """Leave out the layers after those of a point, and put its output layer on them."""
        from clearbench.models.probed import put_head

        super().change(model, point, stack)
        put_head(model, head_in(stack[-1], point))


def head_in(folder: Path, point: str) -> Path:
    """The file of a point's output layer."""
    return folder / f"{point}.safetensors"


class ProbeSettings(LayerSettings):
    """What the stage `probe` is told."""

    @property
    def test(self) -> Test:
        """The test."""
        test = test_of(self.stress)
        if not isinstance(test, Test):
            raise UserError(f"stress.{KIND}: {self.stress[KIND]}; allowed: probe")
        return test
