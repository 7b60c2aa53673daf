"""One number a split."""

from statistics import harmonic_mean

from clearbench.metrics.base import Evaluation, model_metric
from clearbench.metrics.headline import headline_scores


@model_metric(low=0, high=1, better="up")
def real(evaluation: Evaluation) -> float | None:
    """Harmonic mean of rouge_l, probability and truth_ratio over the real split's headline tasks.

    0 where a term is 0. Source: CLEAR, arXiv 2410.18057.
    """
    return _aggregate(evaluation, "real")


@model_metric(low=0, high=1, better="up")
def retain(evaluation: Evaluation) -> float | None:
    """Harmonic mean of rouge_l, probability and truth_ratio over the retain split's headline tasks.

    0 where a term is 0. Source: CLEAR, arXiv 2410.18057.
    """
    return _aggregate(evaluation, "retain")


@model_metric(low=0, high=1, better="down")
def forget(evaluation: Evaluation) -> float | None:
    """Harmonic mean of rouge_l, probability and truth_ratio over the forget split's headline tasks.

    0 where a term is 0. Lower is better as in CLEAR's tables, though its truth ratio rises as
    truth and falsehood become alike. Source: CLEAR, arXiv 2410.18057.
    """
    return _aggregate(evaluation, "forget")


def _aggregate(evaluation: Evaluation, split: str) -> float | None:
    scores = headline_scores(evaluation, split)
    return None if scores is None else harmonic_mean(scores)
