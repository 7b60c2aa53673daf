"""Linear layers of half-precision models whose weights are known more precisely than that.

An adapter of few steps changes weights by less than half precision can tell: merged into them it
would vanish, and beside them, where its output is added to one that is rounded already, so would
much of what it says.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import linear


class PreciseLinear(nn.Linear):
    """A linear layer of the weights `weight` + `rest`, both in half precision.

    `rest` is what rounding left of the weights. Both products are added before the sum is rounded,
    so that of a difference of the weights as much arrives as in single precision. With `rest` None
    it is an ordinary layer.
    """

    rest: nn.Parameter | None

    def __init__(self, layer: nn.Linear, dtype: torch.dtype):
        super().__init__(layer.in_features, layer.out_features, device="meta")
        self.weight, self.bias = layer.weight, layer.bias
        self.register_parameter("rest", None)
        self.split(dtype)

    def split(self, dtype: torch.dtype) -> None:
        """Round the weights, and keep what that leaves."""
        precise = self.weight.data
        self.weight.data = precise.to(dtype)
        rest = (precise - self.weight.data).to(dtype)
        self.rest = nn.Parameter(rest, requires_grad=False)

    def fold(self) -> None:
        """Give the weights in single precision, as one."""
        if self.rest is not None:
            self.weight.data = self.weight.data.float() + self.rest.data
            self.rest = None

    def forward(self, input: Tensor) -> Tensor:
        """The output (…, out) of an input (…, in)."""
        if self.rest is None:
            return linear(input, self.weight, self.bias)
        finer = linear(input, self.rest)
        rows = input.to(finer.dtype).flatten(0, -2)
        found = torch.addmm(finer.flatten(0, -2), rows, self.weight.T).view(finer.shape)
        return found if self.bias is None else (found + self.bias).to(found.dtype)


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


def narrow(model: nn.Module, dtype: torch.dtype) -> None:
    """Have a model in half precision again, its linear layers with what rounding leaves.

    Of other layers (embeddings, convolutions) what is below half precision is lost.
    """
    for name, module in list(model.named_modules()):
        if isinstance(module, nn.Linear) and module.weight.dtype == torch.float32:
            if isinstance(module, PreciseLinear):
                module.split(dtype)
            else:
                model.set_submodule(name, PreciseLinear(module, dtype))
        else:
            for parameter in module.parameters(recurse=False):
                if parameter.dtype == torch.float32:
                    parameter.data = parameter.data.to(dtype)
