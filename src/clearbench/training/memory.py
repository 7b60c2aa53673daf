"""How much memory a training takes at most, counted before it starts on a model without weights.

The training runs by its own code, for two steps: from the second on there are the optimiser's
moments. Counted are all tensors that exist at a time: weights, gradients, moments, activations, and
what a method holds beside them; not what a kernel takes for itself while it runs, the CUDA context
and gaps between tensors.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from weakref import finalize

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

from clearbench.config.settings import Training
from clearbench.errors import UserError
from clearbench.models.checkpoint import Model, keep_no_activations
from clearbench.models.forward import unwrapped
from clearbench.models.sharding import is_sharded
from clearbench.models.weightless import running_weightless, weightless

STEPS = 2
"""How many steps of a training are counted: the second has what the first one leaves behind."""

_Module = TypeVar("_Module", bound=nn.Module)


@dataclass(frozen=True)
class SampleSize:
    """How large the samples of a training are taken to be.

    `prompt` and `answer` are tokens without a picture's, `picture` the pixels of its side, None
    where there is none. Of faces, `width` is that of an embedding and `persons` how many there are.
    """

    prompt: int = 0
    answer: int = 0
    picture: int | None = None
    width: int = 0
    persons: int = 0


class Held(TorchDispatchMode):
    """Counts the bytes of the tensors that exist while it is on; `peak` is the most at a time.

    torch's own MemTracker counts alike, but ends where a model is run twice in a step.
    """

    def __init__(self) -> None:
        super().__init__()
        self.peak = 0
        self._now = 0
        self._sizes: dict[int, int] = {}

    def model(self, model: _Module) -> _Module:
        """A model that was made before, whose weights and buffers are held from now on."""
        for tensor in itertools.chain(model.parameters(), model.buffers()):
            self._add(tensor)
        return model

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        made = func(*args, **(kwargs or {}))
        for value in tree_iter(made):
            if isinstance(value, Tensor):
                self._add(value)
        return made

    def _add(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        place = storage._cdata
        if place not in self._sizes:
            self._sizes[place] = storage.nbytes()
            self._now += self._sizes[place]
            self.peak = max(self.peak, self._now)
            finalize(storage, self._drop, place)

    def _drop(self, place: int) -> None:
        self._now -= self._sizes.pop(place)


Train = Callable[[Any, Any, Held], object]
"""Trains a model by some settings on samples as long as the longest; told what else is held."""


def count(model: nn.Module, training: Training, train: Train, checkpointing: bool = False) -> int:
    """The most bytes that a training of a prepared model takes at a time.

    With `checkpointing`, activations are computed twice whether or not the model's are.
    """
    settings: dict[str, Any] = {
        "epochs": STEPS,
        # The second batch of a step has the first one's gradients beside it; so have all others.
        "accumulation": min(2, training.accumulation),
    }
    # It runs on a GPU alone, where its moments are a quarter of AdamW's.
    eight_bit = training.optimizer == "adamw_8bit"
    settings |= {"optimizer": "adamw"} if eight_bit else {}
    ours = weightless(model)
    if checkpointing and isinstance(ours, Model):
        keep_no_activations(unwrapped(ours))
    with running_weightless(), Held() as held:
        train(held.model(ours), training.model_copy(update=settings), held)
    moving = sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
    return held.peak - 6 * moving * eight_bit


def largest_batch(available: int, counted: Sequence[tuple[int, int]]) -> int:
    """The largest batch that fits into so many bytes, by the bytes counted of two sizes and more.

    What is held at a time grows with the batch by a straight line, and the peak is the largest of
    such: between two sizes it is below the line through them, and beyond the last it is taken to go
    on as before. 0 where a batch of one does not fit.
    """
    best = 0
    for (small, least), (large, most) in itertools.pairwise(sorted(counted)):
        each = (most - least) / (large - small)
        if available >= most:
            best = large + int((available - most) / each) if each > 0 else large
        elif available >= least:
            best = small + int((available - least) / each)
            break
        else:
            break
    return best


def advice(
    need: Callable[[int, bool], int],
    available: int,
    training: Training,
    checkpointing: bool,
    as_published: bool = False,
) -> str:
    """The setting that would fit into so many bytes, in words, where the training does not.

    `need` counts the bytes of a batch size, with activations computed twice or as the model's file
    says, which is `checkpointing`. Of the settings that fit, the first of: a smaller batch with
    more accumulation, which changes no step; activations computed twice; a larger GPU. Of a method
    `as_published`, whose steps depend on the batch, activations computed twice come first.
    """
    batch_size = training.batch_size
    sizes = [size for size in range(batch_size, 0, -1) if batch_size % size == 0]
    ways = list(itertools.product(sorted({checkpointing, True}), sizes))[1:]
    if as_published:
        ways.sort(key=lambda way: -way[1])
    for twice, size in ways:
        if need(size, twice) > available:
            continue
        words = []
        if size < batch_size or not as_published:
            accumulation = training.accumulation * batch_size // size
            words.append(f"batch_size: {size} with accumulation: {accumulation}")
        if twice and not checkpointing:
            words.append("gradient_checkpointing: true in the model's file")
        remedy = ", ".join(words)
        if as_published and size < batch_size:
            remedy += (
                "; but it makes another row of it: variants @published average within each batch,"
                " as the published code does"
            )
        return remedy
    return f"a GPU with {gigabytes(need(1, True))} at the least"


def check(model: Model, training: Training, train: Train, as_published: bool = False) -> None:
    """Raise UserError where the model's GPU can't hold its training; elsewhere do nothing.

    `as_published` is the method's. What a divided model takes is not known.
    """
    device = _device(model)
    if device.type != "cuda" or is_sharded(model):
        return
    free, _ = torch.cuda.mem_get_info(device)
    available = free + torch.cuda.memory_allocated(device)

    def need(size: int, twice: bool) -> int:
        split = training.accumulation * training.batch_size // size
        smaller = training.model_copy(update={"batch_size": size, "accumulation": split})
        return count(model, smaller, train, twice)

    checkpointing = bool(unwrapped(model).is_activation_checkpointing)
    needed = need(training.batch_size, checkpointing)
    if needed > available:
        remedy = advice(need, available, training, checkpointing, as_published)
        raise UserError(
            f"batch_size {training.batch_size} needs {gigabytes(needed)} of GPU memory, there are"
            f" {gigabytes(available)}; this would fit: {remedy}"
        )


def gigabytes(size: int) -> str:
    """Bytes in words."""
    return f"{size / 1e9:.1f} GB"


def _device(model: nn.Module) -> torch.device:
    return next(model.parameters()).device
