"""Probe: output layers on the first layers of a model, which read out what is still there."""

from collections.abc import Sequence
from pathlib import Path

from clearbench.domains.layer import lay
from clearbench.stress_tests.probe import ProbeSettings


def run(
    settings: ProbeSettings,
    forget_size: int,
    seed: int,
    base: Path,
    models: Sequence[Path],
    dataset: Path,
    out: Path,
) -> None:
    """Write an output layer for each point of the test, for the stack of `models`.

    Or publish it as diverged.
    """
    lay("probe", settings, forget_size, seed, base, models, dataset, out)
