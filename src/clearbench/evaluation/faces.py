"""The embeddings that a model gives pictures."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from clearbench.data.faces import Face
from clearbench.evaluation.embeddings import Picture, Seen
from clearbench.models.faces import FaceModel, Pixels


@torch.no_grad()
def embed(model: FaceModel, pixels: Pixels, faces: Sequence[Face], batch_size: int) -> Tensor:
    """The embeddings (N, E) of some pictures, in their order, in main memory."""
    device = next(model.parameters()).device
    starts = range(0, len(faces), batch_size)
    images = ([face.image for face in faces[i : i + batch_size]] for i in starts)
    return torch.cat([model(pixels.batch(batch).to(device)).float().cpu() for batch in images])


def see(
    models: Iterable[tuple[int, FaceModel]], pixels: Pixels, faces: Sequence[Face], batch_size: int
) -> Seen:
    """What some models of a membership attack make of pictures, and which of them know whom.

    The models come with their numbers, and one at a time is needed. One whose embeddings are not
    all finite is left out.
    """
    finite, knows = {}, {}
    for number, model in models:
        vectors = embed(model, pixels, faces, batch_size)
        if torch.isfinite(vectors).all():
            finite[str(number)] = vectors.numpy()
            knows[number] = set(model.persons)
    pictures = [
        Picture(f.split, f.person, f.id, tuple(n for n in knows if f.person in knows[n]))
        for f in faces
    ]
    return Seen(pictures, finite)
