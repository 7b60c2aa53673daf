"""Reference: the original's answers to all training samples, stored once for the cells."""

from pathlib import Path

from clearbench import domains
from clearbench.config.settings import ReferenceSettings
from clearbench.data.store import Store
from clearbench.domains.place import Place
from clearbench.jobs.job import Job
from clearbench.models.device import prepare_device


def run(settings: ReferenceSettings, base: Path, original: Path, dataset: Path, out: Path) -> None:
    """Write what the original says, for methods that hold a model to it."""
    domain = domains.load(settings.model.domain, "reference")

    def work(job: Job) -> None:
        place = Place(Store(dataset), prepare_device(0), job.state, job.folder)
        samples = domain.run(settings, base, original, place)
        seconds = job.state.seconds("forward")
        job.measures.update(samples=samples, samples_per_second=round(samples / seconds, 3))

    inputs = {"base": base, "original": original, "dataset": dataset}
    Job("reference", out, inputs, settings.model_dump()).run(work)
