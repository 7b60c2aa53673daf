"""Likelihoods of many candidate answers and a greedy answer, from one pass over the shared prompt.

The prompt (image and question) is run once with a key/value cache. Every candidate then runs
against that cache, and so does the greedy answer. Logits are computed where an answer token is
predicted and nowhere else.
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
    candidates = [candidate for _, row in encoded for candidate in row]
    owner = [number for number, (_, row) in enumerate(encoded) for _ in row]

    prefix = _run_prefix(model, encoder, prompts, shared)
    losses = _candidate_losses(model, prefix, candidates, owner, encoder.padding)
    if any(len(ids) < len(prompt.ids) for ids, prompt in zip(shared, prompts, strict=True)):
        prefix = _run_prefix(model, encoder, prompts, [prompt.ids for prompt in prompts])
    generated = _greedy(model, prefix, encoder.end, max_new_tokens)

    grouped: list[list[float]] = [[] for _ in questions]
    for row, loss in zip(owner, losses, strict=True):
        grouped[row].append(loss)
    texts = [encoder.decode(tokens) for tokens in generated]
    return [Reply(row, text) for row, text in zip(grouped, texts, strict=True)]


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
    candidates: Sequence[_Candidate],
    owner: Sequence[int],
    padding: int,
) -> list[float]:
    """The losses of candidates, each on the cache of the prompt (a row of the prefix) it owns."""
    # As many at a time as there are prompts, so that no pass needs far more memory than theirs;
    # of like length, so that little is computed for padding.
    order = sorted(range(len(candidates)), key=lambda i: len(candidates[i].tokens))
    size = len(prefix.mask)
    losses = [0.0] * len(candidates)
    for start in range(0, len(order), size):
        group = order[start : start + size]
        rows = torch.tensor([owner[i] for i in group], device=prefix.mask.device)
        found = _group_losses(model, prefix, [candidates[i] for i in group], rows, padding)
        for i, loss in zip(group, found, strict=True):
            losses[i] = loss
    return losses


def _group_losses(
    model: PreTrainedModel,
    prefix: _Prefix,
    candidates: Sequence[_Candidate],
    rows: Tensor,
    padding: int,
) -> list[float]:
    device = prefix.mask.device
    tokens = pad_sequence([c.tokens for c in candidates], True, padding).to(device)
    mask = pad_sequence([torch.ones_like(c.tokens) for c in candidates], True, 0).to(device)
    context = torch.tensor([c.context for c in candidates], device=device).unsqueeze(-1)
    counted = mask * (torch.arange(tokens.shape[1], device=device) >= context)

    likely = torch.zeros(tokens.shape, device=device)
    likely[:, 0] = _log_probabilities(prefix.logits[rows], tokens[:, 0])
    if tokens.shape[1] > 1:
        steps = torch.arange(tokens.shape[1] - 1, device=device)
        states = model.model(
            input_ids=tokens[:, :-1],
            attention_mask=torch.cat([prefix.mask[rows], mask[:, :-1]], dim=1),
            position_ids=prefix.next_position[rows] + steps,
            cache=_select(prefix.cache, rows),
            use_cache=True,
        ).last_hidden_state
        row, column = mask[:, 1:].nonzero(as_tuple=True)
        logits = model.get_output_embeddings()(states[row, column])
        likely[row, column + 1] = _log_probabilities(logits, tokens[row, column + 1])
    means: list[float] = (-(likely * counted).sum(-1) / counted.sum(-1)).tolist()
    return means


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


def _select(cache: DynamicCache, rows: Tensor) -> DynamicCache:
    """A new cache that holds some rows of another, repeated as asked."""
    selected = copy(cache)
    selected.layers = [copy(layer) for layer in cache.layers]
    selected.batch_select_indices(rows)
    return selected
