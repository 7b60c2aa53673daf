"""Request: the persons whom the requests of a sequence ask to forget, up to one of them."""

import json
from pathlib import Path

from clearbench.data.requests import REQUESTS, RequestSettings, persons_of_requests
from clearbench.data.store import Store
from clearbench.jobs.job import Job


def run(settings: RequestSettings, dataset: Path, out: Path) -> None:
    """Write their names, request by request; UserError where the dataset has too few."""

    def work(job: Job) -> None:
        persons = persons_of_requests(Store(dataset), settings.requests)
        text = json.dumps(persons, ensure_ascii=False, indent=1) + "\n"
        (job.folder / REQUESTS).write_text(text, encoding="utf-8")
        job.measures.update(persons=sum(map(len, persons)))

    Job("request", out, {"dataset": dataset}, settings.model_dump()).run(work)
