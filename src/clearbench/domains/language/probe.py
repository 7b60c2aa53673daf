"""Output layers that are trained on the states of a model's first layers."""

from collections.abc import Sequence
from pathlib import Path

from clearbench.domains.place import Place, Trained
from clearbench.models.checkpoint import load_model
from clearbench.models.encoding import load_encoder
from clearbench.models.instruction import instruction_of
from clearbench.models.probed import own_head, save_head
from clearbench.stress_tests.lens import point_of
from clearbench.stress_tests.probe import ProbeSettings, head_in
from clearbench.training.probes import train_heads


def run(
    settings: ProbeSettings,
    forget_size: int,
    seed: int,
    base: Path,
    stack: Sequence[Path],
    place: Place,
) -> Trained:
    """Train an output layer for each number of first layers on the retain set, and save it."""
    use, test = settings.model, settings.test
    modality = "both" if use.domain == "multimodal" else "text"
    samples = place.store.train("retain", forget_size, modality)
    encoder = load_encoder(base, use.domain, place.store, use.date, instruction_of(stack))
    model = load_model(base, stack, use.domain, use.precision, place.device, use.attention)
    heads = {layers: own_head(model) for layers in sorted(test.layers)}
    place.state.start("training")
    history = train_heads(model, heads, encoder, samples, test.training, seed, place.state)
    size = test.batch_size * test.accumulation
    for layers, head in heads.items():
        save_head(head, head_in(place.folder, point_of(layers)))
    return place.trained(model, history, len(history) * size)
