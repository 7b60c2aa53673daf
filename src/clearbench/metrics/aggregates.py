"""One number a split."""

from clearbench.metrics.base import Evaluation, model_metric
from clearbench.metrics.definitions import DEFINITIONS, Definition
from clearbench.metrics.headline import aggregate, drawn_aggregate


@model_metric(
    low=0,
    high=1,
    better="up",
    definitions=DEFINITIONS,
    splits=("real",),
    mean=True,
    draw=drawn_aggregate("real"),
)
def real(evaluation: Evaluation, definition: Definition) -> float | None:
    """Harmonic mean of rouge_l, probability and truth_ratio over the real split's headline tasks.

    0 where a term is 0; CLEAR's code leaves ROUGE-L out. Source: CLEAR, arXiv 2410.18057.
    """
    return aggregate(evaluation, "real", definition)


@model_metric(
    low=0,
    high=1,
    better="up",
    definitions=DEFINITIONS,
    splits=("retain",),
    mean=True,
    draw=drawn_aggregate("retain"),
)
def retain(evaluation: Evaluation, definition: Definition) -> float | None:
    """Harmonic mean of rouge_l, probability and truth_ratio over the retain split's headline tasks.

    0 where a term is 0; CLEAR's code leaves ROUGE-L out. Source: CLEAR, arXiv 2410.18057.
    """
    return aggregate(evaluation, "retain", definition)


@model_metric(
    low=0,
    high=1,
    better="down",
    definitions=DEFINITIONS,
    splits=("forget",),
    mean=True,
    draw=drawn_aggregate("forget"),
)
def forget(evaluation: Evaluation, definition: Definition) -> float | None:
    """Harmonic mean of rouge_l, probability and truth_ratio over the forget split's headline tasks.

    0 where a term is 0; CLEAR's code leaves ROUGE-L out, but not of texts. Lower is better as in
    CLEAR's tables, though its truth ratio rises as truth and falsehood become alike.
    Source: CLEAR, arXiv 2410.18057.
    """
    return aggregate(evaluation, "forget", definition)
