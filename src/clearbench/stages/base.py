"""Base: the pretrained model, from the hub or made here from the dataset's "real" part."""

from pathlib import Path

from clearbench import domains
from clearbench.config.files import BaseSettings
from clearbench.data.store import Store
from clearbench.domains.place import Place
from clearbench.jobs.artifacts import folders
from clearbench.jobs.job import Job
from clearbench.models.device import prepare_device


def run(settings: BaseSettings, dataset: Path, seed: int, out: Path) -> None:
    """Write the base model with its processor; for a hub model that needs no more, a pointer."""
    domain = domains.load(settings.model.domain, "base")

    def work(job: Job) -> None:
        place = Place(Store(dataset), prepare_device(seed), job.state, job.folder)
        job.measures.update(domain.run(settings, seed, place).measures)

    resolved = {**settings.model_dump(), "seed": seed}
    outside = folders(hub=settings.model.hub)
    Job("base", out, {"dataset": dataset}, resolved, outside=outside).run(work)
