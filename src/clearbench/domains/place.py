"""What the stages of all domains are given, and what a training gives back."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from clearbench.data.store import Store
from clearbench.provenance.state import State


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
