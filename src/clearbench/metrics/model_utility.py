"""What the model is still good for."""

from clearbench.metrics.base import Evaluation, model_metric
from clearbench.metrics.definitions import OF_TERMS, Definition
from clearbench.metrics.headline import aggregate, drawn_aggregate


@model_metric(
    low=0,
    high=1,
    better="up",
    definitions=OF_TERMS,
    splits=("retain", "real"),
    mean=True,
    draw=drawn_aggregate("model_utility"),
)
def model_utility(evaluation: Evaluation, definition: Definition) -> float | None:
    """Harmonic mean of rouge_l, probability and truth_ratio of all retain and real headline tasks.

    Nine values on TOFU (retain, real authors, world facts). None without retain or without real
    tasks; 0 where a term is 0. Source: TOFU, arXiv 2401.06121.
    """
    return aggregate(evaluation, "model_utility", definition)
