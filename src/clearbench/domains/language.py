"""Models that answer in words: of texts alone, and of images and texts."""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

from clearbench.config import BaseSettings
from clearbench.data.refusals import REFUSALS
from clearbench.data.store import Store
from clearbench.domains.base import Place, Trained
from clearbench.errors import UserError, disk_errors
from clearbench.evaluation.evaluate import evaluate as evaluate_samples
from clearbench.evaluation.records import RECORDS, write_records
from clearbench.methods.base import Method
from clearbench.models.build import build_model, build_processor, build_tokenizer
from clearbench.models.checkpoint import (
    load_model,
    load_processor,
    placed,
    prepare_training,
    save_checkpoint,
    write_pointer,
)
from clearbench.models.encoding import Encoder
from clearbench.settings import Cell, EvaluateSettings, FinetuneSettings, UnlearnSettings
from clearbench.training.finetune import finetune as train
from clearbench.training.unlearn import Unlearner
from clearbench.training.views import Sets


def make_base(settings: BaseSettings, seed: int, place: Place) -> list[float]:
    """Build and train the base on the dataset's base rows; for a hub model, write a pointer."""
    source, training, store = settings.model, settings.training, place.store
    if source.build is None:
        write_pointer(place.folder, source.hub or "", source.revision)
        return []
    tokenizer = build_tokenizer(source.build, _texts(store))
    processor = build_processor(source.build, tokenizer)
    model = placed(build_model(source.build, source.domain, tokenizer, seed), place.device)
    samples = store.base()
    if training is None or not samples:
        raise UserError(
            f"{store.folder}: no base rows; a model built here has nothing to learn from"
        )
    history = train(model, Encoder(processor, store), samples, training, seed, place.state)
    save_checkpoint(model, place.folder)
    with disk_errors(place.folder):
        processor.save_pretrained(str(place.folder))
    return history


def finetune(
    settings: FinetuneSettings,
    part: str,
    forget_size: int | None,
    seed: int,
    base: Path,
    place: Place,
) -> Trained:
    """Train on the question-answer samples of a part, of all modalities that the model has."""
    use, training, store, state = settings.model, settings.training, place.store, place.state
    encoder = Encoder(load_processor(base, use.domain), store)
    model = load_model(base, [], use.domain, use.precision, place.device)
    trained = prepare_training(model, training.weights, use.lora, use.frozen)
    modality = "both" if use.domain == "multimodal" else "text"
    samples = store.train(part, forget_size, modality)
    state.start("training")
    history = train(trained, encoder, samples, training, seed, state)
    seconds = state.seconds("training")
    save_checkpoint(trained, place.folder)
    return Trained(history, len(samples) * training.epochs, seconds)


def unlearn(
    settings: UnlearnSettings,
    method: Method,
    cell: Cell,
    base: Path,
    original: Path,
    place: Place,
) -> Trained:
    """Unlearn the forget set's samples of the cell's modality."""
    use, training, store, state = settings.model, settings.training, place.store, place.state
    retained = cell.modality if settings.retain_modality == "same" else "both"
    model = load_model(base, [original], use.domain, use.precision, place.device)
    trained = prepare_training(model, training.weights, use.lora, use.frozen)
    sets = Sets(
        forget=store.train("forget", cell.forget_size, cell.modality),
        retain=store.train("retain", cell.forget_size, retained),
        encoder=Encoder(load_processor(base, use.domain), store),
        device=place.device,
    )
    unlearner = Unlearner(
        trained,
        method,
        sets,
        training,
        cell.seed,
        load_original=lambda: load_model(
            base, [original], use.domain, use.precision, place.device
        ).requires_grad_(False),
        state=state,
    )
    state.start("training")
    method.unlearn(unlearner)
    seconds = state.seconds("training")
    save_checkpoint(trained, place.folder)
    return Trained(unlearner.history, len(sets.forget) * training.epochs, seconds)


def evaluate(
    settings: EvaluateSettings,
    forget_size: int,
    base: Path,
    stack: Sequence[Path],
    place: Place,
) -> int | None:
    """Losses of the candidate answers and a greedy answer, of every sample of every task."""
    use, evaluation = settings.model, settings.evaluation
    model = load_model(base, stack, use.domain, use.precision, place.device)
    encoder = Encoder(load_processor(base, use.domain), place.store)
    samples = place.store.evaluation(forget_size)
    place.state.start("evaluation")
    records = evaluate_samples(
        model, encoder, samples, evaluation.batch_size, evaluation.max_new_tokens, place.state
    )
    if any(math.isnan(loss) for record in records for loss in record.losses):
        return None
    write_records(place.folder / RECORDS, records)
    return len(records)


def _texts(store: Store) -> Iterable[str]:
    """The text that a tokenizer is trained on: it must be able to spell all, it knows no fact."""
    for sample in [*store.base(), *store.train("full", None, "both")]:
        yield sample.question
        yield sample.answer
    yield from REFUSALS
