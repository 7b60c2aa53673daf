"""Importances of weights, which some methods ask a trainer for, and the masks they make of them."""

from collections.abc import Mapping

import torch
from torch import Tensor

ByWeight = Mapping[str, Tensor]
"""A tensor for each weight in training, of its shape, by its name."""

_LEAST = 1e-15
"""Added to both sides of a ratio: where neither set needs a weight, it is 1."""


def outweighing(ours: ByWeight, theirs: ByWeight, *, threshold: float) -> dict[str, Tensor]:
    """True at the weights where ours / theirs is at least a threshold."""
    return {
        name: (value + _LEAST) / (theirs[name] + _LEAST) >= threshold
        for name, value in ours.items()
    }


def largest(values: ByWeight, *, share: float) -> dict[str, Tensor]:
    """True at the share of all weights together whose values are farthest from 0.

    A weight whose value is 0 is not among them; of equal values at the bound all are.
    """
    # The bits of floating-point numbers from 0 are in the order of the numbers, so that the bound
    # is found by counting: sorting billions of weights would take more memory than training.
    bits = {name: value.abs().float().view(torch.int32) for name, value in values.items()}
    wanted = max(1, int(share * sum(part.numel() for part in bits.values())))
    low, high = 1, int(torch.tensor(torch.inf).view(torch.int32))
    while high - low > 1:
        middle = (low + high) // 2
        if sum(int((part >= middle).sum()) for part in bits.values()) >= wanted:
            low = middle
        else:
            high = middle
    return {name: part >= low for name, part in bits.items()}
