"""Which samples a step sees: shuffled by a seed, samples of like length together."""

from collections.abc import Iterator, Sequence
from itertools import cycle, zip_longest

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


def parts(samples: int, batch_size: int) -> list[slice]:
    """The batches of a step's samples; the last one may be smaller."""
    return [
        slice(start, min(start + batch_size, samples)) for start in range(0, samples, batch_size)
    ]


def paired(forget: int, retain: int, batch_size: int, repeating: bool) -> list[tuple[slice, slice]]:
    """The batches of a step of so many forget and retain samples, one of each at a time.

    Where there are more of one, those have an empty one of the other; or, with `repeating`, each
    forget batch has a retain batch, again from the first where they end.
    """
    ours, theirs = parts(forget, batch_size), parts(retain, batch_size)
    if repeating:
        return list(zip(ours, cycle(theirs), strict=False))
    return list(zip_longest(ours, theirs, fillvalue=slice(0, 0)))
