"""Evaluate: per-sample records of one model on the tasks of one forget size."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from clearbench import domains
from clearbench.config.settings import EvaluateSettings
from clearbench.data.requests import open_store
from clearbench.domains.place import Place
from clearbench.jobs.job import Job
from clearbench.models.device import prepare_device


def run(
    settings: EvaluateSettings,
    forget_size: int,
    base: Path,
    models: Sequence[Path],
    dataset: Path,
    out: Path,
    strengths: str | None = None,
    validation: Path | None = None,
    request: Path | None = None,
    original: Path | None = None,
    gradients: str | None = None,
) -> None:
    """Write the records of a stack of models, each laid on the one before, the first on the base.

    A gold is one; a cell, or whatever was done to a model after it was trained, lies on others.
    With `strengths`, numbers with commas between them, the last model is laid on with its change
    scaled by each, and the records of each have a folder of its name. With a `validation`, its
    persons are the forget split; with a `request`, those of this and all earlier ones. With an
    `original`, records of a model of words also have how likely that finds the greedy answers;
    with `gradients` also norms of those.
    """
    domain = domains.load(settings.model.domain, "evaluate")
    scales = None if strengths is None else [float(word) for word in strengths.split(",")]

    def work(job: Job) -> None:
        store = open_store(dataset, validation, request)
        place = Place(store, prepare_device(0), job.state, job.folder)
        asked: dict[str, Any] = {} if original is None else {"original": original}
        asked |= {} if gradients is None else {"gradients": True}
        measures = domain.run(settings, forget_size, base, models, place, scales, **asked)
        if measures is None:
            job.diverged(None)
            return
        seconds = job.state.seconds("evaluation")
        per_second = round(measures["samples"] / seconds, 3)
        job.measures.update(measures, samples_per_second=per_second)

    stack = {f"model/{number}": model for number, model in enumerate(models)}
    inputs = {"base": base, **stack, "dataset": dataset}
    further = {"validation": validation, "request": request, "original": original}
    inputs |= {name: folder for name, folder in further.items() if folder is not None}
    told = {"strengths": strengths, "gradients": gradients}
    options = {"forget_size": forget_size} | {k: v for k, v in told.items() if v is not None}
    Job("evaluate", out, inputs, {**settings.model_dump(), **options}).run(work)
