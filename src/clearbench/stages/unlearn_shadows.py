"""Unlearn shadows: a method on models of a membership attack, and the records of the results."""

from pathlib import Path

from clearbench import methods
from clearbench.config.settings import UnlearnShadowsSettings
from clearbench.data.store import Store
from clearbench.domains.place import Place
from clearbench.domains.vision import unlearn_shadows
from clearbench.jobs.job import Job
from clearbench.models.device import prepare_device


def run(
    settings: UnlearnShadowsSettings,
    number: int,
    method: str,
    forget_size: int,
    base: Path,
    shadows: Path,
    dataset: Path,
    out: Path,
) -> None:
    """Write what the models of a job, by its number, make of the persons in question.

    The weights are not kept. A model whose training diverged has no embeddings; where all have, the
    records are published as diverged.
    """
    chosen = methods.create(method, settings.parameters)

    def work(job: Job) -> None:
        place = Place(Store(dataset), prepare_device(number), job.state, job.folder)
        trained, diverged = unlearn_shadows.run(
            settings, chosen, number, forget_size, base, shadows, place
        )
        if trained is None:
            job.diverged(max(diverged.values()))
            return
        job.measures.update(trained.measures(job.folder), diverged=len(diverged))

    resolved = {**settings.model_dump(), "parameters": vars(chosen), "number": number}
    resolved |= {"method": method, "forget_size": forget_size}
    inputs = {"base": base, "shadows": shadows, "dataset": dataset}
    Job("unlearn_shadows", out, inputs, resolved).run(work)
