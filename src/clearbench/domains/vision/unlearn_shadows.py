"""A method on the models of a membership attack, each of which forgets whom it knows."""

import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import torch
from torch import nn

from clearbench.config.settings import UnlearnShadowsSettings
from clearbench.data.faces import Face, in_question, read_faces
from clearbench.domains.place import Place, Trained
from clearbench.evaluation.embeddings import write_seen
from clearbench.evaluation.faces import see
from clearbench.evaluation.records import folder_at
from clearbench.methods.base import Method
from clearbench.models.between import interpolate
from clearbench.models.checkpoint import freeze
from clearbench.models.faces import FaceModel, Pixels, load_face_model, load_image_processor
from clearbench.training.face_views import FaceSets
from clearbench.training.loop import DivergedError
from clearbench.training.unlearn import Unlearner


def run(
    settings: UnlearnShadowsSettings,
    method: Method,
    number: int,
    forget_size: int,
    base: Path,
    shadows: Path,
    place: Place,
    strengths: Sequence[float] = (),
) -> tuple[Trained | None, Mapping[int, int]]:
    """Unlearn each model of a job, and write the embeddings of all persons in question.

    By the models as they are, and by each with its update scaled by some `strengths`.
    A model forgets those of them whom it was trained on, as a cell forgets its forget set; the
    others that it was trained on are retained. Its seed is its number, so it is the same whatever
    others the job has. Gives the training, and the step at which each model diverged that did; None
    where all have.
    """
    state, numbers = place.state, settings.population.numbers(number)
    faces = read_faces(place.store, forget_size, settings.holdout, settings.persons)
    asked = set(in_question(faces))
    pixels = Pixels(load_image_processor(base), place.store)
    originals = {one: partial(_original, shadows / str(one), place) for one in numbers}
    models = {one: load_face_model(shadows / str(one), place.device) for one in numbers}
    for model in models.values():
        model.fixed_statistics = True
        freeze(model, settings.model.frozen)
    together = nn.ModuleList(models.values())
    history: list[float] = []
    samples = 0
    state.start("training")
    for one, model in models.items():
        torch.manual_seed(one)
        sets = _sets(model, faces, asked, pixels, place)
        unlearner = Unlearner(
            model, method, sets, settings.training, one, originals[one], state, together
        )
        if _unlearn(unlearner, method, one, place):
            history += unlearner.history
            samples += unlearner.samples
        else:
            # Weights and gradients that may be no numbers must not reach the others.
            model.zero_grad()
            model.load_state_dict(originals[one]().state_dict())
    diverged = {one: int(state.counts[_mark(one)]) for one in numbers if _mark(one) in state.counts}
    kept = {one: model for one, model in models.items() if one not in diverged}
    if not kept:
        return None, diverged
    trained = place.trained(next(iter(kept.values())), history, samples)
    shown = [face for face in faces if face.person in asked]
    size = settings.evaluation.batch_size
    write_seen(place.folder, see(kept.items(), pixels, shown, size))
    for strength in strengths:
        scaled = ((one, _scaled(originals[one](), model, strength)) for one, model in kept.items())
        write_seen(folder_at(place.folder, f"{strength:g}"), see(scaled, pixels, shown, size))
    return trained, diverged


def _unlearn(unlearner: Unlearner, method: Method, number: int, place: Place) -> bool:
    """Unlearn a model; False where that diverges, which a job that goes on knows already."""
    state, mark, loops = place.state, _mark(number), f"loops/{number}"
    if mark in state.counts:
        for _ in range(int(state.counts[loops])):
            with state.loop():
                pass
        return False
    try:
        method.unlearn(unlearner)
    except DivergedError as error:
        print(f"model {number}: {error}; left out", file=sys.stderr)
        state.count(mark, error.step)
        state.count(loops, unlearner.loops)
        return False
    return True


def _mark(number: int) -> str:
    """The count of a state that says at which step a model diverged."""
    return f"diverged/{number}"


def _original(folder: Path, place: Place) -> FaceModel:
    return load_face_model(folder, place.device).requires_grad_(False)


def _scaled(original: FaceModel, trained: FaceModel, strength: float) -> FaceModel:
    """The original, moved by a strength of what was trained of it."""
    interpolate(original, trained, strength)
    return original


def _sets(
    model: FaceModel, faces: Sequence[Face], asked: set[str], pixels: Pixels, place: Place
) -> FaceSets:
    """What a model forgets and retains, of the pictures that it was trained on."""
    known = [face for face in faces if face.person in set(model.persons)]
    return FaceSets(
        forget=[face for face in known if face.person in asked],
        retain=[face for face in known if face.person not in asked],
        persons=model.persons,
        pixels=pixels,
        device=place.device,
    )
