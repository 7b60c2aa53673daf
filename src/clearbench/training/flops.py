"""Counting the floating-point operations that a training asks for.

Counted are the layers that are matrix products, as is usual: one of N weights takes 2N operations a
row of its input forward, 2N more where the gradient goes on to its input, and 2N where its weights
are trained (arXiv 2001.08361, section 2.1; Megatron-LM, arXiv 2104.04473, appendix). Attention's
own products and all that is done element by element are left out, and so is what checkpointing
computes a second time: it is the work that was asked for, not how it was done.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook

_LAYERS = (nn.Linear, nn.Conv2d, nn.Conv3d)


class FlopCounter:
    """The operations counted since they were last taken."""

    def __init__(self) -> None:
        self._count = 0

    def take(self) -> int:
        """The count, which then begins anew."""
        count, self._count = self._count, 0
        return count

    def add(self, layer: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        """Count a forward pass of a layer, with the backward pass that will follow."""
        # Inside a backward pass, forward passes are those of checkpointing.
        if not isinstance(layer, _LAYERS) or torch._C._current_graph_task_id() != -1:
            return
        weight, (given, *_) = layer.weight, inputs
        rows = output.numel() // weight.shape[0]
        passes = 1
        if torch.is_grad_enabled():
            passes += _has_gradient(given) + weight.requires_grad
        self._count += 2 * weight.numel() * rows * passes


def _has_gradient(value: Any) -> bool:
    return isinstance(value, Tensor) and value.requires_grad


@contextmanager
def counted_flops() -> Iterator[FlopCounter]:
    """Count the operations of all models that run meanwhile."""
    counter = FlopCounter()
    hook = register_module_forward_hook(counter.add)
    try:
        yield counter
    finally:
        hook.remove()
