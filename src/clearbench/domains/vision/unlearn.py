"""Cells: a method on the forget set's pictures."""

from collections.abc import Sequence
from pathlib import Path

from clearbench.config.settings import Cell, UnlearnSettings
from clearbench.data.faces import FORGET, RETAIN, of_split, read_faces
from clearbench.domains.place import Place, Trained
from clearbench.errors import UserError
from clearbench.methods.base import Method
from clearbench.models.checkpoint import freeze
from clearbench.models.faces import Pixels, load_face_model, load_image_processor, save_face_model
from clearbench.training.face_views import FaceSets
from clearbench.training.unlearn import Unlearner


def run(
    settings: UnlearnSettings,
    method: Method,
    cell: Cell,
    base: Path,
    stack: Sequence[Path],
    reference: None,
    place: Place,
    alternates: None = None,
    gold: None = None,
) -> Trained:
    """Unlearn the forget set's pictures by the last model of a stack.

    The statistics of batch normalisation stay the original's, for student and reference must see a
    picture alike, whatever batch it stands in.
    """
    training = settings.training
    faces = read_faces(place.store, cell.forget_size, settings.holdout or 0, settings.persons)
    forget = of_split(faces, FORGET)
    if not forget:
        raise UserError(
            f"{place.store.folder}: nobody who is forgotten at forget size {cell.forget_size} has a"
            " picture and a name; choose another size"
        )
    model = load_face_model(stack[-1], place.device)
    model.fixed_statistics = True
    freeze(model, settings.model.frozen)
    sets = FaceSets(
        forget=forget,
        retain=of_split(faces, RETAIN),
        persons=model.persons,
        pixels=Pixels(load_image_processor(base), place.store),
        device=place.device,
    )
    unlearner = Unlearner(
        model,
        method,
        sets,
        training,
        cell.seed,
        load_original=lambda: load_face_model(stack[-1], place.device).requires_grad_(False),
        state=place.state,
    )
    place.state.start("training")
    method.unlearn(unlearner)
    trained = place.trained(model, unlearner.history, unlearner.samples)
    save_face_model(model, place.folder)
    return trained
