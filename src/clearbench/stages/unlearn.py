"""Unlearn: one method, on one modality of one forget set, with one seed."""

import time
from pathlib import Path
from typing import Any

from clearbench import methods
from clearbench.config import ModelUse, Strict
from clearbench.data.store import Store
from clearbench.job import Job
from clearbench.models.checkpoint import (
    load_model,
    load_processor,
    prepare_training,
    save_checkpoint,
    stored_bytes,
)
from clearbench.models.device import prepare_device
from clearbench.models.encoding import Encoder
from clearbench.suite import Cell, Unlearning
from clearbench.training.loop import DivergedError
from clearbench.training.unlearn import Unlearner
from clearbench.training.views import Sets


class Settings(Strict):
    """The model, the method's parameters and how the model is trained."""

    model: ModelUse
    parameters: dict[str, Any]
    training: Unlearning
    retain_modality: str = "same"


def run(
    settings: Settings, cell: Cell, base: Path, original: Path, dataset: Path, out: Path
) -> None:
    """Write the cell's adapter (or full weights), or publish it as diverged."""
    method = methods.create(cell.method, settings.parameters)
    retained = cell.modality if settings.retain_modality == "same" else "both"
    resolved = {**settings.model_dump(), "parameters": vars(method), **vars(cell)}
    inputs = {"base": base, "original": original, "dataset": dataset}
    plugins = (methods.module_name(cell.method),)
    with Job("unlearn", out, inputs, resolved, plugins) as job:
        use, training = settings.model, settings.training
        device = prepare_device(cell.seed)
        store = Store(dataset)
        model = load_model(base, [original], use.domain, use.precision, device)
        trained = prepare_training(model, training.weights, use.lora, use.frozen)
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
                base, [original], use.domain, use.precision, device
            ).requires_grad_(False),
        )
        clock = time.monotonic()
        try:
            method.unlearn(unlearner)
        except DivergedError as error:
            job.diverged(error.step)
            return
        seconds = time.monotonic() - clock
        save_checkpoint(trained, job.folder)
        job.measures.update(
            steps=len(unlearner.history),
            first_loss=unlearner.history[0],
            last_loss=unlearner.history[-1],
            training_seconds=round(seconds, 3),
            samples_per_second=round(len(sets.forget) * training.epochs / seconds, 3),
            stored_bytes=stored_bytes(job.folder),
        )
