"""The embeddings that a model gives pictures."""

from collections.abc import Mapping, Sequence

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
    models: Mapping[int, FaceModel], pixels: Pixels, faces: Sequence[Face], batch_size: int
) -> Seen:
    """What some models of a membership attack make of pictures, and which of them know whom.

    A model whose embeddings are not all finite is left out.
    """
    embeddings = {
        number: embed(model, pixels, faces, batch_size) for number, model in models.items()
    }
    finite = {
        number: vectors for number, vectors in embeddings.items() if torch.isfinite(vectors).all()
    }
    knows = {number: set(models[number].persons) for number in finite}
    pictures = [
        Picture(f.split, f.person, f.id, tuple(n for n in finite if f.person in knows[n]))
        for f in faces
    ]
    return Seen(pictures, {str(number): vectors.numpy() for number, vectors in finite.items()})
