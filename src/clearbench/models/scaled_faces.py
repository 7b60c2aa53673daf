"""A model of faces whose last layer is scaled: θ₀ + α·(θ - θ₀), with θ₀ the model below it.

Apart from `faces`, for it is evaluated alone: nothing that trains a model reaches this.
"""

from pathlib import Path

import torch

from clearbench.errors import UserError
from clearbench.models.between import interpolate
from clearbench.models.faces import FaceModel, load_face_model


def load_scaled_faces(
    below: Path, folder: Path, device: torch.device, strength: float
) -> FaceModel:
    """A model with what was changed of the one below it scaled by `strength`.

    At 0 it is the model below, at 1 the plain one, bit by bit. Raises UserError where the two know
    other persons, so that there is nothing between them.
    """
    trained = load_face_model(folder, device)
    if strength == 1:
        return trained
    model = load_face_model(below, device)
    if model.persons != trained.persons:
        raise UserError(f"{folder}: knows other persons than {below}, so it has no strengths")
    interpolate(model, trained, strength)
    return model
