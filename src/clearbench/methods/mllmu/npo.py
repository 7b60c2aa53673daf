"""Negative preference optimisation, as in MLLMU-Bench."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from clearbench.methods.npo import NegativePreferenceOptimisation


@dataclass(frozen=True)
class NegativePreferenceOptimisationFromGold(NegativePreferenceOptimisation):
    """Push the forget answers' likelihood below gold's, where the method has the original's.

    Loss: (2/β)·E log(1 + (π_θ(y|x)/π_gold(y|x))^β). Gold was trained on the retain set alone: it is
    what an unlearned model is compared with, and nobody who needs to unlearn has it. Where a model
    is as unlikely to answer as gold is, the loss pulls half as hard as at a likelihood far above.
    Source: github.com/franciscoliu/MLLMU-Bench.
    """

    domains = ("multimodal", "text")
    compares_with = "gold"

    beta: Annotated[float, Field(gt=0)] = 0.4
