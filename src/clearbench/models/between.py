"""A model between two others, or beyond the second, on the straight line through their weights."""

import torch
from torch import nn


@torch.no_grad()
def interpolate(model: nn.Module, trained: nn.Module, strength: float) -> None:
    """Move a model by `strength` times what another differs in that was trained from it.

    By 0 it stays, by 1 its weights are the other's, bit by bit. Its buffers stay as they are, for
    they are the other's too: cells keep the statistics of batch normalisation.
    """
    ends = dict(trained.named_parameters())
    for name, weight in model.named_parameters():
        weight.copy_(torch.lerp(weight, ends[name], strength))
