"""Unlearn: one method, on one modality of one forget set, with one seed."""

from dataclasses import asdict
from pathlib import Path

from clearbench import domains, methods
from clearbench.config.settings import Cell, UnlearnSettings
from clearbench.data.store import Store
from clearbench.domains.place import Place
from clearbench.jobs.job import Job
from clearbench.models.device import prepare_device
from clearbench.training.loop import DivergedError
from clearbench.training.trial import try_out


def run(
    settings: UnlearnSettings,
    cell: Cell,
    base: Path,
    original: Path,
    reference: Path | None,
    dataset: Path,
    out: Path,
) -> None:
    """Write the cell's adapter (or full weights), or publish it as diverged."""
    domain = domains.load(settings.model.domain, "unlearn")
    try_out(cell.method, settings.parameters, settings.model.domain)
    method = methods.create(cell.method, settings.parameters)

    def work(job: Job) -> None:
        place = Place(Store(dataset), prepare_device(cell.seed), job.state, job.folder)
        try:
            trained = domain.run(settings, method, cell, base, original, reference, place)
        except DivergedError as error:
            job.diverged(error.step)
            return
        job.measures.update(trained.measures(job.folder))

    resolved = {**settings.model_dump(), "parameters": vars(method), **asdict(cell)}
    inputs = {"base": base, "original": original, "dataset": dataset}
    if reference is not None:
        inputs["reference"] = reference
    Job("unlearn", out, inputs, resolved).run(work)
