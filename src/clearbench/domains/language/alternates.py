"""What the original makes up in answer to the forget questions, for cells that prefer it."""

from pathlib import Path

from clearbench.config.settings import AlternatesSettings
from clearbench.domains.place import Place
from clearbench.evaluation.evaluate import check_room
from clearbench.evaluation.made_up import WORDS, make_up
from clearbench.models.checkpoint import load_model, positions_of
from clearbench.models.encoding import load_encoder
from clearbench.models.sharding import loading
from clearbench.training.alternates import fitting, write_alternates


def run(
    settings: AlternatesSettings, forget_size: int, base: Path, original: Path, place: Place
) -> dict[str, int]:
    """Draw the answers; gives how many samples there are, and how many have none that fits."""
    use = settings.model
    told = load_encoder(base, use.domain, place.store, use.date, WORDS)
    samples = place.store.train("forget", forget_size, settings.modality)
    check_room(told, samples, settings.max_new_tokens, positions_of(base))
    with loading(use.shard, place.device) as here:
        model = here.divided(load_model(base, [original], use.domain, use.precision, here.first))
    place.state.start("generation")
    made_up = make_up(model, told, samples, settings, place.state)
    plain = load_encoder(base, use.domain, place.store, use.date)
    alternates = {
        sample.id: fitting(texts, sample, plain)
        for sample, texts in zip(samples, made_up, strict=True)
    }
    write_alternates(place.folder, alternates)
    without = sum(not texts for texts in alternates.values())
    return {"samples": len(samples), "samples_without": without}
