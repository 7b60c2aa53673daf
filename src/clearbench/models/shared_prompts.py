"""Training batches in which a prompt with several answers stands once.

A row is a prompt followed by its answers, side by side: a token of an answer sees the prompt and
what comes before it in its own answer, at the positions that it has there alone. With the hundreds
of tokens that an image takes, a further answer then costs little; its likelihood is the same, but
for rounding.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import PreTrainedModel
from transformers.cache_utils import get_layer_types_and_kwargs

from clearbench.models.encoding import Example, merge_inputs

PADDING = -1
"""The segment of a position that is no token."""

_ATTENTION = {"full_attention", "sliding_attention", "chunked_attention"}
"""Layers that keep the keys and values of each token."""


@dataclass(frozen=True)
class Part:
    """N answer tokens of B samples: `row` and `position` of the state that predicts each, (N,).

    `labels` (N,) are the tokens, `sample` (N,) the sample of each, in 0..B-1; `size` is B.
    """

    row: Tensor
    position: Tensor
    labels: Tensor
    sample: Tensor
    size: int


@dataclass(frozen=True)
class SharedBatch:
    """R rows of T tokens, and the parts that are answered in them.

    `inputs` are the model's own, without mask and positions. `segment` (R, T) is 0 in a prompt,
    n in its n-th answer, -1 at padding; `offset` (R, T) counts the tokens of a segment from 0;
    `longest` are the tokens, at the most, of a prompt with one of its answers.
    """

    inputs: dict[str, Tensor]
    segment: Tensor
    offset: Tensor
    parts: tuple[Part, ...]
    longest: int

    @property
    def prompts(self) -> Tensor:
        """The mask (R, T) of the prompts' tokens."""
        return (self.segment == 0).long()


def shares_prompts(model: PreTrainedModel, tokens: int) -> bool:
    """Whether texts of so many tokens, prompt included, may share one run of their prompt.

    They may where every token sees all before it, which a mask can then take away: not beyond a
    sliding window or a chunk, nor in layers that keep a state in place of keys (mamba and others).
    """
    config = model.config.get_text_config()
    if model._is_stateful:
        return False
    kinds, settings = get_layer_types_and_kwargs(config)
    windows = [one["sliding_window"] for one in settings if "sliding_window" in one]
    return _ATTENTION.issuperset(kinds) and tokens <= min(windows, default=tokens)


def runs_at_once(model: PreTrainedModel, batch: SharedBatch) -> bool:
    """Whether a model may run a shared batch, with prompts and answers in one pass.

    It may not where image tokens see those after them, which the batch's mask would take away.
    """
    looks_ahead = getattr(model.config.get_text_config(), "use_bidirectional_attention", None)
    ahead = looks_ahead or "token_type_ids" in batch.inputs
    return not ahead and shares_prompts(model, batch.longest)


def attention(model: PreTrainedModel, seen: Tensor, seeing: Tensor) -> Tensor:
    """Which token (last dimension) each token sees, as a mask (R, 1, Q, K) of the model's.

    It is true where it does; or zero there, for models of plain attention, and else the least that
    there is.
    `seen` (R, K) are the segments of the tokens in sight, `seeing` (R, Q) those of the last Q of
    them, which look: back, at the prompt (0) and at their own segment. Padding sees itself.
    """
    width, total = seeing.shape[1], seen.shape[1]
    before = torch.ones(width, total, dtype=torch.bool, device=seen.device).tril(total - width)
    looked, looking = seen[:, None, None, :], seeing[:, None, :, None]
    sees = before & ((looked == 0) | (looked == looking))
    if model.config.get_text_config()._attn_implementation != "eager":
        return sees
    none = torch.zeros(sees.shape, dtype=model.dtype, device=seen.device)
    return none.masked_fill(~sees, torch.finfo(none.dtype).min)


def segments(lengths: Sequence[Sequence[int]], first: int) -> tuple[Tensor, Tensor]:
    """The segment of each token of rows of texts, and the token's place in it, both (R, T).

    `lengths` are those of the texts of each row, whose segments are counted from `first`.
    """
    segment = [
        torch.cat([torch.full((length,), number) for number, length in enumerate(row, start=first)])
        for row in lengths
    ]
    offset = [torch.cat([torch.arange(length) for length in row]) for row in lengths]
    return pad_sequence(segment, True, PADDING), pad_sequence(offset, True, 0)


def collate_shared(
    parts: Sequence[Sequence[Example]], rows: int, padding: int, device: torch.device
) -> SharedBatch:
    """A batch of so many prompts; a part has as many examples of each, in the prompts' order."""
    per_row = [len(part) // rows for part in parts]
    laid = [
        _Row([part[row * n : (row + 1) * n] for part, n in zip(parts, per_row, strict=True)])
        for row in range(rows)
    ]
    ids = [row.ids for row in laid]
    inputs = {"input_ids": pad_sequence(ids, True, padding)}
    inputs |= merge_inputs([row.prompt for row in laid], ids, left=False)
    laid_parts = []
    for number, part in enumerate(parts):
        tokens = [
            (row, position, label, row * per_row[number] + copy)
            for row, one in enumerate(laid)
            for copy, position, label in one.answers[number]
        ]
        row, position, label, sample = torch.tensor(tokens, device=device).unbind(-1)
        laid_parts.append(Part(row, position, label, sample, len(part)))
    segment, offset = segments([row.lengths for row in laid], first=0)
    return SharedBatch(
        inputs={name: tensor.to(device) for name, tensor in inputs.items()},
        segment=segment.to(device),
        offset=offset.to(device),
        parts=tuple(laid_parts),
        longest=max(row.lengths[0] + max(row.lengths[1:]) for row in laid),
    )


class _Row:
    """A prompt and its answers, part by part.

    `lengths` are those of the prompt and of each answer. `answers` has for each part the tokens of
    its answers: which of the part's examples here, the position that predicts the token, and the
    token.
    """

    def __init__(self, parts: Sequence[Sequence[Example]]):
        examples = [example for part in parts for example in part]
        self.prompt = examples[0].prompt
        # A tokenizer may join the prompt's end with an answer's beginning; what is not of all
        # prompts belongs to the answers.
        shared = min(_start(example) for example in examples)
        ids = [examples[0].ids[:shared]]
        self.answers: list[list[tuple[int, int, int]]] = []
        at = shared
        for part in parts:
            tokens: list[tuple[int, int, int]] = []
            for copy, example in enumerate(part):
                tail = example.ids[shared:]
                for place in range(_start(example) - shared, len(tail)):
                    before = at + place - 1 if place else shared - 1
                    tokens.append((copy, before, int(tail[place])))
                ids.append(tail)
                at += len(tail)
            self.answers.append(tokens)
        self.ids = torch.cat(ids)
        self.lengths = [len(one) for one in ids]


def _start(example: Example) -> int:
    """How many tokens come before the answer."""
    return len(example.ids) - example.answer_tokens
