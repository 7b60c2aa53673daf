"""Records: the embedding of every picture."""

from collections.abc import Sequence
from pathlib import Path

import torch

from clearbench.config.settings import EvaluateSettings
from clearbench.data.faces import in_question, read_faces
from clearbench.domains.place import Place
from clearbench.errors import UserError
from clearbench.evaluation.embeddings import MODEL, Picture, Seen, write_seen
from clearbench.evaluation.faces import embed, see
from clearbench.evaluation.records import folder_at
from clearbench.models.faces import Pixels, load_face_model, load_image_processor
from clearbench.models.scaled_faces import load_scaled_faces


def run(
    settings: EvaluateSettings,
    forget_size: int,
    base: Path,
    stack: Sequence[Path],
    place: Place,
    strengths: Sequence[float] | None = None,
) -> dict[str, int] | None:
    """The embedding of every picture; by the models of an attack, of the persons in question.

    At each of some strengths, if any. Gives how many there are; None where there is none, or one
    that is not finite.
    """
    folder, size = stack[-1], settings.evaluation.batch_size
    faces = read_faces(place.store, forget_size, settings.holdout or 0, settings.persons)
    pixels = Pixels(load_image_processor(base), place.store)
    numbers = sorted(int(path.name) for path in folder.iterdir() if path.name.isdigit())
    place.state.start("evaluation")
    if numbers:
        if strengths is not None:
            raise UserError(f"{folder}: models of an attack are scaled where they are unlearned")
        asked = set(in_question(faces))
        models = ((n, load_face_model(folder / str(n), place.device)) for n in numbers)
        seen = see(models, pixels, [face for face in faces if face.person in asked], size)
        if not seen.embeddings:
            return None
        write_seen(place.folder, seen)
        return {"samples": len(seen.pictures) * len(seen.embeddings)}
    below = stack[-2] if len(stack) > 1 else base
    pictures = [Picture(face.split, face.person, face.id) for face in faces]
    points = [(None, 1.0)] if strengths is None else [(f"{s:g}", s) for s in strengths]
    for point, strength in points:
        model = load_scaled_faces(below, folder, place.device, strength)
        embeddings = embed(model, pixels, faces, size)
        if not torch.isfinite(embeddings).all():
            return None
        write_seen(folder_at(place.folder, point), Seen(pictures, {MODEL: embeddings.numpy()}))
    return {"samples": len(faces) * len(points)}
