"""Original and golds: a new head, and all below it, trained on a part's persons."""

from pathlib import Path

from clearbench.config.settings import FinetuneSettings
from clearbench.data.faces import FORGET, RETAIN, of_split, persons_of, read_faces
from clearbench.domains.place import Place, Trained
from clearbench.models.checkpoint import freeze
from clearbench.models.faces import Pixels, load_face_model, load_image_processor, save_face_model
from clearbench.training.faces import train_faces


def run(
    settings: FinetuneSettings,
    part: str,
    forget_size: int | None,
    seed: int,
    base: Path,
    place: Place,
) -> Trained:
    """Train a new head, and all below it, on a part's persons but the held-out ones.

    A head has a vector for each person that its model is shown and for nobody else: gold's has none
    for the forgotten.
    """
    training = settings.training
    faces = read_faces(place.store, forget_size, settings.holdout or 0, settings.persons)
    shown = of_split(faces, FORGET, RETAIN) if part == "full" else of_split(faces, RETAIN)
    model = load_face_model(base, place.device)
    freeze(model, settings.model.frozen)
    model.set_persons(persons_of(shown))
    model.to(place.device)
    place.state.start("training")
    history = train_faces(
        model, Pixels(load_image_processor(base), place.store), shown, training, seed, place.state
    )
    trained = place.trained(model, history, len(shown) * training.epochs)
    save_face_model(model, place.folder)
    return trained
