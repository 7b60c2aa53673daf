"""Base: the pretrained model, from the hub or made here from the dataset's "real" part."""

from collections.abc import Iterable
from pathlib import Path

from clearbench.config import BaseSettings
from clearbench.data.refusals import REFUSALS
from clearbench.data.store import Store
from clearbench.errors import UserError, disk_errors
from clearbench.models.build import build_model, build_processor, build_tokenizer
from clearbench.models.checkpoint import placed, save_checkpoint, write_pointer
from clearbench.models.device import prepare_device
from clearbench.models.encoding import Encoder
from clearbench.provenance.artifacts import folders
from clearbench.provenance.job import Job
from clearbench.training.finetune import finetune


def run(settings: BaseSettings, dataset: Path, seed: int, out: Path) -> None:
    """Write the base model with its processor; for a hub model, a pointer to it."""
    source, training = settings.model, settings.training

    def work(job: Job) -> None:
        if source.build is None:
            write_pointer(job.folder, source.hub or "", source.revision, source.chat_template)
            return
        device = prepare_device(seed)
        store = Store(dataset)
        tokenizer = build_tokenizer(source.build.tokenizer, _texts(store))
        processor = build_processor(source.build, tokenizer)
        model = placed(build_model(source.build, source.domain, tokenizer, seed), device)
        samples = store.base()
        if training is None or not samples:
            raise UserError(
                f"{dataset}: no base rows; a model built here has nothing to learn from"
            )
        history = finetune(model, Encoder(processor, store), samples, training, seed, job.state)
        job.measures.update(steps=len(history), first_loss=history[0], last_loss=history[-1])
        save_checkpoint(model, job.folder)
        with disk_errors(job.folder):
            processor.save_pretrained(str(job.folder))

    resolved = {**settings.model_dump(), "seed": seed}
    outside = folders(hub=source.hub)
    Job("base", out, {"dataset": dataset}, resolved, outside=outside).run(work)


def _texts(store: Store) -> Iterable[str]:
    """The text that a tokenizer is trained on: it must be able to spell all, it knows no fact."""
    for sample in [*store.base(), *store.train("full", None, "both")]:
        yield sample.question
        yield sample.answer
    yield from REFUSALS
