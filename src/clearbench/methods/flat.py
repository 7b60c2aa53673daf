"""FLAT: forget data only, by loss adjustment."""

from dataclasses import dataclass
from math import log
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import softplus

from clearbench.methods.base import Method, View
from clearbench.models.answers import Answers


@dataclass(frozen=True)
class LossAdjustment(Method):
    """Part the refusals from the forget answers by an f-divergence; nothing else is needed.

    Loss: E f*(g(P_F)) - g(P_I), where P is the mean probability of an answer's own tokens, P_F of
    the true answer and P_I of the refusal, g the divergence's activation and f* its conjugate.
    `total_variation`: ½·(tanh P_F - tanh P_I); `kl`: exp(P_F - 1) - P_I; `pearson`:
    P_F + P_F²/4 - P_I; `jensen_shannon`: log(1 + e^-P_I) + P_F + log(1 + e^-P_F) - 2·log 2.
    There is neither a retain term nor a reference. Source: arXiv 2410.11143.
    """

    student_reads = ("forget", "idk")

    divergence: Literal["total_variation", "kl", "pearson", "jensen_shannon"] = "total_variation"

    def loss(self, student: View, reference: View) -> Tensor:
        """The mean over the forget questions of the adjusted loss."""
        forgotten, refused = mean_probability(student.forget), mean_probability(student.idk)
        return student.forget.over_samples(self._adjusted(forgotten, refused))

    def _adjusted(self, forgotten: Tensor, refused: Tensor) -> Tensor:
        match self.divergence:
            case "kl":
                return (forgotten - 1).exp() - refused
            case "pearson":
                return forgotten + forgotten.square() / 4 - refused
            case "jensen_shannon":
                return softplus(-refused) + softplus(forgotten) - 2 * log(2)
        return (torch.tanh(forgotten) - torch.tanh(refused)) / 2


def mean_probability(answers: Answers) -> Tensor:
    """The mean over each answer's tokens of their probability, (B,)."""
    return answers.in_answers(answers.token_log_likelihood.exp())
