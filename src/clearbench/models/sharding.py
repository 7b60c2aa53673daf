"""Models that the processes of a job share, a part of each layer on each GPU (PyTorch's FSDP2).

Divided are the weights of the decoder's layers, which are nearly all that a large model has; what
stands around them, and an adapter, is whole in each process. A layer is put together when it runs,
and taken apart again.

All processes have to run the layers together. In training they do the same work on the same batch,
but each runs its own rows of it through the layers: the states of all rows are gathered after the
last one, and losses are the same everywhere. A process's loss counts as one of so many
(`backward`), and gradients are added up. In evaluation each process has batches of its own
(`taking_turns`): one that has nothing more to run goes with the others, on a token that nobody asks
for.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import torch
from peft import PeftModel
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from clearbench import parallel

_Model = TypeVar("_Model", bound=nn.Module)


@dataclass(frozen=True)
class Loading:
    """Where a model is loaded, and where it belongs."""

    shard: bool
    device: torch.device

    @property
    def first(self) -> torch.device:
        """The device to load it on: a model that is to be divided may fit no other than this."""
        return torch.device("cpu") if self.shard else self.device

    def divided(self, model: _Model) -> _Model:
        """The model, ready to run and with what is trained chosen, where it belongs."""
        if self.shard:
            _Rows.of(model, self.device)
        return model


@contextmanager
def loading(shard: bool, device: torch.device) -> Iterator[Loading]:
    """Load a model that is perhaps to be divided; a process alone has all of it.

    The processes do so in turn, so that main memory has the weights of one.
    """
    shard = shard and parallel.size() > 1
    if not shard:
        yield Loading(shard, device)
        return
    for _ in range(parallel.rank()):
        parallel.gather([])
    yield Loading(shard, device)
    for _ in range(parallel.rank(), parallel.size()):
        parallel.gather([])


def is_sharded(model: nn.Module) -> bool:
    """Whether a model is divided among the processes."""
    return any(isinstance(module, FSDPModule) for module in model.modules())


def is_divided(tensor: Tensor) -> bool:
    """Whether each process has a part of a tensor."""
    return isinstance(tensor, DTensor)


def backward(loss: Tensor, model: nn.Module) -> None:
    """Add the gradients of a loss, of which each process of a divided model has one."""
    (loss / parallel.size() if is_sharded(model) else loss).backward()


def rows_of_all(model: nn.Module, states: Tensor) -> Tensor:
    """The states (B, …) of the last batch, where those of a layer are of a process's own rows."""
    rows = _rows(model)
    return states if rows is None else rows.gathered(states)


@contextmanager
def taking_turns(model: nn.Module) -> Iterator[None]:
    """While it lasts, each process runs what it likes, without gradients; all have to enter it."""
    rows = _rows(model)
    if rows is None:
        yield
        return
    rows.alone = True
    try:
        yield
        rows.go_with_others()
    finally:
        rows.alone = False


def add_gradients(parameters: Sequence[Tensor]) -> None:
    """Make each gradient that of all processes; those of what is divided are so already."""
    parallel.add_gradients([p for p in parameters if not is_divided(p)])


def clip(parameters: Sequence[nn.Parameter], most: float) -> None:
    """Scale gradients to a norm, over all of them, of `most` at the most."""
    kinds: list[list[nn.Parameter]] = [[], []]
    for parameter in parameters:
        kinds[is_divided(parameter)].append(parameter)
    if not kinds[True]:
        nn.utils.clip_grad_norm_(parameters, most)
        return
    norms = [
        whole(nn.utils.get_total_norm([p.grad for p in kind if p.grad is not None]))
        for kind in kinds
    ]
    total = torch.linalg.vector_norm(torch.stack([norm.to(norms[True].device) for norm in norms]))
    for kind in kinds:
        nn.utils.clip_grads_with_norm_(kind, most, total)


def whole(tensor: Tensor) -> Tensor:
    """A tensor, put together from the parts of all processes where it is divided."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def in_main_memory(tensor: Tensor) -> Tensor:
    """A copy of a whole tensor in main memory; of one that is divided in the first process alone.

    All processes have to ask for it. The others get an empty one.
    """
    divided, tensor = is_divided(tensor), whole(tensor.detach())
    if divided and parallel.rank():
        return torch.empty(0)
    return tensor.to("cpu", copy=True).contiguous()


def gathered_weights(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights by name, those that are divided put together in the first process's main memory."""
    return {
        name: in_main_memory(weight) if is_divided(weight) else weight
        for name, weight in weights.items()
    }


def like(tensor: Tensor, other: Tensor) -> Tensor:
    """A whole tensor, divided as another of its shape is."""
    placed = tensor.to(other.device, copy=True)
    if not isinstance(other, DTensor) or tensor.shape != other.shape:
        return placed
    # Every process has all of it.
    return distribute_tensor(placed, other.device_mesh, other.placements, src_data_rank=None)


class _Rows:
    """Divides a model, and has each process run its rows of a batch through the layers."""

    def __init__(self, decoder: Any, device: torch.device):
        self.alone = False
        """Whether each process runs batches of its own."""
        self._decoder, self._device = decoder, device
        self._helping = False
        self._batch: int | None = None

    @classmethod
    def of(cls, model: nn.Module, device: torch.device) -> None:
        """Divide a model, and move it to a device."""
        inner: Any = model.get_base_model() if isinstance(model, PeftModel) else model
        decoder = inner.get_decoder()
        mesh = init_device_mesh(device.type, (parallel.size(),))
        divided = {p for layer in decoder.layers for p in layer.parameters()}
        if isinstance(model, PeftModel):
            divided = {p for p in divided if not p.requires_grad}
        ignored = set(model.parameters()) - divided
        for part in (*decoder.layers, decoder):
            shared = fully_shard(
                part, mesh=mesh, reshard_after_forward=True, ignored_params=ignored
            )
            # Gradients are added up, by an operation that all kinds of processes have.
            shared.set_gradient_divide_factor(1.0)
            shared.set_force_sum_reduction_for_comms(True)
        model.to(device)
        decoder.rows_of_processes = rows = cls(decoder, device)
        decoder.register_forward_pre_hook(rows._take, with_kwargs=True)
        decoder.register_forward_hook(rows._give)

    def gathered(self, states: Tensor) -> Tensor:
        """The states (B, …) of the last batch's rows, from those of each process."""
        if self._batch is None:
            return states
        gathered: Tensor = _Gathered.apply(states, self._batch)
        return gathered

    @torch.inference_mode()
    def go_with_others(self) -> None:
        """Run the layers with those that still have something to run, until none has."""
        width = self._decoder.get_input_embeddings().weight.shape[1]
        nothing = torch.zeros(1, 1, width, dtype=self._decoder.dtype, device=self._device)
        self._helping = True
        try:
            while self._any(False):
                self._decoder(inputs_embeds=nothing, use_cache=False)
        finally:
            self._helping = False

    def _any(self, runs: bool) -> bool:
        """Whether any process is about to run the layers; all have to ask."""
        running = torch.tensor(int(runs), device=self._device)
        torch.distributed.all_reduce(running)
        return bool(running)

    def _take(
        self, _: nn.Module, given: tuple[Any, ...], named: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        """Have this process's rows of a batch run."""
        self._batch = None
        if self.alone:
            if not self._helping:
                self._any(True)
            return None
        # What a cache holds is of all rows.
        if named.get("past_key_values") is not None or named.get("use_cache"):
            return None
        first = named.get("inputs_embeds")
        first = named["input_ids"] if first is None else first
        self._batch = len(first)
        each = -(-self._batch // parallel.size())
        # As many in each process; what is too much is a row once more, that nobody looks at.
        rows = torch.arange(parallel.rank() * each, (parallel.rank() + 1) * each)
        rows = rows.clamp(max=self._batch - 1).to(self._device)
        return given, {name: self._own(value, rows) for name, value in named.items()}

    def _own(self, value: Any, rows: Tensor) -> Any:
        """The rows of an input: of its first dimension, or the second of positions of three."""
        if not isinstance(value, Tensor) or value.dim() < 2:
            return value
        if value.dim() == 3 and not value.is_floating_point():
            return value[:, rows] if value.shape[1] == self._batch else value
        return value[rows] if len(value) == self._batch else value

    def _give(self, _: nn.Module, __: Any, output: Any) -> Any:
        """Give the states of all rows."""
        output.last_hidden_state = self.gathered(output.last_hidden_state)
        return output


class _Gathered(torch.autograd.Function):
    """The rows (B, …) of all processes; the gradient of a process's own is that of all losses."""

    @staticmethod
    def forward(ctx: FunctionCtx, own: Tensor, batch: int) -> Tensor:
        own = own.contiguous()
        parts = [torch.empty_like(own) for _ in range(parallel.size())]
        torch.distributed.all_gather(parts, own)
        cast(Any, ctx).each = len(own)
        return torch.cat(parts)[:batch].clone()

    @staticmethod
    def backward(ctx: FunctionCtx, *gradients: Tensor) -> tuple[Tensor, None]:
        (gradient,), each = gradients, cast(Any, ctx).each
        padded = gradient.new_zeros(parallel.size() * each, *gradient.shape[1:])
        padded[: len(gradient)] = gradient
        torch.distributed.all_reduce(padded)
        return padded[parallel.rank() * each :][:each].clone(), None


def _rows(model: nn.Module) -> _Rows | None:
    """What divides the batches of a model, if anything."""
    for module in model.modules():
        if isinstance(module, FSDPModule) and hasattr(module, "rows_of_processes"):
            return cast(_Rows, module.rows_of_processes)
    return None
