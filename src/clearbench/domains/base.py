"""What a domain's module holds, and what its functions share."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch

from clearbench.config import BaseSettings
from clearbench.data.store import Store
from clearbench.methods.base import Method
from clearbench.provenance.state import State
from clearbench.settings import Cell, EvaluateSettings, FinetuneSettings, UnlearnSettings


@dataclass(frozen=True)
class Place:
    """Where a job works: its dataset, device and saved state, and the folder that it fills."""

    store: Store
    device: torch.device
    state: State
    folder: Path


@dataclass(frozen=True)
class Trained:
    """What a training was: the loss of each optimiser step, the samples seen, the seconds."""

    history: Sequence[float]
    samples: int
    seconds: float

    def measures(self, folder: Path) -> dict[str, float | int]:
        """The figures of the training, and the bytes of the checkpoint in a folder."""
        return {
            "steps": len(self.history),
            "first_loss": self.history[0],
            "last_loss": self.history[-1],
            "training_seconds": round(self.seconds, 3),
            "samples_per_second": round(self.samples / self.seconds, 3),
            "stored_bytes": sum(path.stat().st_size for path in folder.rglob("*.safetensors")),
        }


class Domain(Protocol):
    """The functions of a domain's module; each writes into the folder of `place`."""

    def make_base(self, settings: BaseSettings, seed: int, place: Place) -> list[float]:
        """Write the base model with its processor; gives the losses of its training, if any."""

    def finetune(
        self,
        settings: FinetuneSettings,
        part: str,
        forget_size: int | None,
        seed: int,
        base: Path,
        place: Place,
    ) -> Trained:
        """Write the base fine-tuned on a part."""

    def unlearn(
        self,
        settings: UnlearnSettings,
        method: Method,
        cell: Cell,
        base: Path,
        original: Path,
        place: Place,
    ) -> Trained:
        """Write what a method makes of the original; DivergedError where it leaves the numbers."""

    def evaluate(
        self,
        settings: EvaluateSettings,
        forget_size: int,
        base: Path,
        stack: Sequence[Path],
        place: Place,
    ) -> int | None:
        """Write the records of the checkpoints of `stack` on the base, and give their number.

        None, and nothing written, where the model says NaN.
        """
