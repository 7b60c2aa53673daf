"""What a model says of an answer's tokens, from the logits that predict them."""

import math
from collections.abc import Sequence

from torch import Tensor, stack

from clearbench.evaluation.tokens import Tokens
from clearbench.models.answers import log_softmax

_LEAST = -1e4
"""A log-likelihood whose probability is 0; with -inf, 0·log 0 would be none."""


def answer_tokens(logits: Tensor, labels: Tensor) -> Tokens:
    """What logits (n, V) say of the tokens (n,) that they predict, in the logits' precision."""
    logs = log_softmax(logits)
    log_p = logs.gather(-1, labels[:, None]).squeeze(-1).tolist()
    return said_of(logs, log_p, labels.tolist(), logits.argmax(-1).tolist())


def said_of(
    logs: Tensor, log_p: Sequence[float], labels: Sequence[int], chosen: Sequence[int]
) -> Tokens:
    """The same of log-probabilities (n, V), where those of the tokens are known, and the likeliest.

    `log_p`, `labels` and `chosen` are of (n,).
    """
    mean, variance = _moments(logs)
    greedy = tuple(said == label for said, label in zip(chosen, labels, strict=True))
    return Tokens(tuple(log_p), greedy, tuple(mean), tuple(variance))


def _moments(logs: Tensor) -> list[list[float]]:
    """Mean and variance of log p under log-probabilities (n, V), (n,) each."""
    p = logs.exp()
    mean = (p * logs).sum(-1)
    # About the mean: the difference of two squares would lose its digits.
    variance = (logs - mean[:, None]).square_().mul_(p).sum(-1)
    moments: list[list[float]] = stack([mean, variance]).tolist()
    if any(map(math.isnan, moments[0])) and logs.isneginf().any():
        return _moments(logs.clamp(min=_LEAST))
    return moments
