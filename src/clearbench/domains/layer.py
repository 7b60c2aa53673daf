"""Layers that stress tests lay on a stack of models: the way in which their stages make them."""

from collections.abc import Sequence
from pathlib import Path

from clearbench import domains
from clearbench.config.settings import LayerSettings
from clearbench.data.store import Store
from clearbench.domains.place import Place
from clearbench.jobs.job import Job
from clearbench.models.device import prepare_device
from clearbench.training.loop import DivergedError


def lay(
    stage: str,
    settings: LayerSettings,
    forget_size: int,
    seed: int,
    base: Path,
    models: Sequence[Path],
    dataset: Path,
    out: Path,
) -> None:
    """Write what the domain's file of a stage lays on `models`, or publish it as diverged."""
    domain = domains.load(settings.model.domain, stage)

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
    Job(stage, out, inputs, resolved).run(work)
