"""The embeddings that a model gives pictures."""

from collections.abc import Sequence

import torch
from torch import Tensor

from clearbench.data.faces import Face
from clearbench.models.faces import FaceModel, Pixels


@torch.no_grad()
def embed(model: FaceModel, pixels: Pixels, faces: Sequence[Face], batch_size: int) -> Tensor:
    """The embeddings (N, E) of some pictures, in their order, in main memory."""
    device = next(model.parameters()).device
    starts = range(0, len(faces), batch_size)
    images = ([face.image for face in faces[i : i + batch_size]] for i in starts)
    return torch.cat([model(pixels.batch(batch).to(device)).float().cpu() for batch in images])
