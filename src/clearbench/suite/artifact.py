"""An artifact of a suite: what it is made of and how."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clearbench.suite.runs import Run

SHARED_OUT = (
    *("finetune", "reference", "alternates"),
    *("unlearn", "relearn", "probe", "evaluate"),
)
"""The stages whose work, or whose model, several processes of a job can share."""


@dataclass(frozen=True)
class Artifact:
    """One artifact of a suite.

    `name` is its path below the suite's results. `settings` go to the stage as `--settings`,
    `options` are the other options that its bytes depend on. `inputs` are the artifacts that it is
    made from, by the names that the stage gives them; of those in `reads` the job reads the
    provenance record. `outside` are folders of data that no job made. `run` is the one that the
    artifact belongs to alone, if it is of one.
    """

    name: str
    stage: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)
    reads: tuple[str, ...] = ()
    outside: Mapping[str, Path] = field(default_factory=dict)
    run: Run | None = None

    @property
    def rule(self) -> str:
        """The rule that makes it, with whose name its own begins."""
        return self.name.partition("/")[0]

    @property
    def resolved(self) -> dict[str, Any]:
        """All settings that a job records."""
        return {**self.settings, **self.options}
