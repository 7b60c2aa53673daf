"""Score: all metrics of one model, from its records and those that they are compared with."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clearbench.data.tasks import ScoreSettings
from clearbench.jobs.job import Job
from clearbench.results.scoring import files_of, score


def run(
    inputs: Mapping[str, Path],
    enrolment: int | None,
    targets: int | None,
    out: Path,
    bound: str | None = None,
    prompts: str | None = None,
    bases: str | None = None,
    strength: float | None = None,
    point: str | None = None,
    about: int | None = None,
    settings: ScoreSettings | None = None,
) -> None:
    """Write the scores (metric key to value) of an evaluated model; a diverged one has none.

    And of a model of words those in each draw of persons. The arguments but `out` are as
    `scoring.score` takes them, `settings` have its `tasks` and
    `groups`.
    """
    options = {
        "enrolment": enrolment,
        "targets": targets,
        "bound": bound,
        "prompts": prompts,
        "bases": bases,
        "strength": strength,
        "point": point,
        "about": about,
    }
    given: dict[str, Any] = {key: value for key, value in options.items() if value is not None}
    told = {} if settings is None else settings.model_dump(mode="json")
    given |= {key: value for key, value in told.items() if value}

    def work(job: Job) -> None:
        for name, text in files_of(score(inputs, **given)).items():
            (job.folder / name).write_text(text, encoding="utf-8")

    Job("score", out, inputs, given).run(work)
