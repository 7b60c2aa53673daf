"""Fine-tune: the base on everything (original), or on a retain set only (gold)."""

from pathlib import Path

from clearbench import domains
from clearbench.config.settings import FinetuneSettings
from clearbench.data.requests import open_store
from clearbench.domains.place import Place
from clearbench.jobs.job import Job
from clearbench.models.device import prepare_device


def run(
    settings: FinetuneSettings,
    part: str,
    forget_size: int | None,
    seed: int,
    base: Path,
    dataset: Path,
    out: Path,
    validation: Path | None = None,
    request: Path | None = None,
) -> None:
    """Write the fine-tuned weights; `part` is `full`, or `retain` with a forget size in percent.

    With a `validation`, what is retained is without its persons as well; with a `request`, without
    those of this and all earlier ones.
    """
    domain = domains.load(settings.model.domain, "finetune")

    def work(job: Job) -> None:
        store = open_store(dataset, validation, request)
        place = Place(store, prepare_device(seed), job.state, job.folder)
        trained = domain.run(settings, part, forget_size, seed, base, place)
        job.measures.update(trained.measures(job.folder))

    resolved = {**settings.model_dump(), "part": part, "forget_size": forget_size, "seed": seed}
    inputs = {"base": base, "dataset": dataset}
    further = {"validation": validation, "request": request}
    inputs |= {name: folder for name, folder in further.items() if folder is not None}
    Job("finetune", out, inputs, resolved).run(work)
