"""Linear maps that are projected by what they put out: an edit of weights without training."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from peft import PeftModel
from peft.tuners.lora import LoraLayer
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from clearbench.errors import UserError
from clearbench.models.answers import Answers
from clearbench.models.precise_linear import PreciseLinear

Factors = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]

_ADAPTER = "default"


class Map:
    """A linear layer or a convolution of a model, trained itself or by its adapter."""

    def __init__(self, name: str, module: nn.Module):
        self.name = name
        self.module = module
        self._adapted = module if isinstance(module, LoraLayer) else None
        self._inner: Any = module.get_base_layer() if isinstance(module, LoraLayer) else module

    @property
    def rank(self) -> int | None:
        """The rank of its adapter, if it has one."""
        return None if self._adapted is None else self._adapted.r[_ADAPTER]

    @property
    def weight(self) -> Tensor:
        """W, with a row an output."""
        inner = self._inner
        weight = inner.whole if isinstance(inner, PreciseLinear) else inner.weight
        return (weight.T if isinstance(inner, Conv1D) else weight).detach().flatten(1).double()

    def without_bias(self, output: Tensor) -> Tensor:
        """What of an output is the product Wx, outputs last."""
        output = output.movedim(1, -1) if isinstance(self._inner, nn.Conv2d) else output
        output = output.detach().double()
        return output if self._inner.bias is None else output - self._inner.bias.double()

    @torch.no_grad()
    def take(self, left: Tensor, right: Tensor) -> None:
        """Replace W by W - left·right·W."""
        right = right @ self.weight
        if self._adapted is not None:
            down, up = (
                getattr(self._adapted, part)[_ADAPTER].weight for part in ("lora_A", "lora_B")
            )
            count = len(right)
            down.zero_()[:count] = right
            up.zero_()[:, :count] = -left / self._adapted.scaling[_ADAPTER]
            return
        change = left @ right
        weight = self._inner.weight
        weight.sub_((change.T if isinstance(self._inner, Conv1D) else change).view_as(weight))


def maps_of(model: nn.Module, layer: nn.Module) -> list[Map]:
    """The maps of a layer that are trained, in the order in which it has them.

    Raises UserError where there are none.
    """
    adapted = isinstance(model, PeftModel)
    maps = [
        Map(name, module)
        for name, module in layer.named_modules()
        if (isinstance(module, LoraLayer) if adapted else _is_trained(module))
    ]
    if not maps:
        raise UserError(
            "layer: has no linear map that is trained; choose a layer that lora.targets matches, or"
            " that is not frozen"
        )
    return maps


def _is_trained(module: nn.Module) -> bool:
    """Whether it is a map whose outputs may be mixed, which those of grouped channels may not."""
    if isinstance(module, nn.Conv2d):
        return module.groups == 1 and module.weight.requires_grad
    return isinstance(module, nn.Linear | Conv1D) and module.weight.requires_grad


class Moments:
    """The means of a map's outputs by group of samples, and their second moment over all."""

    def __init__(self, groups: int):
        self._groups = groups
        self._sums = torch.zeros(0)
        self._squares = torch.zeros(0)
        self._counts = torch.zeros(0)

    def add(self, outputs: Tensor, groups: Tensor) -> None:
        """Count outputs (N, D), each of a group."""
        if not len(self._counts):
            width = outputs.shape[1]
            self._counts = outputs.new_zeros(self._groups)
            self._sums = outputs.new_zeros(self._groups, width)
            self._squares = outputs.new_zeros(width, width)
        self._counts.index_add_(0, groups, outputs.new_ones(len(outputs)))
        self._sums.index_add_(0, groups, outputs)
        self._squares += outputs.T @ outputs

    @property
    def filled(self) -> bool:
        """Whether any were counted."""
        return len(self._counts) > 0

    @property
    def second(self) -> Tensor:
        """The second moment (D, D)."""
        return self._squares / self._counts.sum()

    def directions(self, pairs: Sequence[tuple[int, list[int]]], rest: list[int]) -> Tensor:
        """How the mean of a group differs from that of others, a column a pair: (D, K).

        Where those have no output, the mean is that of the `rest`.
        """
        columns = []
        for group, named in pairs:
            others = named if self._counts[named].sum() else rest
            mean = self._sums[group] / self._counts[group]
            columns.append(mean - self._sums[others].sum(0) / self._counts[others].sum())
        return torch.stack(columns, -1)


class Groups:
    """The groups of samples that are told apart: of the forget set, and those each is held against.

    A sample is of its kind, with an image or without, and in the forget set `of_persons` of its
    person too. It is held against the retained ones of its kind.
    """

    def __init__(self, forget: Sequence[Any], retain: Sequence[Any], of_persons: bool):
        self._of_persons = of_persons
        labels = [*map(self._forgotten, forget), *map(_retained, retain)]
        self._numbers = {label: n for n, label in enumerate(dict.fromkeys(labels))}

    def __len__(self) -> int:
        return len(self._numbers)

    @property
    def pairs(self) -> list[tuple[int, list[int]]]:
        """The groups of the forget set, each with the one that it is held against, if any."""
        return [
            (n, [self._numbers[one] for one in [("retain", label[1])] if one in self._numbers])
            for label, n in self._numbers.items()
            if label[0] == "forget"
        ]

    @property
    def retained(self) -> list[int]:
        """The groups of the retain set."""
        return [n for label, n in self._numbers.items() if label[0] == "retain"]

    def of(self, forget: Sequence[Any], retain: Sequence[Any]) -> tuple[Tensor, Tensor]:
        """The numbers of the groups of samples of the two sets."""
        labels = [*map(self._forgotten, forget)], [*map(_retained, retain)]
        ours, theirs = (torch.tensor([self._numbers[one] for one in part]) for part in labels)
        return ours.long(), theirs.long()

    def _forgotten(self, sample: Any) -> tuple[Any, ...]:
        kind = sample.image is not None
        return ("forget", kind, sample.person) if self._of_persons else ("forget", kind)


def _retained(sample: Any) -> tuple[Any, ...]:
    return "retain", sample.image is not None


def check_ranks(maps: Sequence[Map], directions: int) -> None:
    """Raise UserError where an adapter holds fewer directions than there are."""
    for one in maps:
        if one.rank is not None and one.rank < directions:
            raise UserError(
                f"lora.rank: {one.rank}; the concept has {directions} directions here; allowed:"
                f" {directions} and above, or `weights: full`"
            )


@contextmanager
def watched(maps: Sequence[Map]) -> Iterator[dict[str, Tensor]]:
    """What maps put out in the last pass, apart from their biases, by their names."""
    outputs: dict[str, Tensor] = {}

    def hook_of(one: Map) -> Any:
        def hook(module: nn.Module, given: Any, output: Tensor) -> None:
            outputs[one.name] = one.without_bias(output)

        return one.module.register_forward_hook(hook)

    hooks = [hook_of(one) for one in maps]
    try:
        yield outputs
    finally:
        for hook in hooks:
            hook.remove()


def at_answers(output: Tensor, answers: Answers) -> Tensor | None:
    """A map's outputs (N, D) at the positions that predict answer tokens; of pictures the averages.

    None of a map that is not run at every position, as an expert's.
    """
    if answers.position is None:
        return output.flatten(1, -2).mean(1) if output.dim() > 2 else output
    if output.dim() != 3 or len(output) != answers.size:
        return None
    return output[answers.sample, answers.position]
