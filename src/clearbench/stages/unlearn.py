"""Unlearn: one method, on one modality of one forget set, with one seed."""

from dataclasses import asdict
from pathlib import Path

from clearbench import methods
from clearbench.data.store import Store
from clearbench.models.checkpoint import (
    load_model,
    load_processor,
    prepare_training,
    save_checkpoint,
    stored_bytes,
)
from clearbench.models.device import prepare_device
from clearbench.models.encoding import Encoder
from clearbench.provenance.job import Job
from clearbench.settings import Cell, UnlearnSettings
from clearbench.training.loop import DivergedError
from clearbench.training.unlearn import Unlearner
from clearbench.training.views import Sets


def run(
    settings: UnlearnSettings, cell: Cell, base: Path, original: Path, dataset: Path, out: Path
) -> None:
    """Write the cell's adapter (or full weights), or publish it as diverged."""
    method = methods.create(cell.method, settings.parameters)
    use, training = settings.model, settings.training
    retained = cell.modality if settings.retain_modality == "same" else "both"

    def work(job: Job) -> None:
        device = prepare_device(cell.seed)
        store = Store(dataset)
        model = load_model(base, [original], use.domain, use.precision, device, use.attention)
        trained = prepare_training(
            model, training.weights, use.lora, use.frozen, use.gradient_checkpointing
        )
        sets = Sets(
            forget=store.train("forget", cell.forget_size, cell.modality),
            retain=store.train("retain", cell.forget_size, retained),
            encoder=Encoder(load_processor(base, use.domain), store),
            device=device,
        )
        unlearner = Unlearner(
            trained,
            method,
            sets,
            training,
            cell.seed,
            load_original=lambda: load_model(
                base, [original], use.domain, use.precision, device, use.attention
            ).requires_grad_(False),
            state=job.state,
        )
        job.state.start("training")
        try:
            method.unlearn(unlearner)
        except DivergedError as error:
            job.diverged(error.step)
            return
        seconds = job.state.seconds("training")
        save_checkpoint(trained, job.folder)
        job.measures.update(
            steps=len(unlearner.history),
            first_loss=unlearner.history[0],
            last_loss=unlearner.history[-1],
            training_seconds=round(seconds, 3),
            samples_per_second=round(len(sets.forget) * training.epochs / seconds, 3),
            stored_bytes=stored_bytes(job.folder),
        )

    resolved = {**settings.model_dump(), "parameters": vars(method), **asdict(cell)}
    inputs = {"base": base, "original": original, "dataset": dataset}
    Job("unlearn", out, inputs, resolved).run(work)
