"""The models of a membership attack: as the original, but each knows half of those in question."""

from pathlib import Path

from clearbench.config.settings import ShadowSettings
from clearbench.data.faces import read_faces
from clearbench.domains.place import Place, Trained
from clearbench.models.checkpoint import freeze
from clearbench.models.faces import Pixels, load_face_model, load_image_processor, save_face_model
from clearbench.training.shadows import known_to, membership, rings, train_shadows


def run(settings: ShadowSettings, number: int, base: Path, place: Place) -> Trained:
    """Train the models of a job, by its number, each into a folder named for its own number."""
    population, numbers = settings.population, settings.population.numbers(number)
    of_sizes = [
        read_faces(place.store, size, settings.holdout, settings.persons)
        for size in sorted(settings.forget_sizes)
    ]
    known = membership(rings(of_sizes), population.shadows + population.targets)
    shown = [known_to(one, of_sizes[-1], known, settings.persons) for one in numbers]
    models = [load_face_model(base, place.device) for _ in numbers]
    for model in models:
        freeze(model, settings.model.frozen)
    place.state.start("training")
    histories = train_shadows(
        numbers,
        models,
        Pixels(load_image_processor(base), place.store),
        shown,
        settings.training,
        place.state,
    )
    samples = settings.training.epochs * sum(map(len, shown))
    history = [loss for losses in histories for loss in losses]
    trained = place.trained(models[0], history, samples)
    for name, model in zip(numbers, models, strict=True):
        save_face_model(model, place.folder / str(name))
    return trained
