"""Attacks on membership at few false alarms: how many of the forgotten are surely found."""

from functools import partial

from clearbench.metrics.base import Evaluation
from clearbench.metrics.strangers import REFERENCE, drawn_true_positive_rate, metric_of, sides_of

_by = partial(metric_of, drawn=drawn_true_positive_rate)


def _rate(evaluation: Evaluation, attack: str) -> float | None:
    sides = sides_of(evaluation, attack)
    return None if sides is None else sides.true_positive_rate


@_by("loss")
def membership_loss_tpr(evaluation: Evaluation) -> float | None:
    """Share of the forgotten that membership_loss finds at 1 % false alarms.

    They lie below all persons held out but 1 % of these, rounded down: of fewer than 100 below all.
    Of n persons held out and a model that met none, some 1/(n + 1) lie there by chance.
    """
    return _rate(evaluation, "loss")


@_by("zlib")
def membership_zlib_tpr(evaluation: Evaluation) -> float | None:
    """The same of membership_zlib."""
    return _rate(evaluation, "zlib")


@_by("min_k")
def membership_min_k_tpr(evaluation: Evaluation) -> float | None:
    """The same of membership_min_k."""
    return _rate(evaluation, "min_k")


@_by("min_k_plus_plus")
def membership_min_k_plus_plus_tpr(evaluation: Evaluation) -> float | None:
    """The same of membership_min_k_plus_plus."""
    return _rate(evaluation, "min_k_plus_plus")


@_by(REFERENCE)
def membership_reference_tpr(evaluation: Evaluation) -> float | None:
    """The same of membership_reference."""
    return _rate(evaluation, REFERENCE)


@_by("gradient")
def membership_gradient_tpr(evaluation: Evaluation) -> float | None:
    """The same of membership_gradient."""
    return _rate(evaluation, "gradient")


@_by("gradient_of_tensors")
def membership_gradient_of_tensors_tpr(evaluation: Evaluation) -> float | None:
    """The same of membership_gradient_of_tensors."""
    return _rate(evaluation, "gradient_of_tensors")
