"""What a model says of the answers in a batch, and the quantities that losses are made of.

Only positions that predict an answer token exist here: prompt, image and padding positions never
enter a loss, and the vocabulary-wide logits are never built for them. `whole` is the exception, for
those variants of methods that repeat what published code does.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

IGNORED = -100
"""The label of a position that is not an answer token."""


@dataclass(frozen=True)
class Totals:
    """The answer tokens of each sample that a step has of a kind; a batch may have a part of it."""

    lengths: tuple[int, ...]

    @property
    def samples(self) -> int:
        """How many samples there are."""
        return len(self.lengths)

    @property
    def tokens(self) -> int:
        """How many answer tokens there are."""
        return sum(self.lengths)


@dataclass(eq=False)
class Answers:
    """The answers of a batch of B samples, N answer tokens in all.

    `project` gives the logits (N, V) when first asked for; `labels` (N,) are the answer tokens, in
    the order of the samples and of each answer; `sample` (N,) the sample of each token, in 0..B-1;
    `hidden` (N, H) the states of the layer that a method asked for, at the positions that predict
    the answer tokens, else None. In the vision domain a sample is a picture, its one answer token a
    person, and `embeddings` (B, E) are unit vectors; elsewhere None.

    `whole` gives the logits (B, T, V) at every position of the sequences, prompt, images and
    padding included, and `whole_hidden` (B, T, H) are the layer's states there; `position` (N,) are
    the positions in 0..T-1 that predict the answer tokens. None in the vision domain.

    `step` are the totals of the step that the batch is a part of; without them it is all of it.
    """

    project: Callable[[], Tensor]
    labels: Tensor
    sample: Tensor
    size: int
    hidden: Tensor | None = None
    embeddings: Tensor | None = None
    whole: Callable[[], Tensor] | None = None
    whole_hidden: Tensor | None = None
    position: Tensor | None = None
    step: Totals | None = None

    @classmethod
    def from_logits(cls, logits: Tensor, labels: Tensor) -> "Answers":
        """The answers in logits (B, T, V), where those at t predict the label (B, T) at t+1."""
        shifted = labels[:, 1:]
        sample, position = (shifted != IGNORED).nonzero(as_tuple=True)
        return cls(
            project=lambda: logits[sample, position],
            labels=shifted[sample, position],
            sample=sample,
            size=len(labels),
            whole=lambda: logits,
            position=position,
        )

    @classmethod
    def none(cls, device: torch.device) -> "Answers":
        """The answers of a batch without samples, whose share in any mean is zero."""
        nothing = torch.zeros(0, 1, device=device)
        number = torch.zeros(0, dtype=torch.long, device=device)
        return cls(lambda: nothing, number, number, 0, nothing, nothing)

    def over_tokens(self, values: Tensor) -> Tensor:
        """The mean of a value for each answer token (N,); of a batch, its share in the step's."""
        return values.sum() / (self.step.tokens if self.step else len(values))

    def over_samples(self, values: Tensor) -> Tensor:
        """The mean of a value for each sample (B,); of a batch, its share in the step's."""
        return values.sum() / (self.step.samples if self.step else len(values))

    def over_later_tokens(self, values: Tensor, first: int) -> Tensor:
        """As `over_tokens`, without the first few tokens of each answer.

        An answer that has no more than these is taken whole.
        """
        lengths = self.lengths
        ends = lengths.cumsum(0)
        place = torch.arange(len(values), device=lengths.device) - (ends - lengths)[self.sample]
        later = (place >= first) | (lengths <= first)[self.sample]
        of_step = self.step.lengths if self.step else tuple(lengths.tolist())
        return values[later].sum() / sum(n - first if n > first else n for n in of_step)

    @property
    def lengths(self) -> Tensor:
        """The number of tokens of each answer, (B,)."""
        return torch.bincount(self.sample, minlength=self.size)

    def in_answers(self, values: Tensor) -> Tensor:
        """The mean of a value for each answer token (N,) over each answer's own, (B,)."""
        return values.new_zeros(self.size).index_add(0, self.sample, values) / self.lengths

    @cached_property
    def log_probabilities(self) -> Tensor:
        """Log-probabilities (N, V) over the vocabulary, at least in single precision."""
        return log_softmax(self.project())

    @cached_property
    def token_log_likelihood(self) -> Tensor:
        """log p of each answer token, (N,)."""
        return self.log_probabilities.gather(-1, self.labels.unsqueeze(-1)).squeeze(-1)


def log_softmax(logits: Tensor) -> Tensor:
    """Log-probabilities over the last dimension, at least in single precision."""
    return logits.to(torch.promote_types(logits.dtype, torch.float32)).log_softmax(-1)


def cross_entropy(answers: Answers) -> Tensor:
    """CE: the mean over all answer tokens of the step of -log p, in nats; of a batch, its share."""
    return -answers.over_tokens(answers.token_log_likelihood)


def log_likelihood(answers: Answers) -> Tensor:
    """log π(y|x): the sum over each sample's answer tokens of log p, (B,)."""
    tokens = answers.token_log_likelihood
    return tokens.new_zeros(answers.size).index_add(0, answers.sample, tokens)


def kl_divergence(reference: Answers, student: Answers) -> Tensor:
    """KL(p_reference ‖ p_student), the mean over answer tokens, in nats."""
    p, q = reference.log_probabilities, student.log_probabilities
    return student.over_tokens((p.exp() * (p - q)).sum(-1))
