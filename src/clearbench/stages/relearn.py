"""Relearn: a further layer on a model, which is what it learns again as a stress test."""

from collections.abc import Sequence
from pathlib import Path

from clearbench.domains.layer import lay
from clearbench.stress_tests.relearn import RelearnSettings


def run(
    settings: RelearnSettings,
    forget_size: int,
    seed: int,
    base: Path,
    models: Sequence[Path],
    dataset: Path,
    out: Path,
) -> None:
    """Write a checkpoint for each point of the test, laid on the stack of `models`.

    Or publish it as diverged.
    """
    lay("relearn", settings, forget_size, seed, base, models, dataset, out)
