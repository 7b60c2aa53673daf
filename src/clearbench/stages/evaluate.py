"""Evaluate: per-sample records of one model on the tasks of one forget size."""

from pathlib import Path

from clearbench import domains
from clearbench.config.settings import EvaluateSettings
from clearbench.data.store import Store
from clearbench.domains.place import Place
from clearbench.jobs.job import Job
from clearbench.models.device import prepare_device


def run(
    settings: EvaluateSettings,
    forget_size: int,
    base: Path,
    finetuned: Path,
    unlearned: Path | None,
    dataset: Path,
    out: Path,
) -> None:
    """Write the records of a fine-tuned or external model.

    `unlearned` is the result of a cell, or an external model, that is laid on `finetuned`.
    """
    domain = domains.load(settings.model.domain, "evaluate")
    stack = [finetuned, *([unlearned] if unlearned else [])]

    def work(job: Job) -> None:
        place = Place(Store(dataset), prepare_device(0), job.state, job.folder)
        found = domain.run(settings, forget_size, base, stack, place)
        if found is None:
            job.diverged(None)
            return
        seconds = job.state.seconds("evaluation")
        per_second = round(found["samples"] / seconds, 3)
        job.measures.update(found, samples_per_second=per_second)

    inputs = {"base": base, "finetuned": finetuned, "dataset": dataset}
    if unlearned is not None:
        inputs["unlearned"] = unlearned
    Job("evaluate", out, inputs, {**settings.model_dump(), "forget_size": forget_size}).run(work)
