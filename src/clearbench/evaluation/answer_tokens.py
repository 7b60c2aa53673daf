"""What a model says of an answer's tokens, from the logits that predict them."""

from collections.abc import Sequence

import torch
from torch import Tensor

from clearbench.evaluation.tokens import Tokens
from clearbench.models.answers import log_softmax

_LEAST = -1e4
"""A log-likelihood whose probability is 0; with -inf, 0·log 0 would be none."""


def answer_tokens(logits: Tensor, labels: Tensor) -> Tokens:
    """What logits (n, V) say of the tokens (n,) that they predict, in the logits' precision."""
    return by_log_probabilities(log_softmax(logits), labels.tolist(), logits.argmax(-1).tolist())


def by_log_probabilities(logs: Tensor, labels: Sequence[int], chosen: Sequence[int]) -> Tokens:
    """The same of log-probabilities (n, V), where the likeliest tokens (n,) are known."""
    index = torch.tensor(labels, dtype=torch.long, device=logs.device)
    log_p = logs.gather(-1, index[:, None]).squeeze(-1)
    logs = logs.clamp(min=_LEAST)
    p = logs.exp()
    mean = (p * logs).sum(-1, keepdim=True)
    # About the mean: the difference of two squares would lose its digits.
    variance = (p * (logs - mean).square()).sum(-1)
    numbers = torch.stack([log_p, mean.squeeze(-1), variance]).tolist()
    greedy = (said == label for said, label in zip(chosen, labels, strict=True))
    return Tokens(
        tuple(numbers[0]), tuple(greedy), mean=tuple(numbers[1]), variance=tuple(numbers[2])
    )
