"""Relearn: a further layer on a model, which is what it learns again as a stress test."""

from collections.abc import Sequence
from pathlib import Path

from clearbench import domains
from clearbench.data.store import Store
from clearbench.domains.place import Place
from clearbench.jobs.job import Job
from clearbench.models.device import prepare_device
from clearbench.stress_tests.relearn import RelearnSettings
from clearbench.training.loop import DivergedError


def run(
    settings: RelearnSettings,
    forget_size: int,
    seed: int,
    base: Path,
    models: Sequence[Path],
    dataset: Path,
    out: Path,
) -> None:
    """Write a checkpoint for each point of the test, laid on the stack of `models`.

    Or publish it as diverged.
    """
    domain = domains.load(settings.model.domain, "relearn")

    def work(job: Job) -> None:
        place = Place(Store(dataset), prepare_device(seed), job.state, job.folder)
        try:
            trained = domain.run(settings, forget_size, seed, base, models, place)
        except DivergedError as error:
            job.diverged(error.step)
            return
        job.measures.update(trained.measures(job.folder))

    stack = {f"model/{number}": model for number, model in enumerate(models)}
    inputs = {"base": base, **stack, "dataset": dataset}
    resolved = {**settings.model_dump(), "forget_size": forget_size, "seed": seed}
    Job("relearn", out, inputs, resolved).run(work)
