"""Which samples a step sees: shuffled by a seed, samples of like length together."""

from collections.abc import Iterator, Sequence

import torch

_BUCKET = 8
"""Batches that are sorted by length together: little padding, and still a random order."""


def endless_batches(
    lengths: Sequence[int], batch_size: int, generator: torch.Generator
) -> Iterator[list[int]]:
    """Batches of sample numbers without end, each sample once a pass.

    `lengths` are the samples' token counts. The last batch of a pass may be smaller.
    """
    while True:
        order = torch.randperm(len(lengths), generator=generator).tolist()
        batches = []
        span = batch_size * _BUCKET
        for start in range(0, len(order), span):
            bucket = sorted(order[start : start + span], key=lambda i: lengths[i])
            batches += [bucket[i : i + batch_size] for i in range(0, len(bucket), batch_size)]
        for i in torch.randperm(len(batches), generator=generator).tolist():
            yield batches[i]


def batches_per_epoch(samples: int, batch_size: int) -> int:
    """The number of batches of a pass over the samples."""
    span = batch_size * _BUCKET
    full, rest = divmod(samples, span)
    return full * _BUCKET + -(-rest // batch_size)
