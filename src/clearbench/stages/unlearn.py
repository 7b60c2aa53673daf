"""Unlearn: one method, on one modality of one forget set, with one seed."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from clearbench import domains, methods
from clearbench.config.chosen import read_chosen
from clearbench.config.settings import Cell, UnlearnSettings
from clearbench.data.requests import open_store
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
    validation: Path | None = None,
    selection: Path | None = None,
    alternates: Path | None = None,
    gold: Path | None = None,
    request: Path | None = None,
    models: Sequence[Path] = (),
) -> None:
    """Write the cell's adapter (or full weights), or publish it as diverged.

    `alternates` are what the original made up, for a method that trains on it; `gold` is for one
    that compares with it.
    With a `validation` its persons are forgotten; with a `selection`, by the values chosen there.
    With a `request`, its persons are forgotten, by the model that the layers of the earlier
    requests are, the `models`, each laid on the one before and the first on the original.
    """
    domain = domains.load(settings.model.domain, "unlearn")
    description = methods.describe(cell.method)
    description.check_weights(settings.training.weights)
    if settings.model.shard:
        description.check_divided()
    method = methods.create(cell.method, settings.parameters)
    # Its recipe has the suite's own values, and the choice as an input.
    stack = [original, *models]
    resolved = {**settings.model_dump(), "parameters": vars(method), **asdict(cell)}

    def work(job: Job) -> None:
        store = open_store(dataset, validation, request)
        place = Place(store, prepare_device(cell.seed), job.state, job.folder)
        used = settings if selection is None else settings.with_values(read_chosen(selection))
        try_out(cell.method, used.parameters, used.model.domain)
        method = methods.create(cell.method, used.parameters)
        try:
            trained = domain.run(
                used, method, cell, base, stack, reference, place, alternates, gold
            )
        except DivergedError as error:
            job.diverged(error.step)
            return
        job.measures.update(trained.measures(job.folder))

    further = {"reference": reference, "alternates": alternates, "request": request}
    further["gold"] = gold
    further |= {"validation": validation, "selection": selection}
    further |= {f"model/{number}": model for number, model in enumerate(models)}
    inputs = {"base": base, "original": original, "dataset": dataset}
    inputs |= {name: folder for name, folder in further.items() if folder is not None}
    Job("unlearn", out, inputs, resolved).run(work)
