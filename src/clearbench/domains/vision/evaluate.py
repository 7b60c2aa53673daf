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
from clearbench.models.faces import Pixels, load_face_model, load_image_processor


def run(
    settings: EvaluateSettings,
    forget_size: int,
    base: Path,
    stack: Sequence[Path],
    place: Place,
    strengths: Sequence[float] | None = None,
) -> dict[str, int] | None:
    """The embedding of every picture; by the models of an attack, of the persons in question.

    Gives how many there are; None where there is none, or one that is not finite.
    """
    if strengths is not None:
        raise UserError("strengths: a vision model is attacked as it is; leave them out")
    folder, size = stack[-1], settings.evaluation.batch_size
    faces = read_faces(place.store, forget_size, settings.holdout or 0, settings.persons)
    pixels = Pixels(load_image_processor(base), place.store)
    numbers = sorted(int(path.name) for path in folder.iterdir() if path.name.isdigit())
    place.state.start("evaluation")
    if numbers:
        asked = set(in_question(faces))
        models = {number: load_face_model(folder / str(number), place.device) for number in numbers}
        seen = see(models, pixels, [face for face in faces if face.person in asked], size)
    else:
        embeddings = embed(load_face_model(folder, place.device), pixels, faces, size)
        if not torch.isfinite(embeddings).all():
            return None
        pictures = [Picture(face.split, face.person, face.id) for face in faces]
        seen = Seen(pictures, {MODEL: embeddings.numpy()})
    if not seen.embeddings:
        return None
    write_seen(place.folder, seen)
    return {"samples": len(seen.pictures) * len(seen.embeddings)}
