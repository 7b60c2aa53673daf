"""What published losses are averaged over: all positions, prompt, images and padding included."""

import torch
from torch import Tensor

from clearbench.models.answers import Answers, log_softmax


def everywhere(answers: Answers) -> Tensor:
    """Log-probabilities (B, T, V) over the vocabulary at every position."""
    if answers.whole is None:
        raise ValueError("methods as published are of sequences: multimodal and text models")
    return log_softmax(answers.whole())


def logits(answers: Answers) -> Tensor:
    """Logits (B, T, V) over the vocabulary at every position, at least in single precision."""
    if answers.whole is None:
        raise ValueError("methods as published are of sequences: multimodal and text models")
    whole = answers.whole()
    return whole.to(torch.promote_types(whole.dtype, torch.float32))


def divergence(of: Answers, to: Answers) -> Tensor:
    """KL(p_of ‖ p_to), the mean over all positions, in nats."""
    p, q = everywhere(of), everywhere(to)
    return (p.exp() * (p - q)).sum(-1).mean()


def positions(answers: Answers) -> Tensor:
    """The positions (N,) that predict the answer tokens."""
    if answers.position is None:
        raise ValueError("methods as published are of sequences: multimodal and text models")
    return answers.position
