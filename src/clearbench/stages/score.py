"""Score: all metrics of one model, from its records and those that they are compared with."""

from collections.abc import Mapping
from pathlib import Path

from clearbench.provenance.job import Job
from clearbench.scoring import files_of, score


def run(
    inputs: Mapping[str, Path],
    enrolment: int | None,
    targets: int | None,
    out: Path,
    bound: str | None = None,
) -> None:
    """Write the scores (metric key to value) of an evaluated model; a diverged one has none.

    And of a model of words those in each draw of persons. The arguments but `out` are as
    `scoring.score` takes them.
    """

    def work(job: Job) -> None:
        for name, text in files_of(score(inputs, enrolment, targets, bound)).items():
            (job.folder / name).write_text(text, encoding="utf-8")

    given = {"enrolment": enrolment, "targets": targets, "bound": bound}
    settings = {key: value for key, value in given.items() if value is not None}
    Job("score", out, inputs, settings).run(work)
