"""Shadows: some of the vision models that know a random half of the persons in question."""

from pathlib import Path

from clearbench.config.settings import ShadowSettings
from clearbench.data.store import Store
from clearbench.domains.place import Place
from clearbench.domains.vision import shadows
from clearbench.errors import UserError
from clearbench.jobs.job import Job
from clearbench.models.device import prepare_device


def run(settings: ShadowSettings, number: int, base: Path, dataset: Path, out: Path) -> None:
    """Write the models of a job, by its number."""
    if settings.model.domain != "vision":
        raise UserError(f"model.domain: {settings.model.domain}; shadow models are of: vision")

    def work(job: Job) -> None:
        place = Place(Store(dataset), prepare_device(number), job.state, job.folder)
        trained = shadows.run(settings, number, base, place)
        job.measures.update(trained.measures(job.folder))

    resolved = {**settings.model_dump(), "number": number}
    Job("shadows", out, {"base": base, "dataset": dataset}, resolved).run(work)
