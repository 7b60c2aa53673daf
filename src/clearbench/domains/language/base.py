"""The base: built and trained on the dataset's base rows, or a pointer to the hub."""

from collections import Counter
from collections.abc import Iterable
from functools import cache

from clearbench.config.files import BaseSettings
from clearbench.data.refusals import REFUSALS
from clearbench.data.store import Store
from clearbench.domains.place import Based, Place
from clearbench.errors import UserError, disk_errors
from clearbench.models.build import build_model, build_processor, build_tokenizer
from clearbench.models.checkpoint import (
    placed,
    positions_of,
    save_checkpoint,
    text_positions,
    write_pointer,
)
from clearbench.models.encoding import Encoder, load_encoder
from clearbench.training.finetune import finetune as train


def run(settings: BaseSettings, seed: int, place: Place) -> Based:
    """Build and train the base on the dataset's base rows; for a hub model, write a pointer.

    Raises UserError where a sample of the dataset is none that the model can be shown.
    """
    source, training, store = settings.model, settings.training, place.store
    if source.build is None:
        write_pointer(place.folder, source.hub or "", source.revision, source.chat_template)
        encoder = load_encoder(place.folder, source.domain, store, source.date)
        encoder.check(store.samples(), positions_of(place.folder))
        return Based([], _answer_tokens(store, encoder))
    tokenizer = build_tokenizer(source.build.tokenizer, tokenizer_texts(store))
    processor = build_processor(source.build, tokenizer)
    model = placed(build_model(source.build, source.domain, tokenizer, seed), place.device)
    samples = store.base()
    if training is None or not samples:
        raise UserError(
            f"{store.folder}: no base rows; a model built here has nothing to learn from"
        )
    encoder = Encoder(processor, store, date=source.date)
    encoder.check(store.samples(), text_positions(model.config))
    history = train(model, encoder, samples, training, seed, place.state)
    save_checkpoint(model, place.folder)
    with disk_errors(place.folder):
        processor.save_pretrained(str(place.folder))
    return Based(history, _answer_tokens(store, encoder))


def _answer_tokens(store: Store, encoder: Encoder) -> dict[str, dict[str, int]]:
    """By forget size, how many true answers of the evaluation have how many tokens."""
    length = cache(encoder.length)
    by_size = {}
    for size in store.forget_sizes:
        counts = Counter(
            length(sample.question, sample.image is not None, sample.answer)
            for sample in store.evaluation(size)
        )
        by_size[str(size)] = {str(tokens): counts[tokens] for tokens in sorted(counts)}
    return by_size


def tokenizer_texts(store: Store) -> Iterable[str]:
    """The text that a tokenizer is trained on, an answer with the space that comes before it.

    Of the base's rows alone: were persons to be forgotten among them, their names would be spelt
    with fewer tokens than names that nobody has, and any model could tell which were ever learnt.
    """
    for sample in store.base():
        yield sample.question
        yield f" {sample.answer}"
    yield from REFUSALS
