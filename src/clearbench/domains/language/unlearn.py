"""Cells: a method on the forget set's samples of a modality."""

from dataclasses import replace
from pathlib import Path

from clearbench.config.settings import Cell, UnlearnSettings
from clearbench.domains.place import Place, Trained
from clearbench.methods.base import Method
from clearbench.models.checkpoint import (
    load_model,
    positions_of,
    prepare_training,
    save_checkpoint,
)
from clearbench.models.encoding import load_encoder
from clearbench.models.instruction import write_instruction
from clearbench.training import memory
from clearbench.training.alternates import read_alternates
from clearbench.training.lengths import check_lengths
from clearbench.training.references import References
from clearbench.training.unlearn import Unlearner
from clearbench.training.views import Sets


def run(
    settings: UnlearnSettings,
    method: Method,
    cell: Cell,
    base: Path,
    original: Path,
    reference: Path | None,
    place: Place,
    alternates: Path | None = None,
) -> Trained:
    """Unlearn the forget set's samples of the cell's modality."""
    use, training, store, state = settings.model, settings.training, place.store, place.state
    retained = cell.modality if settings.retain_modality == "same" else "both"
    positions = positions_of(base)
    sets = Sets(
        forget=store.train("forget", cell.forget_size, cell.modality),
        retain=store.train("retain", cell.forget_size, retained),
        encoder=load_encoder(base, use.domain, store, use.date),
        device=place.device,
        shares_prompts=use.attention == "sdpa",
        as_published=method.as_published,
        positions=positions,
    )
    if alternates is not None:
        sets = replace(sets, alternates=read_alternates(alternates, sets.forget))
    check_lengths(sets, method.reads.student, positions)
    model = load_model(base, [original], use.domain, use.precision, place.device, use.attention)
    trained = prepare_training(
        model, training.weights, use.lora, use.frozen, use.gradient_checkpointing
    )
    if reference is not None:
        stored = References(reference, store.train("full", None, "both"), trained)
        sets = replace(sets, references=stored)
    memory.check(trained, training, sets.longest(), method.as_published)
    unlearner = Unlearner(
        trained,
        method,
        sets,
        training,
        cell.seed,
        load_original=lambda: load_model(
            base, [original], use.domain, use.precision, place.device, use.attention
        ).requires_grad_(False),
        state=state,
    )
    state.start("training")
    method.unlearn(unlearner)
    done = place.trained(trained, unlearner.history, unlearner.seen)
    if unlearner.instruction:
        write_instruction(place.folder, unlearner.instruction)
    else:
        save_checkpoint(trained, place.folder)
    return done
