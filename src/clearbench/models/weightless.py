"""Models without weights: the shapes, precisions and layers of a model, and none of its memory.

Such a model runs by the code that runs any. What follows from weights has a shape and no numbers;
what follows from tokens, pictures and masks alone is computed as ever, so that it is known where an
answer stands. A single number that is asked of what has none is 1, or true; the places of what is
true in it are none.
"""

import copy
import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode, unset_fake_temporarily
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

_Model = TypeVar("_Model", bound=nn.Module)
_NUMBER = torch.ops.aten._local_scalar_dense.default
_INDEX = torch.ops.aten.index.Tensor


def weightless(model: _Model) -> _Model:
    """A copy of a model, wherever its weights are, on the processor and without them."""
    tensors = itertools.chain(model.parameters(), model.buffers())
    return copy.deepcopy(model, {id(tensor): _without_numbers(tensor) for tensor in tensors})


@contextmanager
def running_weightless() -> Iterator[None]:
    """While it lasts, models without weights can be run and trained; random numbers stay."""
    with torch.random.fork_rng(devices=[]), _fakes(), _Known():
        yield


@cache
def _fakes() -> FakeTensorMode:
    # A tensor without numbers belongs to the mode that it was made in.
    return FakeTensorMode(allow_non_fake_inputs=True)


def _without_numbers(tensor: Tensor) -> Tensor:
    empty = torch.empty_like(tensor.detach(), device="meta")
    made = FakeTensor(_fakes(), empty, torch.device("cpu"))
    if isinstance(tensor, nn.Parameter):
        return nn.Parameter(made, tensor.requires_grad)
    return made


class _Known(TorchDispatchMode):
    """Computes what is known, and answers what would need numbers."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        given = [value for value in tree_iter((args, kwargs)) if isinstance(value, Tensor)]
        if not any(isinstance(tensor, FakeTensor) for tensor in given):
            with unset_fake_temporarily():
                return func(*args, **kwargs)
        if func is _NUMBER:
            return given[0].dtype == torch.bool or (1.0 if given[0].is_floating_point() else 1)
        if func is torch.ops.aten.equal.default:
            return False
        if func is torch.ops.aten.nonzero.default:
            return torch.empty(0, given[0].dim(), dtype=torch.long)
        if func is _INDEX:
            args = (args[0], list(itertools.chain(*map(_places, args[1]))))
        return func(*args, **kwargs)


def _places(index: Tensor | None) -> tuple[Tensor | None, ...]:
    """An index, or where it is true if it is a mask that is known."""
    if index is None or isinstance(index, FakeTensor) or index.dtype != torch.bool:
        return (index,)
    with unset_fake_temporarily():
        return index.nonzero(as_tuple=True)
