"""One number a split."""

from collections.abc import Callable

from clearbench.metrics.base import Better, Evaluation, Function, ModelMetric, model_metric
from clearbench.metrics.definitions import OF_TERMS, Definition
from clearbench.metrics.headline import aggregate, drawn_aggregate


def _of_split(split: str, better: Better) -> Callable[[Function], ModelMetric]:
    """Make the aggregate of a split a metric."""
    return model_metric(
        low=0,
        high=1,
        better=better,
        definitions=OF_TERMS,
        splits=(split,),
        mean=True,
        draw=drawn_aggregate(split),
    )


@_of_split("real", better="up")
def real(evaluation: Evaluation, definition: Definition) -> float | None:
    """Harmonic mean of rouge_l, probability and truth_ratio over the real split's headline tasks.

    0 where a term is 0; CLEAR's code leaves ROUGE-L out. Source: CLEAR, arXiv 2410.18057.
    """
    return aggregate(evaluation, "real", definition)


@_of_split("retain", better="up")
def retain(evaluation: Evaluation, definition: Definition) -> float | None:
    """Harmonic mean of rouge_l, probability and truth_ratio over the retain split's headline tasks.

    0 where a term is 0; CLEAR's code leaves ROUGE-L out. Source: CLEAR, arXiv 2410.18057.
    """
    return aggregate(evaluation, "retain", definition)


@_of_split("forget", better="down")
def forget(evaluation: Evaluation, definition: Definition) -> float | None:
    """Harmonic mean of rouge_l, probability and truth_ratio over the forget split's headline tasks.

    0 where a term is 0; CLEAR's code leaves ROUGE-L out, but not of texts. Lower is better as in
    CLEAR's tables, though its truth ratio rises as truth and falsehood become alike.
    Source: CLEAR, arXiv 2410.18057.
    """
    return aggregate(evaluation, "forget", definition)
