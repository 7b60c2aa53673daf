"""Likelihoods of many candidate answers and a greedy answer, from one pass over the shared prompt.

The prompt (image and question) is run once with a key/value cache. All candidates then run against
that cache side by side, in one pass, and so does the greedy answer. Logits are computed where an
answer token is predicted and nowhere else. The true answer is a draft of the greedy one: a model
that knows it by heart need not generate it token by token. Needs an attention that takes any mask,
as SDPA.

Models that can't share a prompt (`shares_prompts`) run every candidate alone, and the whole
sequence again for each token that they generate.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice, takewhile
from math import fsum

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import DynamicCache, PreTrainedModel

from clearbench.data.store import EvalSample
from clearbench.evaluation.answer_tokens import said_of
from clearbench.evaluation.records import Likelihood
from clearbench.evaluation.tokens import Tokens
from clearbench.models.answers import Answers, log_softmax
from clearbench.models.encoding import (
    Encoder,
    Example,
    Prompt,
    collate,
    first_of_each,
    merge_inputs,
)
from clearbench.models.forward import answers_of, check_likelihood
from clearbench.models.logits import last_states, logits_of
from clearbench.models.positions import positions
from clearbench.models.shared_prompts import PADDING, attention, segments, shares_prompts

Choose = Callable[[Tensor], Tensor]
"""Chooses the next tokens (B, 1) by logits (B, V)."""


@dataclass(frozen=True)
class Question:
    """A prompt and the texts of its candidate answers."""

    prompt: Prompt
    candidates: Sequence[str]


@dataclass(frozen=True)
class Reply:
    """The likelihood of each candidate, the tokens of the first, and the greedy answer."""

    likelihoods: list[Likelihood]
    tokens: Tokens
    generated: str


@torch.inference_mode()
def reply(
    model: PreTrainedModel, encoder: Encoder, questions: Sequence[Question], max_new_tokens: int
) -> list[Reply]:
    """Replies to a batch of questions."""
    prompts = [question.prompt for question in questions]
    encoded = _encode(encoder, questions)
    shared = [ids for ids, _ in encoded]
    candidates = [row for _, row in encoded]
    longest = max(
        max(len(prompt.ids) + max_new_tokens, len(ids) + max(len(one.tokens) for one in row))
        for prompt, (ids, row) in zip(prompts, encoded, strict=True)
    )
    if not shares_prompts(model, longest):
        return [_reply_alone(model, encoder, one, max_new_tokens) for one in questions]

    prefix = _run_prefix(model, encoder, prompts, shared)
    likelihoods, told, start = _run_candidates(model, prefix, candidates, encoder, max_new_tokens)
    if any(len(ids) < len(prompt.ids) for ids, prompt in zip(shared, prompts, strict=True)):
        whole = _run_prefix(model, encoder, prompts, [prompt.ids for prompt in prompts])
        start = _Start.of(whole)
    generated = _going_on(model, start, encoder.ends, max_new_tokens, _likeliest)

    texts = [encoder.decode(tokens) for tokens in generated]
    return list(map(Reply, likelihoods, told, texts))


@torch.inference_mode()
def likelihoods_of(
    model: PreTrainedModel, encoder: Encoder, prompts: Sequence[Prompt], texts: Sequence[str]
) -> list[Likelihood]:
    """How likely a model finds texts that another may have said, one after each prompt.

    Of an empty one, and one that spells a control token and could not be asked, it is the
    likelihood of saying nothing.
    """
    examples = []
    for prompt, text in zip(prompts, texts, strict=True):
        part = (0, [encoder.end])
        if encoder.reads(text):
            part = encoder.answer(prompt, text)
        examples.append(encoder.example(prompt, *part))
    said = _run_alone(model, encoder, examples)
    likely = said.token_log_likelihood
    return [_likelihood(likely[said.sample == row].tolist()) for row in range(said.size)]


@torch.inference_mode()
def continued(
    model: PreTrainedModel,
    encoder: Encoder,
    prompts: Sequence[Prompt],
    max_new_tokens: int,
    choose: Choose,
) -> list[str]:
    """The answers that a model gives to a batch of prompts, each token chosen by `choose`."""
    ids = [prompt.ids for prompt in prompts]
    if shares_prompts(model, max(map(len, ids)) + max_new_tokens):
        start = _Start.of(_run_prefix(model, encoder, prompts, ids), choose)
        replies = _going_on(model, start, encoder.ends, max_new_tokens, choose)
    else:
        replies = [[] for _ in prompts]
        for prompt, reply in zip(prompts, replies, strict=True):
            _go_on_alone(model, encoder, prompt, reply, max_new_tokens, choose)
    return list(map(encoder.decode, replies))


def _reply_alone(
    model: PreTrainedModel, encoder: Encoder, question: Question, max_new_tokens: int
) -> Reply:
    """A reply for which each candidate, and each token to be generated, is run with its prompt."""
    prompt = question.prompt
    parts = encoder.answers(prompt, question.candidates)
    said = _run_alone(model, encoder, [encoder.example(prompt, *part) for part in parts])
    likely = said.token_log_likelihood
    rows = [likely[said.sample == row].tolist() for row in range(said.size)]
    likelihoods = list(map(_likelihood, rows))
    drop, truth = parts[0]
    of_truth = said.log_probabilities[said.sample == 0]
    chosen = of_truth.argmax(-1).tolist()
    told = said_of(of_truth, rows[0], truth, chosen)
    reply: list[int] = []
    if drop == 0:
        agreed = takewhile(lambda pair: pair[0] == pair[1], zip(chosen, truth, strict=True))
        reply = [token for token, _ in agreed if token not in encoder.ends][:max_new_tokens]
    _go_on_alone(model, encoder, prompt, reply, max_new_tokens, _likeliest)
    return Reply(likelihoods, told, encoder.decode(reply))


def _go_on_alone(
    model: PreTrainedModel,
    encoder: Encoder,
    prompt: Prompt,
    reply: list[int],
    max_new_tokens: int,
    choose: Choose,
) -> None:
    """Add to a reply a chosen token after another, to one that ends it or the limit."""
    while len(reply) < max_new_tokens:
        # What stands in the place of the next token is not seen where that is predicted.
        asked = encoder.example(prompt, 0, [*reply, encoder.end])
        token = int(choose(_run_alone(model, encoder, [asked]).log_probabilities[-1:]))
        if token in encoder.ends:
            break
        reply.append(token)


def _run_alone(model: PreTrainedModel, encoder: Encoder, examples: Sequence[Example]) -> Answers:
    return answers_of(model, collate(examples, encoder.padding, model.device))


@torch.inference_mode()
def check_replies(model: PreTrainedModel, encoder: Encoder, samples: Sequence[EvalSample]) -> None:
    """Hold the likelihood of an answer to the model's own forward, without an image and with one.

    Raises UserError, which names the model's type and the sample.
    """
    for sample in first_of_each(samples):
        example = encoder.sequence(sample.question, sample.image, sample.answer)
        question = Question(example.prompt, [sample.answer])
        (answered,) = reply(model, encoder, [question], 1)
        (likelihood,) = answered.likelihoods
        batch = collate([example], encoder.padding, model.device)
        total = likelihood.answer + likelihood.end
        check_likelihood(model, sample.id, batch, total, "evaluation")


@dataclass
class _Prefix:
    """A prompt batch after its pass: cache, mask (B, P), next positions (B, 1), logits (B, V)."""

    cache: DynamicCache
    mask: Tensor
    next_position: Tensor
    logits: Tensor


@dataclass
class _Start:
    """Greedy answers as far as they are known before a token is generated.

    `replies` are their tokens so far and `token` (B, 1) the next of each; `cache` holds prompts and
    replies where `mask` (B, K) is 1, and `position` (B, 1) is that of the next token.
    """

    cache: DynamicCache
    mask: Tensor
    position: Tensor
    token: Tensor
    replies: list[list[int]]

    @classmethod
    def of(cls, prefix: _Prefix, choose: Choose | None = None) -> "_Start":
        """Nothing is known but the prompts."""
        token = (choose or _likeliest)(prefix.logits)
        replies: list[list[int]] = [[] for _ in prefix.mask]
        return cls(prefix.cache, prefix.mask, prefix.next_position, token, replies)


@dataclass(frozen=True)
class _Candidate:
    """Tokens after the shared prefix, the end of text last.

    The first `context` of them still belong to the prompt.
    """

    tokens: Tensor
    context: int


def _encode(
    encoder: Encoder, questions: Sequence[Question]
) -> list[tuple[Tensor, list[_Candidate]]]:
    """The tokens of each prompt that all its candidates share, and what follows them in each.

    They differ from the whole prompt only where a tokenizer joins its end with an answer.
    """
    encoded = []
    prompts = [question.prompt for question in questions]
    told = encoder.answers_to(prompts, [question.candidates for question in questions])
    for prompt, parts in zip(prompts, told, strict=True):
        dropped = max(drop for drop, _ in parts)
        start = len(prompt.ids) - dropped
        rows = []
        for drop, tokens in parts:
            tail = prompt.ids[start : len(prompt.ids) - drop]
            rows.append(_Candidate(torch.cat([tail, torch.tensor(tokens)]), len(tail)))
        encoded.append((prompt.ids[:start], rows))
    return encoded


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
    # Of layers with windows, it keeps what lies beyond them: candidates are laid side by side.
    cache = DynamicCache()
    run = {**inputs, "position_ids": placed, "cache": cache, "use_cache": True}
    logits = logits_of(model, last_states(model, run)[:, -1])
    return _Prefix(cache, inputs["attention_mask"], next_position, logits)


def _run_candidates(
    model: PreTrainedModel,
    prefix: _Prefix,
    candidates: Sequence[Sequence[_Candidate]],
    encoder: Encoder,
    max_new_tokens: int,
) -> tuple[list[list[Likelihood]], list[Tokens], _Start]:
    """The likelihoods of each prompt's candidates, which stand side by side after it in one pass.

    And the tokens of the first, which is the true answer, and the start of the greedy one: as long
    as the model would choose the true answer's tokens, they are the greedy ones, to the first that
    ends an answer. The prefix's cache is used up.
    """
    # A token is predicted by the state of the one before, the first by the prompt's last.
    given = [[candidate.tokens[:-1] for candidate in row] for row in candidates]
    states = _run_side_by_side(model, prefix, given, encoder.padding)
    device = states.device
    first = log_softmax(prefix.logits)
    likelihoods, told, replies, following = [], [], [], []
    for number, row in enumerate(candidates):
        tokens = [candidate.tokens.tolist() for candidate in row]
        rest = torch.tensor([token for text in tokens for token in text[1:]], device=device)
        logits = logits_of(model, states[number, : len(rest)])
        begin = first[number][torch.tensor([text[0] for text in tokens], device=device)].tolist()
        logs = log_softmax(logits)
        going_on = iter(logs.gather(-1, rest[:, None]).squeeze(-1).tolist())
        likely = [
            [one, *islice(going_on, len(text) - 1)] for one, text in zip(begin, tokens, strict=True)
        ]
        own = [one[c.context :] for one, c in zip(likely, row, strict=True)]
        likelihoods.append(list(map(_likelihood, own)))
        truth = tokens[0]
        chosen = logits[: len(truth) - 1].argmax(-1).tolist()
        chosen.insert(0, int(first[number].argmax()))
        of_truth = torch.cat([first[number, None], logs[: len(truth) - 1]])
        start = row[0].context
        told.append(said_of(of_truth[start:], own[0], truth[start:], chosen[start:]))
        agreed, most = 0, min(len(truth), max_new_tokens) - 1
        while agreed < most and chosen[agreed] == truth[agreed]:
            if truth[agreed] in encoder.ends:
                break
            agreed += 1
        replies.append(truth[:agreed])
        following.append(chosen[agreed])
    return likelihoods, told, _after(prefix, replies, following)


def _likelihood(tokens: Sequence[float]) -> Likelihood:
    """The likelihood of an answer by those of its tokens, that of the end of text last."""
    *own, end = tokens
    return Likelihood(fsum(own), len(own), end)


def _after(prefix: _Prefix, replies: list[list[int]], following: list[int]) -> _Start:
    """The start with replies that are in the prefix's cache, and the token that follows each."""
    known = torch.tensor([[len(reply)] for reply in replies], device=prefix.mask.device)
    most = int(known.max())
    surplus = prefix.cache.get_seq_length() - prefix.mask.shape[1] - most
    if surplus:
        prefix.cache.crop(-surplus)
    kept = (torch.arange(most, device=known.device) < known).to(prefix.mask.dtype)
    return _Start(
        prefix.cache,
        torch.cat([prefix.mask, kept], dim=1),
        prefix.next_position + known,
        torch.tensor(following, device=known.device).unsqueeze(-1),
        replies,
    )


def _run_side_by_side(
    model: PreTrainedModel, prefix: _Prefix, rows: Sequence[Sequence[Tensor]], padding: int
) -> Tensor:
    """The states (B, T, H) of texts that each follow the prompt of their row, and no other text.

    A row's texts stand one after the other, and follow the prompts in the prefix's cache.
    """
    device = prefix.mask.device
    lengths = [[len(text) for text in row] for row in rows]
    ids = pad_sequence([torch.cat(list(row)) for row in rows], True, padding).to(device)
    segment, offset = (layout.to(device) for layout in segments(lengths, first=1))
    prompt = torch.where(prefix.mask == 1, 0, PADDING)
    run = {
        "input_ids": ids,
        "attention_mask": attention(model, torch.cat([prompt, segment], dim=1), segment),
        "position_ids": prefix.next_position + offset,
        "cache": prefix.cache,
        "use_cache": True,
    }
    return last_states(model, run)


def _likeliest(logits: Tensor) -> Tensor:
    return logits.argmax(-1, keepdim=True)


def _going_on(
    model: PreTrainedModel,
    start: _Start,
    ends: frozenset[int],
    max_new_tokens: int,
    choose: Choose,
) -> list[list[int]]:
    """A chosen token after another, to one of `ends` or the limit; uses up the start."""
    mask, position, token, replies = start.mask, start.position, start.token, start.replies
    running = list(range(len(replies)))
    while True:
        tokens = token.squeeze(-1).tolist()
        for reply, new in zip(running, tokens, strict=True):
            if new not in ends:
                replies[reply].append(new)
        going = [
            row
            for row, (reply, new) in enumerate(zip(running, tokens, strict=True))
            if new not in ends and len(replies[reply]) < max_new_tokens
        ]
        if not going:
            return replies
        if len(going) < len(running):
            # Answers end at very different lengths; what has ended is not computed any further.
            rows = torch.tensor(going, device=mask.device)
            running = [running[row] for row in going]
            mask, position, token = mask[rows], position[rows], token[rows]
            start.cache.batch_select_indices(rows)
        mask = torch.cat([mask, torch.ones_like(token)], dim=1)
        run = {
            "input_ids": token,
            "attention_mask": mask,
            "position_ids": position,
            "cache": start.cache,
            "use_cache": True,
        }
        states = last_states(model, run)
        position = position + 1
        token = choose(logits_of(model, states[:, -1]))
