"""Likelihoods of many candidate answers and a greedy answer, from one pass over the shared prompt.

The prompt (image and question) is run once with a key/value cache. All candidates then run against
that cache side by side, in one pass, and so does the greedy answer. Logits are computed where an
answer token is predicted and nowhere else. Needs an attention that takes any mask, as SDPA.
"""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import DynamicCache, PreTrainedModel

from clearbench.models.encoding import Encoder, Prompt, merge_inputs
from clearbench.models.positions import positions
from clearbench.models.shared_prompts import PADDING, attention, segments


@dataclass(frozen=True)
class Question:
    """A prompt and the texts of its candidate answers."""

    prompt: Prompt
    candidates: Sequence[str]


@dataclass(frozen=True)
class Reply:
    """The mean NLL in nats of each candidate, over its own tokens, and the greedy answer."""

    losses: list[float]
    generated: str


@torch.inference_mode()
def reply(
    model: PreTrainedModel, encoder: Encoder, questions: Sequence[Question], max_new_tokens: int
) -> list[Reply]:
    """Replies to a batch of questions."""
    prompts = [question.prompt for question in questions]
    encoded = [_encode(encoder, question) for question in questions]
    shared = [ids for ids, _ in encoded]
    candidates = [row for _, row in encoded]

    prefix = _run_prefix(model, encoder, prompts, shared)
    losses = _candidate_losses(model, prefix, candidates, encoder.padding)
    if any(len(ids) < len(prompt.ids) for ids, prompt in zip(shared, prompts, strict=True)):
        prefix = _run_prefix(model, encoder, prompts, [prompt.ids for prompt in prompts])
    generated = _greedy(model, prefix, encoder.end, max_new_tokens)

    texts = [encoder.decode(tokens) for tokens in generated]
    return [Reply(row, text) for row, text in zip(losses, texts, strict=True)]


@dataclass
class _Prefix:
    """A prompt batch after its pass: cache, mask (B, P), next positions (B, 1), logits (B, V)."""

    cache: DynamicCache
    mask: Tensor
    next_position: Tensor
    logits: Tensor


@dataclass(frozen=True)
class _Candidate:
    """Tokens after the shared prefix; the first `context` of them still belong to the prompt."""

    tokens: Tensor
    context: int


def _encode(encoder: Encoder, question: Question) -> tuple[Tensor, list[_Candidate]]:
    """The prompt's tokens that all candidates share, and what follows them in each.

    They differ from the whole prompt only where a tokenizer joins its end with an answer.
    """
    prompt = question.prompt
    parts = encoder.answers(prompt, question.candidates)
    dropped = max(drop for drop, _ in parts)
    start = len(prompt.ids) - dropped
    rows = []
    for drop, tokens in parts:
        tail = prompt.ids[start : len(prompt.ids) - drop]
        rows.append(_Candidate(torch.cat([tail, torch.tensor(tokens)]), len(tail)))
    return prompt.ids[:start], rows


def _run_prefix(
    model: PreTrainedModel, encoder: Encoder, prompts: Sequence[Prompt], ids: Sequence[Tensor]
) -> _Prefix:
    width = max(len(row) for row in ids)
    # Padded on the left, so that every prompt ends in the same column.
    padded = torch.full((len(ids), width), encoder.padding)
    mask = torch.zeros(len(ids), width, dtype=torch.long)
    for i, row in enumerate(ids):
        padded[i, width - len(row) :] = row
        mask[i, width - len(row) :] = 1
    inputs = {"input_ids": padded, "attention_mask": mask, **merge_inputs(prompts, ids, True)}
    inputs = {name: tensor.to(model.device) for name, tensor in inputs.items()}
    placed, next_position = positions(model, inputs)
    cache = DynamicCache(config=model.config.get_text_config())
    states = model.model(
        **inputs, position_ids=placed, cache=cache, use_cache=True
    ).last_hidden_state
    logits = model.get_output_embeddings()(states[:, -1])
    return _Prefix(cache, inputs["attention_mask"], next_position, logits)


def _candidate_losses(
    model: PreTrainedModel,
    prefix: _Prefix,
    candidates: Sequence[Sequence[_Candidate]],
    padding: int,
) -> list[list[float]]:
    """The losses of each prompt's candidates, which stand side by side after it in one pass."""
    # A token is predicted by the state of the one before, the first by the prompt's last.
    given = [[candidate.tokens[:-1] for candidate in row] for row in candidates]
    states = _run_side_by_side(model, prefix, given, padding)
    losses = []
    for number, row in enumerate(candidates):
        first = torch.stack([c.tokens[0] for c in row]).to(states.device)
        rest = torch.cat([c.tokens[1:] for c in row]).to(states.device)
        before = prefix.logits[number].expand(len(row), -1)
        likely_first = _log_probabilities(before, first).split(1)
        logits = model.get_output_embeddings()(states[number, : len(rest)])
        likely_rest = _log_probabilities(logits, rest).split([len(c.tokens) - 1 for c in row])
        likely = zip(row, likely_first, likely_rest, strict=True)
        means = [-torch.cat([one, more])[c.context :].mean() for c, one, more in likely]
        losses.append(torch.stack(means).tolist())
    return losses


def _run_side_by_side(
    model: PreTrainedModel, prefix: _Prefix, rows: Sequence[Sequence[Tensor]], padding: int
) -> Tensor:
    """The states (B, T, H) of texts that each follow the prompt of their row, and no other text.

    A row's texts stand one after the other. The prefix's cache stays as it is.
    """
    device = prefix.mask.device
    lengths = [[len(text) for text in row] for row in rows]
    ids = pad_sequence([torch.cat(list(row)) for row in rows], True, padding).to(device)
    if not ids.shape[1]:
        width: int = model.config.get_text_config().hidden_size
        return prefix.logits.new_empty((len(rows), 0, width))
    segment, offset = (layout.to(device) for layout in segments(lengths, first=1))
    prompt = torch.where(prefix.mask == 1, 0, PADDING)
    states: Tensor = model.model(
        input_ids=ids,
        attention_mask=attention(torch.cat([prompt, segment], dim=1), segment),
        position_ids=prefix.next_position + offset,
        cache=_copy(prefix.cache),
        use_cache=True,
    ).last_hidden_state
    return states


def _log_probabilities(logits: Tensor, tokens: Tensor) -> Tensor:
    """The log-probabilities (N,) of tokens (N,) under logits (N, V)."""
    return logits.float().log_softmax(-1).gather(-1, tokens.unsqueeze(-1)).squeeze(-1)


def _greedy(
    model: PreTrainedModel, prefix: _Prefix, end: int, max_new_tokens: int
) -> list[list[int]]:
    """The most likely token after another, to `end` or the limit; consumes the prefix's cache."""
    mask, position = prefix.mask, prefix.next_position
    token = prefix.logits.argmax(-1, keepdim=True)
    replies: list[list[int]] = [[] for _ in mask]
    running = list(range(len(replies)))
    for length in range(1, max_new_tokens + 1):
        found = token.squeeze(-1).tolist()
        going = [i for i, new in enumerate(found) if new != end]
        for i in going:
            replies[running[i]].append(found[i])
        if not going or length == max_new_tokens:
            break
        if len(going) < len(running):
            # Answers end at very different lengths; what has ended is not computed any further.
            rows = torch.tensor(going, device=mask.device)
            running = [running[i] for i in going]
            mask, position, token = mask[rows], position[rows], token[rows]
            prefix.cache.batch_select_indices(rows)
        mask = torch.cat([mask, torch.ones_like(token)], dim=1)
        states = model.model(
            input_ids=token,
            attention_mask=mask,
            position_ids=position,
            cache=prefix.cache,
            use_cache=True,
        ).last_hidden_state
        position = position + 1
        token = model.get_output_embeddings()(states[:, -1]).argmax(-1, keepdim=True)
    return replies


def _copy(cache: DynamicCache) -> DynamicCache:
    """A cache that grows apart from another, of which it holds the content."""
    copied = copy(cache)
    copied.layers = [copy(layer) for layer in cache.layers]
    return copied
