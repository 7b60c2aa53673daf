"""Cells: a method on the forget set's samples of a modality."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from transformers import PreTrainedModel

from clearbench.config.settings import Cell, Training, UnlearnSettings
from clearbench.data.store import Store, TrainSample
from clearbench.domains.place import Place, Trained
from clearbench.methods.base import Method
from clearbench.models.checkpoint import (
    Model,
    load_model,
    positions_of,
    prepare_training,
    save_checkpoint,
)
from clearbench.models.encoding import load_encoder
from clearbench.models.instruction import write_instruction
from clearbench.models.sharding import loading
from clearbench.models.weightless import weightless
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
    stack: Sequence[Path],
    reference: Path | None,
    place: Place,
    alternates: Path | None = None,
    gold: Path | None = None,
) -> Trained:
    """Unlearn the forget set's samples of the cell's modality, as a further layer on a stack.

    `gold` is for a method that compares with it.
    """
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
        spared=_spared(method, cell, store),
    )
    if alternates is not None:
        sets = replace(sets, alternates=read_alternates(alternates, sets.forget))
    check_lengths(sets, method.reads.student, positions)
    with loading(use.shard, place.device) as here:
        model = load_model(base, stack, use.domain, use.precision, here.first, use.attention)
        original_shape = weightless(model)
        trained = here.divided(
            prepare_training(
                model, training.weights, use.lora, use.frozen, use.gradient_checkpointing
            )
        )
    if reference is not None:
        stored = References(reference, store.train("full", None, "both"), trained)
        sets = replace(sets, references=stored)
    # What trains nothing, or the rows of few neurons, takes little; counting its passes, long.
    if (method.reads.student or method.importances) and not method.few_rows:
        longest = partial(unlearn_longest, method, sets, original_shape, cell.seed)
        memory.check(trained, training, longest, method.as_published)

    def load_frozen(stack: Sequence[Path]) -> PreTrainedModel:
        with loading(use.shard, place.device) as here:
            model = load_model(base, stack, use.domain, use.precision, here.first, use.attention)
            return here.divided(model.requires_grad_(False))

    unlearner = Unlearner(
        trained,
        method,
        sets,
        training,
        cell.seed,
        load_original=partial(load_frozen, stack),
        load_gold=None if gold is None else partial(load_frozen, [gold]),
        state=state,
    )
    state.start("training")
    method.unlearn(unlearner)
    done = place.trained(trained, unlearner.history, unlearner.samples)
    if unlearner.instruction:
        write_instruction(place.folder, unlearner.instruction)
    else:
        save_checkpoint(trained, place.folder)
    return done


def unlearn_longest(
    method: Method,
    sets: Sets,
    original: PreTrainedModel,
    seed: int,
    model: Model,
    training: Training,
    held: memory.Held,
) -> None:
    """Unlearn the longest samples alone, as many as a step has, by models without weights."""
    few = sets.longest(training.batch_size * training.accumulation)
    if few.references is not None:
        few = replace(few, references=few.references.weightless(model, held.model))
    original.requires_grad_(False)
    # Gold has the original's shape.
    load = partial(held.model, original)
    gold = load if method.compares_with == "gold" else None
    method.unlearn(
        Unlearner(model, method, few, training, seed, load_original=load, load_gold=gold)
    )


def _spared(method: Method, cell: Cell, store: Store) -> list[TrainSample]:
    """What is known of the forgotten persons by the modality that is not forgotten, if asked for.

    A store of texts alone has nothing of it.
    """
    other = {"text": "visual", "visual": "text"}.get(cell.modality)
    if other is None or "kept" not in method.importances:
        return []
    return store.train("forget", cell.forget_size, other)
