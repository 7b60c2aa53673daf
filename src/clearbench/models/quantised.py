"""Weights as quantisation leaves them: rounded to few levels and back, in the model's precision.

Apart from `checkpoint`, for such a model is evaluated alone: nothing that trains one reaches this.
"""

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from clearbench.errors import UserError
from clearbench.models.precise_linear import PreciseLinear

BLOCK = 64
"""Weights, in the order of the flattened tensor, that share a scale."""

_NF4 = (
    *(-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453),
    *(-0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0.0),
    *(0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224),
    *(0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0),
)
_FP4 = tuple(level / 12 for level in (0.0625, 2, 3, 4, 6, 8, 12))

CODES = {"nf4": _NF4, "fp4": (*(-level for level in reversed(_FP4)), 0.0, *_FP4)}
"""The levels of a block by code, ascending, as shares of its largest weight."""


@torch.no_grad()
def quantise(model: PreTrainedModel, code: str) -> None:
    """Round the weights of all linear layers of a model, but for its output layer and what it ties.

    Raises UserError for a model that has no others.
    """
    spared = {id(m.weight) for m in model.modules() if isinstance(m, nn.Embedding)}
    output = model.get_output_embeddings()
    if output is not None:
        spared.add(id(output.weight))
    layers = [
        layer
        for layer in model.modules()
        if isinstance(layer, nn.Linear) and id(layer.weight) not in spared
    ]
    if not layers:
        raise UserError(
            f"quantise: {type(model).__name__} has no linear layer beside its output layer, so that"
            " nothing would be rounded"
        )
    for layer in layers:
        parted = layer if isinstance(layer, PreciseLinear) and layer.rest is not None else None
        if parted:
            parted.fold()
        weight = layer.weight
        weight.data = round_trip(weight.data.float(), code).to(weight.dtype)
        if parted:
            parted.split()


def round_trip(weight: Tensor, code: str) -> Tensor:
    """Weights (float32) rounded to a code, `int8`, `nf4` or `fp4`, and back.

    int8: q = round(127 w/a), ŵ = a·q/127, with a the largest |w| of a row. nf4, fp4: in blocks of
    64 along the flattened tensor, the last perhaps shorter, ŵ = a·(the level nearest w/a). What is
    all zeros stays. Rounding twice is rounding once. The scales themselves are not quantised, and
    no column of outliers is kept.
    """
    if code == "int8":
        scale = _scale(weight)
        return torch.round(weight / scale * 127) / 127 * scale
    levels = torch.tensor(CODES[code], device=weight.device)
    flat = weight.flatten()
    blocks = nn.functional.pad(flat, (0, -len(flat) % BLOCK)).view(-1, BLOCK)
    scale = _scale(blocks)
    between = (levels[1:] + levels[:-1]) / 2
    rounded = levels[torch.bucketize(blocks / scale, between)] * scale
    return rounded.flatten()[: len(flat)].view_as(weight)


def _scale(rows: Tensor) -> Tensor:
    """The largest absolute value of each row (n, 1); 1 where that is 0."""
    largest = rows.abs().amax(dim=-1, keepdim=True)
    return torch.where(largest > 0, largest, torch.ones_like(largest))
