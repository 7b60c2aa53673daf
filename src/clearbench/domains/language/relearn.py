"""Models that are taught again, to see what comes back."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from clearbench.data.store import Store, TrainSample
from clearbench.domains.place import Place, Trained
from clearbench.models.checkpoint import (
    Model,
    load_model,
    prepare_training,
    save_checkpoint,
)
from clearbench.models.encoding import load_encoder
from clearbench.stress_tests.relearn import On, RelearnSettings
from clearbench.training.batches import batches_per_epoch
from clearbench.training.finetune import finetune


def run(
    settings: RelearnSettings,
    forget_size: int,
    seed: int,
    base: Path,
    stack: Sequence[Path],
    place: Place,
) -> Trained:
    """Train a further layer on a stack, and save it as it is at each point, a folder each."""
    use, store, test = settings.model, place.store, settings.test
    samples = learned(store, test.on, forget_size, "both" if use.domain == "multimodal" else "text")
    encoder = load_encoder(base, use.domain, store, use.date)
    model = load_model(base, stack, use.domain, use.precision, place.device, use.attention)
    training = test.training
    trained = prepare_training(
        model, training.weights, use.lora, use.frozen, use.gradient_checkpointing
    )
    size = training.batch_size * training.accumulation
    places = test.places(batches_per_epoch(len(samples), size))
    kept: dict[int, dict[str, Tensor]] = {step: {} for step in places}
    place.state.start("training")
    history = finetune(trained, encoder, samples, training, seed, place.state, kept)
    done = place.trained(trained, history, len(history) * size)
    for step, point in places.items():
        put(trained, kept[step])
        save_checkpoint(trained, place.folder / point)
    return done


def learned(store: Store, on: On, forget_size: int, modality: str) -> list[TrainSample]:
    """The samples that a test is on; `half` are those of every second person of the forget set.

    Samples that tell no person count as one each. UserError where there are none.
    """
    if on == "real":
        return store.base()
    samples = store.train("retain" if on == "retain" else "forget", forget_size, modality)
    if on != "half":
        return samples
    persons = dict.fromkeys(sample.person or sample.id for sample in samples)
    chosen = set(list(persons)[::2])
    return [sample for sample in samples if (sample.person or sample.id) in chosen]


@torch.no_grad()
def put(model: Model, weights: Mapping[str, Tensor]) -> None:
    """Give a model's weights in training the values of some step."""
    parameters = dict(model.named_parameters())
    for name, weight in weights.items():
        parameters[name].copy_(weight)
