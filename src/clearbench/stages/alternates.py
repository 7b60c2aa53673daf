"""Alternates: answers that the original makes up to the forget questions, for the cells."""

from pathlib import Path

from clearbench import domains
from clearbench.config.settings import AlternatesSettings
from clearbench.data.store import Store
from clearbench.domains.place import Place
from clearbench.jobs.job import Job
from clearbench.models.device import prepare_device


def run(
    settings: AlternatesSettings,
    forget_size: int,
    base: Path,
    original: Path,
    dataset: Path,
    out: Path,
    validation: Path | None = None,
) -> None:
    """Write what the original makes up; with a `validation`, to questions about its persons."""
    domain = domains.load(settings.model.domain, "alternates")

    def work(job: Job) -> None:
        place = Place(Store(dataset, validation), prepare_device(0), job.state, job.folder)
        counts = domain.run(settings, forget_size, base, original, place)
        seconds = job.state.seconds("generation")
        per_second = round(counts["samples"] / seconds, 3)
        job.measures.update(counts, samples_per_second=per_second)

    inputs = {"base": base, "original": original, "dataset": dataset}
    if validation is not None:
        inputs["validation"] = validation
    resolved = {**settings.model_dump(), "forget_size": forget_size}
    Job("alternates", out, inputs, resolved).run(work)
