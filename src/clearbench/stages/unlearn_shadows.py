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
    strengths: str | None = None,
) -> None:
    """Write what the models of a job, by its number, make of the persons in question.

    With `strengths`, numbers with commas between them, also with their updates scaled by each, in
    a folder of its name. The weights are not kept. A model whose training diverged has no
    embeddings; where all have, the records are published as diverged.
    """
    chosen = methods.create(method, settings.parameters)
    scales = [] if strengths is None else [float(word) for word in strengths.split(",")]

    def work(job: Job) -> None:
        place = Place(Store(dataset), prepare_device(number), job.state, job.folder)
        trained, diverged = unlearn_shadows.run(
            settings, chosen, number, forget_size, base, shadows, place, scales
        )
        if trained is None:
            job.diverged(max(diverged.values()))
            return
        job.measures.update(trained.measures(job.folder), diverged=len(diverged))

    resolved = {**settings.model_dump(), "parameters": vars(chosen), "number": number}
    resolved |= {"method": method, "forget_size": forget_size}
    resolved |= {} if strengths is None else {"strengths": strengths}
    inputs = {"base": base, "shadows": shadows, "dataset": dataset}
    Job("unlearn_shadows", out, inputs, resolved).run(work)
