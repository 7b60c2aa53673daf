"""What the stages of all domains are given, and what a training gives back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from typing import Any

import torch
from torch import nn

from clearbench.data.store import Store
from clearbench.jobs.state import State


@dataclass(frozen=True)
class Place:
    """Where a job works: its dataset, device and saved state, and the folder that it fills."""

    store: Store
    device: torch.device
    state: State
    folder: Path

    def trained(self, model: nn.Module, history: Sequence[float], samples: int) -> "Trained":
        """What a training was that ends now: by the state's clock `training` and its counts."""
        return Trained(
            history,
            samples,
            self.state.seconds("training"),
            self.state.counts.get("flops", 0.0),
            _peak(self.device),
            sum(parameter.numel() for parameter in model.parameters()),
        )


@dataclass(frozen=True)
class Based:
    """What making a base was: the loss of each optimiser step, none of one of the hub.

    `answers` are the true answers of the evaluation: by forget size, how many have how many tokens
    without their end; none of pictures.
    """

    history: Sequence[float]
    answers: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    @property
    def measures(self) -> dict[str, Any]:
        """Its figures."""
        return _losses(self.history) | ({"answer_tokens": self.answers} if self.answers else {})


@dataclass(frozen=True)
class Trained:
    """What a training was: the loss of each optimiser step, the samples seen, the seconds.

    `flops` are the operations of its matrix products, `peak` the bytes that it held at most, on the
    GPU where there is one, and `parameters` the weights of the model, with those of its adapter.
    """

    history: Sequence[float]
    samples: int
    seconds: float
    flops: float
    peak: int
    parameters: int

    def measures(self, folder: Path) -> dict[str, float | int]:
        """The figures of the training, and the bytes of the checkpoint in a folder."""
        return {
            "steps": len(self.history),
            **_losses(self.history),
            "training_seconds": round(self.seconds, 3),
            "samples_per_second": round(self.samples / self.seconds, 3),
            "flops": self.flops,
            "peak_bytes": self.peak,
            "parameters": self.parameters,
            "stored_bytes": sum(path.stat().st_size for path in folder.rglob("*.safetensors")),
        }


def _losses(history: Sequence[float]) -> dict[str, float | int]:
    """The number of steps and the ends of their losses; nothing of what takes no steps."""
    if not history:
        return {}
    return {"steps": len(history), "first_loss": history[0], "last_loss": history[-1]}


def _peak(device: torch.device) -> int:
    """The most memory that this process had at a time, in bytes: the GPU's where it has one."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated()
    return getrusage(RUSAGE_SELF).ru_maxrss * 1024
