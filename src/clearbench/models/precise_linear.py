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
    """A linear layer that runs weights of single precision as two products in half precision.

    `weight` holds them rounded and `rest` what that leaves; or `weight` holds them whole, and they
    are split for each pass, where they are trained or shared with another module. The products are
    added before the sum is rounded, so that of a difference of the weights as much arrives as in
    single precision. The gradient of the input is that of the rounded weights.
    """

    rest: nn.Parameter | None

    def __init__(self, layer: nn.Linear, dtype: torch.dtype):
        super().__init__(layer.in_features, layer.out_features, device="meta")
        self.weight, self.bias = layer.weight, layer.bias
        self.register_parameter("rest", None)
        self._dtype = dtype

    def split(self) -> None:
        """Keep the weights in two parts."""
        if self.rest is None:
            self.weight.data, rest = self.parts()
            self.rest = nn.Parameter(rest, requires_grad=False)

    def fold(self) -> None:
        """Keep the weights whole."""
        if self.rest is not None:
            self.weight.data = self.whole.data
            self.rest = None

    @property
    def whole(self) -> Tensor:
        """The weights in single precision."""
        return self.weight if self.rest is None else self.weight.float() + self.rest

    def parts(self) -> tuple[Tensor, Tensor]:
        """The weights in half precision, and what rounding leaves of them."""
        if self.rest is not None:
            return self.weight, self.rest
        rounded = self.weight.to(self._dtype)
        return rounded, (self.weight.detach() - rounded.detach()).to(self._dtype)

    def forward(self, input: Tensor) -> Tensor:
        """The output (…, out) of an input (…, in)."""
        weight, rest = self.parts()
        rows = input.to(self._dtype).flatten(0, -2)
        finer = linear(rows.detach(), rest.detach())
        output = torch.addmm(finer, rows, weight.T).view(*input.shape[:-1], len(weight))
        return output if self.bias is None else (output + self.bias).to(output.dtype)


def whole_weights(model: nn.Module) -> dict[str, Tensor]:
    """The parameters of a model by name, linear layers' as one, as precise as they are known."""
    parameters = model.named_parameters(remove_duplicate=False)
    weights = {name: parameter.detach() for name, parameter in parameters}
    for name, module in model.named_modules():
        if isinstance(module, PreciseLinear):
            weights[f"{name}.weight"] = module.whole.detach()
            weights.pop(f"{name}.rest", None)
    return weights


def widen(layer: nn.Module) -> None:
    """Have a layer's weights in single precision, to add something to them."""
    if isinstance(layer, PreciseLinear):
        layer.fold()
    for parameter in layer.parameters(recurse=False):
        if parameter.dtype == torch.bfloat16:
            parameter.data = parameter.data.float()


def narrow(model: PreTrainedModel, dtype: torch.dtype) -> None:
    """Make a model one of half precision, and keep what that can't tell of its weights beside it.

    Linear layers keep their weights in two parts; others (embeddings, norms) stay in single
    precision. What half precision can tell whole is ordinary.
    """
    model.config.dtype = dtype
    for module in model.modules():
        own = [p for p in module.parameters(recurse=False) if p.dtype == torch.float32]
        if not isinstance(module, PreciseLinear) and all(_exact(p.data, dtype) for p in own):
            for parameter in own:
                parameter.data = parameter.data.to(dtype)
    run_in_half_precision(model)
    uses = Counter(id(p) for _, p in model.named_parameters(remove_duplicate=False))
    for module in model.modules():
        if isinstance(module, PreciseLinear) and uses[id(module.weight)] == 1:
            module.split()


def run_in_half_precision(model: PreTrainedModel) -> None:
    """Have a model of half precision run in that, where weights of it are in single precision.

    What those tell beyond half precision arrives. Linear layers become precise ones, weights whole.
    Where others are in single precision, all of them are, and so are the states between layers; of
    these, embeddings and norms run as the model is, and what multiplies matrices (convolutions,
    experts) in single precision. Every part by which a model is run alone runs so.
    """
    dtype = model.config.dtype
    if dtype != torch.bfloat16:
        return
    for name, module in list(model.named_modules()):
        if type(module) is nn.Linear and _precise(module.parameters()):
            model.set_submodule(name, PreciseLinear(module, dtype))
    others = [m for m in model.modules() if not isinstance(m, PreciseLinear | nn.Linear)]
    apart = [parameter for module in others for parameter in module.parameters(recurse=False)]
    if not _precise(apart):
        return
    for parameter in apart:
        parameter.data = parameter.data.float()
    for part in (model, body(model), model.get_output_embeddings()):
        _run_in(torch.bfloat16, part)
    for module in others:
        matrices = any(parameter.dim() > 1 for parameter in module.parameters(recurse=False))
        if matrices and not isinstance(module, nn.Embedding) and not _has_parts(module):
            _run_in(torch.float32, module)


def _has_parts(module: nn.Module) -> bool:
    """Whether parts of a module have weights of their own."""
    return any(True for child in module.children() for _ in child.parameters())


def _exact(precise: Tensor, dtype: torch.dtype) -> bool:
    # Where there are no numbers, they are taken to be those of a training.
    return not precise.is_meta and torch.equal(precise.to(dtype), precise)


def _precise(parameters: Iterable[nn.Parameter]) -> bool:
    return any(parameter.dtype == torch.float32 for parameter in parameters)


def _run_in(dtype: torch.dtype, module: nn.Module) -> None:
    """Have a module's passes run in half precision, or in single."""
    hooks = module._forward_pre_hooks.values()
    if not any(isinstance(getattr(hook, "__self__", None), _RunIn) for hook in hooks):
        _RunIn(dtype, module)


class _RunIn:
    """Has a module's passes run in a precision, whatever is around them."""

    def __init__(self, dtype: torch.dtype, module: nn.Module):
        self._half = dtype == torch.bfloat16
        self._running: list[torch.autocast] = []
        module.register_forward_pre_hook(self._enter, with_kwargs=True)
        module.register_forward_hook(self._leave, always_call=True)

    def _enter(
        self, module: nn.Module, given: tuple[Any, ...], named: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        device = next(module.parameters()).device.type
        self._running.append(torch.autocast(device, dtype=torch.bfloat16, enabled=self._half))
        self._running[-1].__enter__()
        if self._half:
            return given, named
        return tuple(map(_single, given)), {name: _single(value) for name, value in named.items()}

    def _leave(self, *_: Any) -> None:
        self._running.pop().__exit__(None, None, None)


def _single(value: Any) -> Any:
    """A tensor of half precision in single; anything else as it is."""
    return value.float() if isinstance(value, Tensor) and value.dtype == torch.bfloat16 else value
