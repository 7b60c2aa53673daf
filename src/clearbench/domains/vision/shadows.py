"""Shadow models: as the original, but of the persons in question each knows a random half."""

from pathlib import Path

from clearbench.data.faces import read_faces
from clearbench.domains.place import Place, Trained
from clearbench.models.checkpoint import freeze
from clearbench.models.faces import Pixels, load_face_model, load_image_processor, save_face_model
from clearbench.settings import ShadowSettings
from clearbench.training.shadows import train_shadows


def run(
    settings: ShadowSettings, number: int, forget_size: int, base: Path, place: Place
) -> Trained:
    """Train the shadow models of a job, each into a folder named for its number.

    `number` is the job's; a job has `settings.together` of the `settings.shadows` models, the last
    one perhaps fewer.
    """
    first = number * settings.together
    numbers = range(settings.shadows)[first : first + settings.together]
    faces = read_faces(place.store, forget_size, settings.holdout)
    models = [load_face_model(base, place.device) for _ in numbers]
    for model in models:
        freeze(model, settings.model.frozen)
    place.state.start("training")
    histories, shown = train_shadows(
        numbers,
        models,
        Pixels(load_image_processor(base), place.store),
        faces,
        settings.shadows,
        settings.training,
        place.state,
    )
    samples = settings.training.epochs * sum(shown)
    history = [loss for losses in histories for loss in losses]
    trained = place.trained(models[0], history, samples)
    for name, model in zip(numbers, models, strict=True):
        save_face_model(model, place.folder / str(name))
    return trained
