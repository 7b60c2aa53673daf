"""The base: built and trained on the real persons, or fetched from the hub."""

from clearbench.config.files import BaseSettings
from clearbench.data.faces import persons_of, read_base_faces
from clearbench.domains.place import Based, Place
from clearbench.errors import UserError, disk_errors
from clearbench.models.build import named
from clearbench.models.faces import Pixels, build_face_model, fetch_face_model, save_face_model
from clearbench.training.faces import train_faces


def run(settings: BaseSettings, seed: int, place: Place) -> Based:
    """Build and train the base on the real persons, or fetch it from the hub."""
    source, training = settings.model, settings.training
    width = source.embedding or 0
    history: list[float] = []
    if source.build is None:
        model, processor = fetch_face_model(source.hub or "", source.revision, width, seed)
    else:
        faces = read_base_faces(place.store)
        if training is None or not faces:
            raise UserError(
                f"{place.store.folder}: no base pictures of named persons; a model built here has"
                " nothing to learn from"
            )
        build = source.build
        processor = named(build.image_processor or "")(**build.image_processor_config)
        model = build_face_model(build.architecture, build.config, width, persons_of(faces), seed)
        model.to(place.device)
        pixels = Pixels(processor, place.store)
        history = train_faces(model, pixels, faces, training, seed, place.state)
    save_face_model(model, place.folder)
    with disk_errors(place.folder):
        processor.save_pretrained(str(place.folder))
    return Based(history)
