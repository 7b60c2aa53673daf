"""Models that see faces: an embedding, and while they learn a head of the persons they know."""

from collections.abc import Sequence
from pathlib import Path

import torch

from clearbench.config import BaseSettings
from clearbench.data.faces import (
    FORGET,
    HOLDOUT,
    RETAIN,
    of_split,
    persons_of,
    read_base_faces,
    read_faces,
)
from clearbench.domains.base import Place, Trained
from clearbench.errors import UserError, disk_errors
from clearbench.evaluation.embeddings import MODEL, Picture, Seen, write_seen
from clearbench.evaluation.faces import embed
from clearbench.methods.base import Method
from clearbench.models.build import named
from clearbench.models.checkpoint import freeze
from clearbench.models.faces import (
    FaceModel,
    Pixels,
    build_face_model,
    fetch_face_model,
    load_face_model,
    load_image_processor,
    save_face_model,
)
from clearbench.settings import (
    Cell,
    EvaluateSettings,
    FinetuneSettings,
    ShadowSettings,
    UnlearnSettings,
)
from clearbench.training.face_views import FaceSets
from clearbench.training.faces import train_faces
from clearbench.training.shadows import train_shadows
from clearbench.training.unlearn import Unlearner


def make_base(settings: BaseSettings, seed: int, place: Place) -> list[float]:
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
    return history


def finetune(
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
    faces = read_faces(place.store, forget_size, settings.holdout or 0)
    shown = of_split(faces, FORGET, RETAIN) if part == "full" else of_split(faces, RETAIN)
    model = _fresh(base, settings, place)
    model.set_persons(persons_of(shown))
    model.to(place.device)
    place.state.start("training")
    history = train_faces(model, _pixels(base, place), shown, training, seed, place.state)
    seconds = place.state.seconds("training")
    save_face_model(model, place.folder)
    return Trained(history, len(shown) * training.epochs, seconds)


def shadow(
    settings: ShadowSettings, number: int, forget_size: int, base: Path, place: Place
) -> Trained:
    """Train the shadow models of a job, each into a folder named for its number.

    `number` is the job's; a job has `settings.together` of the `settings.shadows` models, the last
    one perhaps fewer.
    """
    first = number * settings.together
    numbers = range(settings.shadows)[first : first + settings.together]
    faces = read_faces(place.store, forget_size, settings.holdout)
    models = (_fresh(base, settings, place) for _ in numbers)
    place.state.start("training")
    trained, histories, shown = train_shadows(
        numbers,
        models,
        _pixels(base, place),
        faces,
        settings.shadows,
        settings.training,
        place.state,
    )
    seconds = place.state.seconds("training")
    for name, model in zip(numbers, trained, strict=True):
        save_face_model(model, place.folder / str(name))
    samples = settings.training.epochs * sum(shown)
    return Trained([loss for losses in histories for loss in losses], samples, seconds)


def unlearn(
    settings: UnlearnSettings,
    method: Method,
    cell: Cell,
    base: Path,
    original: Path,
    place: Place,
) -> Trained:
    """Unlearn the forget set's pictures.

    The statistics of batch normalisation stay the original's, for student and reference must see a
    picture alike, whatever batch it stands in.
    """
    training = settings.training
    faces = read_faces(place.store, cell.forget_size, settings.holdout or 0)
    model = load_face_model(original, place.device)
    model.fixed_statistics = True
    freeze(model, settings.model.frozen)
    sets = FaceSets(
        forget=of_split(faces, FORGET),
        retain=of_split(faces, RETAIN),
        persons=model.persons,
        pixels=_pixels(base, place),
        device=place.device,
    )
    unlearner = Unlearner(
        model,
        method,
        sets,
        training,
        cell.seed,
        load_original=lambda: load_face_model(original, place.device).requires_grad_(False),
        state=place.state,
    )
    place.state.start("training")
    method.unlearn(unlearner)
    seconds = place.state.seconds("training")
    save_face_model(model, place.folder)
    return Trained(unlearner.history, len(sets.forget) * training.epochs, seconds)


def evaluate(
    settings: EvaluateSettings,
    forget_size: int,
    base: Path,
    stack: Sequence[Path],
    place: Place,
) -> int | None:
    """The embedding of every picture; by shadow models, of the persons in question only."""
    folder = stack[-1]
    faces = read_faces(place.store, forget_size, settings.holdout or 0)
    pixels = _pixels(base, place)
    shadows = sorted(int(path.name) for path in folder.iterdir() if path.name.isdigit())
    folders = {str(number): folder / str(number) for number in shadows} or {MODEL: folder}
    if shadows:
        faces = of_split(faces, FORGET, HOLDOUT)
    place.state.start("evaluation")
    embeddings = {}
    knows: dict[str, list[int]] = {}
    for name, path in folders.items():
        model = load_face_model(path, place.device)
        found = embed(model, pixels, faces, settings.evaluation.batch_size)
        if not torch.isfinite(found).all():
            return None
        embeddings[name] = found.numpy()
        for person in model.persons if shadows else ():
            knows.setdefault(person, []).append(int(name))
    pictures = [
        Picture(face.split, face.person, face.id, tuple(knows.get(face.person, ())))
        for face in faces
    ]
    write_seen(place.folder, Seen(pictures, embeddings))
    return len(pictures) * len(folders)


def _fresh(base: Path, settings: FinetuneSettings, place: Place) -> FaceModel:
    model = load_face_model(base, place.device)
    freeze(model, settings.model.frozen)
    return model


def _pixels(base: Path, place: Place) -> Pixels:
    return Pixels(load_image_processor(base), place.store)
