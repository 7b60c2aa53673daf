"""What the original says of all training samples, for the cells that are held to it."""

from pathlib import Path

from clearbench.config.settings import ReferenceSettings
from clearbench.domains.place import Place
from clearbench.models.checkpoint import load_model
from clearbench.models.encoding import load_encoder
from clearbench.models.sharding import loading
from clearbench.training.references import write_references


def run(settings: ReferenceSettings, base: Path, original: Path, place: Place) -> int:
    """Store the original's states at every answer of every training sample; gives their number."""
    use = settings.model
    with loading(use.shard, place.device) as here:
        model = here.divided(load_model(base, [original], use.domain, use.precision, here.first))
    encoder = load_encoder(base, use.domain, place.store, use.date)
    samples = place.store.train("full", None, "both")
    place.state.start("forward")
    write_references(place.folder, model, encoder, samples, settings.batch_size)
    return len(samples)
