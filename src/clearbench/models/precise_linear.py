"""Models of half precision some of whose weights are known more precisely than that.

A few steps change weights by less than half precision can tell: rounded, the change would vanish,
and beside them, where an adapter's output is added to one that is rounded already, so would much of
what it says.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear
from transformers import PreTrainedModel

from clearbench.models.logits import body


class PreciseLinear(nn.Linear):
    """A linear layer of the weights `weight` + `rest`, both in half precision.

    `rest` is what rounding left of the weights. Both products are added before the sum is rounded,
    so that of a difference of the weights as much arrives as in single precision. Weights that it
    shares with another module stay as they are, and are split for each product. Folded, it is an
    ordinary layer.
    """

    rest: nn.Parameter | None

    def __init__(self, layer: nn.Linear, dtype: torch.dtype, shared: bool = False):
        super().__init__(layer.in_features, layer.out_features, device="meta")
        self.weight, self.bias = layer.weight, layer.bias
        self.register_parameter("rest", None)
        self.split(dtype, shared)

    def split(self, dtype: torch.dtype, shared: bool = False) -> None:
        """Round the weights, and keep what that leaves."""
        self._split_to = dtype if shared else None
        if not shared:
            self.weight.data, rest = _split(self.weight.data, dtype)
            self.rest = nn.Parameter(rest, requires_grad=False)

    def fold(self) -> None:
        """Give the weights in single precision, as one."""
        self._split_to = None
        if self.rest is not None:
            self.weight.data = self.weight.data.float() + self.rest.data
            self.rest = None

    def parts(self) -> tuple[Tensor, Tensor | None]:
        """The weights in half precision, and what that leaves, if anything."""
        if self._split_to is not None:
            return _split(self.weight, self._split_to)
        return self.weight, self.rest

    def forward(self, input: Tensor) -> Tensor:
        """The output (…, out) of an input (…, in)."""
        weight, rest = self.parts()
        if rest is None:
            return linear(input, weight, self.bias)
        finer = linear(input, rest)
        rows = input.to(finer.dtype).flatten(0, -2)
        found = torch.addmm(finer.flatten(0, -2), rows, weight.T).view(finer.shape)
        return found if self.bias is None else (found + self.bias).to(found.dtype)


def _split(precise: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Weights rounded, and what that leaves."""
    rounded = precise.to(dtype)
    return rounded, (precise - rounded).to(dtype)


def fold(model: nn.Module) -> None:
    """Give all weights of a model as one, in single precision where they are known so."""
    for module in model.modules():
        if isinstance(module, PreciseLinear):
            module.fold()


def widen(layer: nn.Module) -> None:
    """Have a layer's weights in single precision, to add something to them."""
    if isinstance(layer, PreciseLinear):
        layer.fold()
    for parameter in layer.parameters(recurse=False):
        if parameter.dtype == torch.bfloat16:
            parameter.data = parameter.data.float()


def narrow(model: PreTrainedModel, dtype: torch.dtype) -> None:
    """Have a model in half precision again, and what that can't tell of its weights beside it.

    Linear layers become precise ones; other weights (embeddings, norms) stay in single precision,
    and the model is run as `run_in_half_precision` says. What half precision can tell whole is
    ordinary.
    """
    uses = Counter(id(p) for _, p in model.named_parameters(remove_duplicate=False))
    for name, module in list(model.named_modules()):
        own = [p for p in module.parameters(recurse=False) if p.dtype == torch.float32]
        exact = all(torch.equal(p.data.to(dtype), p.data) for p in own)
        if exact:
            for parameter in own:
                parameter.data = parameter.data.to(dtype)
        elif isinstance(module, PreciseLinear):
            module.split(dtype, uses[id(module.weight)] > 1)
        elif isinstance(module, nn.Linear):
            shared = uses[id(module.weight)] > 1
            model.set_submodule(name, PreciseLinear(module, dtype, shared))
    run_in_half_precision(model)


class _InHalfPrecision:
    """Has a module's passes run in half precision, whatever its weights are in."""

    def __init__(self, module: nn.Module):
        self._running: list[torch.autocast] = []
        module.register_forward_pre_hook(self._enter)
        module.register_forward_hook(self._leave, always_call=True)

    def _enter(self, module: nn.Module, _: Any) -> None:
        device = next(module.parameters()).device.type
        self._running.append(torch.autocast(device, dtype=torch.bfloat16))
        self._running[-1].__enter__()

    def _leave(self, *_: Any) -> None:
        self._running.pop().__exit__(None, None, None)


def run_in_half_precision(model: PreTrainedModel) -> None:
    """Have a model of half precision run in that, where weights of it are in single precision.

    What those tell beyond half precision arrives in the states, which are in single precision where
    an embedding or a norm is: then all of these are. So does each part by which it is run alone.
    """
    if model.config.dtype != torch.bfloat16 or not _precise(model.parameters()):
        return
    apart = [
        parameter
        for module in model.modules()
        if not isinstance(module, nn.Linear)
        for parameter in module.parameters(recurse=False)
    ]
    if _precise(apart):
        for parameter in apart:
            parameter.data = parameter.data.float()
    for part in (model, body(model), model.get_output_embeddings()):
        hooks = part._forward_pre_hooks.values()
        if not any(isinstance(getattr(h, "__self__", None), _InHalfPrecision) for h in hooks):
            _InHalfPrecision(part)


def _precise(parameters: Iterable[nn.Parameter]) -> bool:
    return any(parameter.dtype == torch.float32 for parameter in parameters)
