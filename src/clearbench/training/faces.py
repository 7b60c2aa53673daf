"""Training embedding models of faces by AM-Softmax: base, original, golds and shadow models."""

import itertools
from collections.abc import Iterator, Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot

from clearbench.config.settings import Training
from clearbench.data.faces import Face
from clearbench.jobs.state import State
from clearbench.models.faces import SCALE, FaceModel, Pixels
from clearbench.training.batches import batches_per_epoch, endless_batches, parts
from clearbench.training.loop import Share, minimise

MARGIN = 0.4
"""m of AM-Softmax, arXiv 1801.05599: how much nearer than any other the true person must be."""


def am_softmax(logits: Tensor, labels: Tensor, samples: int | None = None) -> Tensor:
    """The mean of -log softmax(s·(cos - m·1[true])) at the true persons, in nats.

    `logits` (B, P) are s·cos, `labels` (B,) the true persons. Of a batch of a step that has so many
    `samples`, it is the share in the step's mean. Source: arXiv 1801.05599.
    """
    shifted = logits - SCALE * MARGIN * one_hot(labels, logits.shape[1])
    return cross_entropy(shifted, labels, reduction="sum") / (samples or len(labels))


def train_faces(
    model: FaceModel,
    pixels: Pixels,
    faces: Sequence[Face],
    training: Training,
    seed: int,
    state: State,
    together: nn.Module | None = None,
) -> list[float]:
    """Minimise AM-Softmax on pictures of the model's persons; the loss of each step, in nats.

    `together` are the models that the job trains one after the other, this one among them: a saved
    state then has all of them.
    """
    device = next(model.parameters()).device
    rows = {person: row for row, person in enumerate(model.persons)}
    generator = torch.Generator().manual_seed(seed)
    size = training.batch_size * training.accumulation
    count = training.epochs * batches_per_epoch(len(faces), size)

    def share(batch: list[int], mirrored: Tensor, samples: int) -> Tensor:
        images = pixels.batch([faces[i].image for i in batch])
        images = torch.where(mirrored[:, None, None, None], images.flip(-1), images)
        labels = torch.tensor([rows[faces[i].person] for i in batch], device=device)
        return am_softmax(model.identity_logits(model(images.to(device))), labels, samples)

    def losses() -> Iterator[list[Share]]:
        order = endless_batches([1] * len(faces), size, generator)
        for step in itertools.islice(order, count):
            mirrored = torch.zeros(len(step), dtype=torch.bool)
            if training.augment == "flip":
                mirrored = torch.rand(len(step), generator=generator) < 0.5
            yield [
                partial(share, step[batch], mirrored[batch], len(step))
                for batch in parts(len(step), training.batch_size)
            ]

    return minimise(together or model, losses(), count, training, state)
