"""Probe: output layers on the first layers of a model, which read out what is still there."""

from collections.abc import Sequence
from pathlib import Path

from clearbench import domains
from clearbench.data.store import Store
from clearbench.domains.place import Place
from clearbench.jobs.job import Job
from clearbench.models.device import prepare_device
from clearbench.stress_tests.probe import ProbeSettings
from clearbench.training.loop import DivergedError


def run(
    settings: ProbeSettings,
    forget_size: int,
    seed: int,
    base: Path,
    models: Sequence[Path],
    dataset: Path,
    out: Path,
) -> None:
    """Write an output layer for each point of the test, for the stack of `models`.

    Or publish it as diverged.
    """
    domain = domains.load(settings.model.domain, "probe")

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
    Job("probe", out, inputs, resolved).run(work)
