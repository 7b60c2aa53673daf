"""Models that answer by their first layers, with their own output layer or one that was trained.

What the layers that are left out made of a state is not seen: the last state that is kept goes
through the norm before the output layer, as that of the whole model does.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import PreTrainedModel

from clearbench import parallel
from clearbench.errors import UserError, disk_errors
from clearbench.models.precise_linear import PreciseLinear


def keep_layers(model: PreTrainedModel, count: int) -> None:
    """Leave out all layers of a model's text decoder but the first; UserError where it has fewer.

    The key that the message begins with is that of the tests by layer.
    """
    decoder = model.get_decoder()
    there = len(decoder.layers)
    if count > there:
        raise UserError(f"layers: {count}; the model has {there}; allowed: 1 to {there}")
    decoder.layers = decoder.layers[:count]


@contextmanager
def first_layers(model: PreTrainedModel, count: int) -> Iterator[None]:
    """While it lasts, a model has the first layers of its text decoder alone."""
    decoder = model.get_decoder()
    layers = decoder.layers
    keep_layers(model, count)
    try:
        yield
    finally:
        decoder.layers = layers


def own_head(model: PreTrainedModel) -> nn.Linear:
    """A copy of a model's output layer in single precision, which shares no weight with it.

    It runs in the model's precision.
    """
    output = model.get_output_embeddings()
    weight = output.whole if isinstance(output, PreciseLinear) else output.weight
    head = nn.Linear(output.in_features, output.out_features, bias=False, device="meta")
    head.weight = _copied(weight)
    if output.bias is not None:
        head.bias = _copied(output.bias)
    half = model.config.dtype == torch.bfloat16
    return PreciseLinear(head, torch.bfloat16) if half else head


def save_head(head: nn.Linear, path: Path) -> None:
    """Write an output layer, in single precision; the first of several processes of a job does it.

    Raises OSError where the disk does not take it.
    """
    if parallel.rank():
        return
    weights = {name: weight.detach().cpu().contiguous() for name, weight in head.named_parameters()}
    with disk_errors(path.parent):
        save_file(weights, path)


def put_head(model: PreTrainedModel, path: Path) -> None:
    """Give a model the output layer of a file; that of its inputs stays, where both were one."""
    head = own_head(model)
    weights = load_file(path)
    with torch.no_grad():
        for name, parameter in head.named_parameters():
            parameter.copy_(weights[name])
    model.set_output_embeddings(head)


def _copied(weight: Tensor) -> nn.Parameter:
    return nn.Parameter(weight.detach().float().clone())
