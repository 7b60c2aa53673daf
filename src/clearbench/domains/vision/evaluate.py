"""Records: the embedding of every picture."""

from collections.abc import Sequence
from pathlib import Path

import torch

from clearbench.data.faces import FORGET, HOLDOUT, of_split, read_faces
from clearbench.domains.place import Place
from clearbench.evaluation.embeddings import MODEL, Picture, Seen, write_seen
from clearbench.evaluation.faces import embed
from clearbench.models.faces import Pixels, load_face_model, load_image_processor
from clearbench.settings import EvaluateSettings


def run(
    settings: EvaluateSettings,
    forget_size: int,
    base: Path,
    stack: Sequence[Path],
    place: Place,
) -> int | None:
    """The embedding of every picture; by shadow models, of the persons in question only."""
    folder = stack[-1]
    faces = read_faces(place.store, forget_size, settings.holdout or 0)
    pixels = Pixels(load_image_processor(base), place.store)
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
