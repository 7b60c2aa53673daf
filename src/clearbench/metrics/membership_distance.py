"""Attacks on membership beside gold: how far their AUC lies from the one that gold has."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from clearbench.metrics.base import Draw, Draws, Evaluation, Function, ModelMetric, model_metric
from clearbench.metrics.definitions import Definition
from clearbench.metrics.strangers import REFERENCE, SPLITS, drawn_auc, with_gold

if TYPE_CHECKING:
    from numpy.typing import NDArray


def _distance(evaluation: Evaluation, attack: str) -> float | None:
    pair = with_gold(evaluation, attack)
    return None if pair is None else abs(pair[0].auc - pair[1].auc)


def _in_draws(attack: str) -> Draw:
    def draw(draws: Draws, definition: Definition) -> "NDArray | None":
        pair = with_gold(draws.evaluation, attack)
        if pair is None:
            return None
        own, gold = (drawn_auc(draws, sides) for sides in pair)
        drawn: NDArray = abs(own - gold)
        return drawn

    return draw


def _by(attack: str) -> Callable[[Function], ModelMetric]:
    """Make the distance of an attack a metric."""
    return model_metric(low=0, high=1, better="down", splits=SPLITS, draw=_in_draws(attack))


@_by("loss")
def membership_loss_distance(evaluation: Evaluation) -> float | None:
    """|AUC - gold's AUC| of membership_loss: 0 where no more is told than by retraining.

    Of the same persons for both, in each draw too. It tells leaking and overdone forgetting from
    gold alike, and goes by gold's own AUC where the held out are no perfect strangers.
    """
    return _distance(evaluation, "loss")


@_by("zlib")
def membership_zlib_distance(evaluation: Evaluation) -> float | None:
    """The same of membership_zlib."""
    return _distance(evaluation, "zlib")


@_by("min_k")
def membership_min_k_distance(evaluation: Evaluation) -> float | None:
    """The same of membership_min_k."""
    return _distance(evaluation, "min_k")


@_by("min_k_plus_plus")
def membership_min_k_plus_plus_distance(evaluation: Evaluation) -> float | None:
    """The same of membership_min_k_plus_plus."""
    return _distance(evaluation, "min_k_plus_plus")


@_by(REFERENCE)
def membership_reference_distance(evaluation: Evaluation) -> float | None:
    """The same of membership_reference."""
    return _distance(evaluation, REFERENCE)


@_by("gradient")
def membership_gradient_distance(evaluation: Evaluation) -> float | None:
    """The same of membership_gradient."""
    return _distance(evaluation, "gradient")


@_by("gradient_of_tensors")
def membership_gradient_of_tensors_distance(evaluation: Evaluation) -> float | None:
    """The same of membership_gradient_of_tensors."""
    return _distance(evaluation, "gradient_of_tensors")
