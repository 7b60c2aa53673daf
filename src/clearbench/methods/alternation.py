"""Steps on the forget set that stand alone between steps on the retain set."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from clearbench.methods.importances import ByWeight

Term = Callable[[Any, Any], Tensor]
"""A loss, or a part of one, of what the student and the reference say."""


def _unweighted(done: float) -> float:
    return 1.0


@dataclass(frozen=True)
class ForgetStep:
    """What a step on the forget set minimises, and what it may move.

    Its loss is `loss`, whose batches are summed, divided by the sum of `divisor` over the batches
    where there is one, times `factor` of the share of the training that is done. Its gradient is
    taken at the weights where `mask` is true, then clipped to the norm `max_grad_norm` (None for
    that of the suite). The other weights are the same after the step, to the last bit.
    """

    loss: Term
    mask: ByWeight
    divisor: Term | None = None
    factor: Callable[[float], float] = _unweighted
    max_grad_norm: float | None = None
