"""Validation: the persons that stand for a forget set where a point of a sweep is chosen."""

import json
from pathlib import Path

from clearbench.config.settings import ValidationSettings
from clearbench.data.store import VALIDATION, Store
from clearbench.data.validation import validation_persons
from clearbench.jobs.job import Job


def run(settings: ValidationSettings, forget_size: int, dataset: Path, out: Path) -> None:
    """Write their names; UserError where the dataset has too few."""

    def work(job: Job) -> None:
        persons = validation_persons(Store(dataset), forget_size, settings.persons)
        text = json.dumps(persons, ensure_ascii=False, indent=1) + "\n"
        (job.folder / VALIDATION).write_text(text, encoding="utf-8")
        job.measures.update(persons=len(persons))

    resolved = {**settings.model_dump(), "forget_size": forget_size}
    Job("validation", out, {"dataset": dataset}, resolved).run(work)
