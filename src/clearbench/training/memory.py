"""How much GPU memory training needs at the least, and which setting would fit: before it starts.

A lower bound, so that nothing is refused that could have run: it counts the weights, the gradients
and AdamW's two moments of what is trained, and the activations of one pass over a batch of the
longest samples; not what a method's further passes, the vision tower and the allocator take.
"""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import torch

from clearbench.config.settings import Training
from clearbench.errors import UserError
from clearbench.models.checkpoint import Model
from clearbench.models.encoding import Example
from clearbench.models.forward import unwrapped


@dataclass(frozen=True)
class Need:
    """What a training holds: sizes in bytes, counts of tokens, widths of the text decoder.

    `fixed` are weights, gradients and moments; `element` the bytes of an activation; `tokens` and
    `answer_tokens` belong to the longest sample; `key_width` is the width of all keys of a token.
    """

    fixed: int
    element: int
    layers: int
    width: int
    inner_width: int
    key_width: int
    vocabulary: int
    batch_size: int
    tokens: int
    answer_tokens: int
    checkpointing: bool

    @property
    def bytes(self) -> int:
        """The least memory in bytes.

        A layer keeps, per token, the inputs of its norms, of its attention and of its matrices:
        6 widths, 2 of the keys and 4 of the feed-forward part, or, where it computes them twice,
        its own input alone; one layer then still has all of them. An answer token has its logits
        three times in single precision: themselves, their logarithms and their gradients. After
        arXiv 2205.05198, section 4, for layers with gates, without what fused attention drops.
        """
        kept = 6 * self.width + 2 * self.key_width + 4 * self.inner_width
        layers = self.layers * (self.width if self.checkpointing else kept)
        layers += kept * self.checkpointing
        sample = self.tokens * layers * self.element + self.answer_tokens * self.vocabulary * 12
        return self.fixed + self.batch_size * sample


def advice(
    need: Need, available: int, training: Training, as_published: bool = False
) -> str | None:
    """The setting that would fit into so many bytes, in words; None if the training fits as it is.

    Of the settings that fit, the first of: a smaller batch with more accumulation, which changes no
    step; activations computed twice; a larger GPU. Of a method `as_published`, whose steps depend
    on the batch, activations computed twice come first.
    """
    if need.bytes <= available:
        return None
    sizes = [size for size in range(need.batch_size, 0, -1) if need.batch_size % size == 0]
    ways = list(itertools.product(sorted({need.checkpointing, True}), sizes))
    if as_published:
        ways.sort(key=lambda way: -way[1])
    for checkpointing, size in ways:
        if replace(need, batch_size=size, checkpointing=checkpointing).bytes > available:
            continue
        words = []
        if size < need.batch_size or not as_published:
            accumulation = training.accumulation * need.batch_size // size
            words.append(f"batch_size: {size} with accumulation: {accumulation}")
        if checkpointing and not need.checkpointing:
            words.append("gradient_checkpointing: true in the model's file")
        remedy = ", ".join(words)
        if as_published and size < need.batch_size:
            remedy += (
                "; but it makes another row of it: variants @published average within each batch,"
                " as the published code does"
            )
        return remedy
    least = replace(need, batch_size=1, checkpointing=True).bytes
    return f"a GPU with {_gigabytes(least)} at the least"


def check(
    model: Model,
    training: Training,
    longest: Iterable[Example],
    as_published: bool = False,
    few_rows: bool = False,
) -> None:
    """Raise UserError where the model's GPU can't hold the training; elsewhere do nothing.

    `longest` are samples among which the longest is; `as_published` and `few_rows` the method's.
    """
    device = _device(model)
    if device.type != "cuda":
        return
    free, _ = torch.cuda.mem_get_info(device)
    available = free + torch.cuda.memory_allocated(device)
    need = need_of(model, training, longest, few_rows)
    remedy = advice(need, available, training, as_published)
    if remedy is not None:
        raise UserError(
            f"batch_size {training.batch_size} needs {_gigabytes(need.bytes)} of GPU memory at the"
            f" least, there are {_gigabytes(available)}; this would fit: {remedy}"
        )


def need_of(
    model: Model, training: Training, longest: Iterable[Example], few_rows: bool = False
) -> Need:
    """What the training of a prepared model needs, for the longest of some samples.

    Of few rows the gradients and moments are left out.
    """
    inner = unwrapped(model)
    config: Any = inner.config.get_text_config()
    sizes = [(p.numel() * p.element_size(), p.requires_grad) for p in model.parameters()]
    trained = 0 if few_rows else sum(size for size, moving in sizes if moving)
    # In single precision, or in a byte each.
    moments = trained // 2 if training.optimizer == "adamw_8bit" else 2 * trained
    sample = max(longest, key=lambda example: len(example.ids))
    heads = config.num_attention_heads
    key_width = config.hidden_size // heads * (config.num_key_value_heads or heads)
    dtype = inner.config.dtype
    return Need(
        fixed=sum(size for size, _ in sizes) + trained + moments,
        element=dtype.itemsize if isinstance(dtype, torch.dtype) else 4,
        layers=config.num_hidden_layers,
        width=config.hidden_size,
        inner_width=config.intermediate_size,
        key_width=key_width,
        vocabulary=config.vocab_size,
        batch_size=training.batch_size,
        tokens=len(sample.ids),
        answer_tokens=sample.answer_tokens,
        checkpointing=bool(inner.is_activation_checkpointing),
    )


def _device(model: Model) -> torch.device:
    return next(model.parameters()).device


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
