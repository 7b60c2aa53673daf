"""Score: all metrics of one model, from its records and those that they are compared with."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clearbench.metrics.score import SCORES
from clearbench.provenance.job import Job
from clearbench.scoring import scores_of


def run(inputs: Mapping[str, Path], enrolment: int | None, targets: int | None, out: Path) -> None:
    """Write the scores (metric key to value) of an evaluated model; a diverged one has none.

    `inputs`, `enrolment` and `targets` as `scoring.scores_of` takes them.
    """

    def work(job: Job) -> None:
        text = json.dumps(scores_of(inputs, enrolment, targets), indent=1) + "\n"
        (job.folder / SCORES).write_text(text, encoding="utf-8")

    given = {"enrolment": enrolment, "targets": targets}
    settings: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    Job("score", out, inputs, settings).run(work)
