"""Fairness: how far the scores of groups of persons lie apart, and what the worst served one has.

Of groups with FEW persons or more. Of a suite that asks for no groups there is none of this.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from clearbench.metrics.base import (
    Better,
    Draw,
    Draws,
    Evaluation,
    Function,
    ModelMetric,
    model_metric,
)
from clearbench.metrics.definitions import Definition
from clearbench.metrics.groups import SPLIT_OF, draw_of_group, names_of, score_of_group
from clearbench.metrics.headline import QUALITY

if TYPE_CHECKING:
    from numpy.typing import NDArray

Over = Callable[[Sequence[float]], float]


def _over(evaluation: Evaluation, name: str, over: Over) -> float | None:
    """A number of a score of all groups; None of fewer than two."""
    scores = list(_scores(evaluation, name).values())
    return over(scores) if len(scores) > 1 else None


def _scores(evaluation: Evaluation, name: str) -> dict[str, float]:
    scores = {g: score_of_group(evaluation, g, name) for g in names_of(evaluation)}
    return {group: score for group, score in scores.items() if score is not None}


def _gap(scores: Sequence[float]) -> float:
    return max(scores) - min(scores)


def _in_draws(name: str, over: str) -> Draw:
    def draw(draws: Draws, definition: Definition) -> "NDArray | None":
        import numpy as np

        groups = list(_scores(draws.evaluation, name))
        numbers = np.array([draw_of_group(draws, group, name) for group in groups])
        lowest, highest = numbers.min(axis=0), numbers.max(axis=0)
        return {"gap": highest - lowest, "min": lowest, "max": highest}[over]

    return draw


def _of(name: str, over: str, better: Better) -> Callable[[Function], ModelMetric]:
    """Make a number over groups a metric, in [0, 1]."""
    return model_metric(
        low=0, high=1, better=better, splits=(SPLIT_OF[name],), draw=_in_draws(name, over)
    )


@_of("retain", "gap", better="down")
def retain_gap(evaluation: Evaluation) -> float | None:
    """The highest `retain` of a group of persons less the lowest one.

    Noise alone makes a gap, the more the smaller the groups: read it beside gold's and the
    original's. None where fewer than two groups have ten persons. Source: arXiv 2503.09330.
    """
    return _over(evaluation, "retain", _gap)


@_of("forget", "gap", better="down")
def forget_gap(evaluation: Evaluation) -> float | None:
    """The same of `forget`."""
    return _over(evaluation, "forget", _gap)


@_of(QUALITY, "gap", better="down")
def forget_quality_js_gap(evaluation: Evaluation) -> float | None:
    """The same of forget_quality_js, each group's against gold on its own persons."""
    return _over(evaluation, QUALITY, _gap)


@_of("retain", "min", better="up")
def retain_worst(evaluation: Evaluation) -> float | None:
    """`retain` of the group that has the lowest: what nobody's group falls short of."""
    return _over(evaluation, "retain", min)


@_of("forget", "max", better="down")
def forget_worst(evaluation: Evaluation) -> float | None:
    """`forget` of the group that has the highest."""
    return _over(evaluation, "forget", max)


@_of(QUALITY, "min", better="up")
def forget_quality_js_worst(evaluation: Evaluation) -> float | None:
    """forget_quality_js of the group that has the lowest."""
    return _over(evaluation, QUALITY, min)
