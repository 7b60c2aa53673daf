"""Where things lie: the one place that knows the results tree.

A folder's path begins with its stage's name, so that the rule that made a file can be read off it.
A *run* names an evaluated model: `original/forget10`, `gold/forget10/seed0`, or a cell's
`npo/text/forget10/seed0`.
"""

from dataclasses import dataclass
from pathlib import Path

GOLD_SEEDS = (0, 1)
"""The gold that scores are compared with, and the second one that gives the noise ceiling."""


@dataclass(frozen=True)
class Layout:
    """The folders of a suite below `results/SUITE`."""

    root: Path

    @property
    def generated(self) -> Path:
        """The generated hub folders (only of datasets that are generated)."""
        return self.root / "generate"

    @property
    def dataset(self) -> Path:
        """The store."""
        return self.root / "dataset"

    @property
    def base(self) -> Path:
        """The base model."""
        return self.root / "base"

    @property
    def original(self) -> Path:
        """The original model."""
        return self.root / "original"

    @property
    def tables(self) -> Path:
        """The tables."""
        return self.root / "tables"

    @property
    def partial_tables(self) -> Path:
        """Tables of a run that stopped early, with the missing cells shown."""
        return self.root / "partial-tables"

    def gold(self, forget_size: int, seed: int) -> Path:
        """A gold model."""
        return self.root / gold_run(forget_size, seed)

    def unlearned(self, run: str) -> Path:
        """A cell's adapter."""
        return self.root / "unlearn" / run

    def evaluated(self, run: str) -> Path:
        """A run's records."""
        return self.root / "evaluate" / run

    def scored(self, run: str) -> Path:
        """A run's scores."""
        return self.root / "score" / run


def original_run(forget_size: int) -> str:
    """The run of the original at a forget size (its tasks differ between sizes)."""
    return f"original/forget{forget_size:02d}"


def gold_run(forget_size: int, seed: int) -> str:
    """The run of a gold."""
    return f"gold/forget{forget_size:02d}/seed{seed}"
