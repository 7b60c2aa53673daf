"""The choice among the points of a sweep, by what each forgets where all retain the same share."""

from collections.abc import Mapping, Sequence

from clearbench.metrics.headline import QUALITY, RETAIN
from clearbench.results.curves import worth


def chosen(
    curves: Mapping[str, Sequence[Mapping[str, float | None]]], retention: float
) -> str | None:
    """The point whose curve of scores, from the original on, has the best forget quality there.

    The first of those that share it; None where no point has a number.
    """
    worths: dict[str, float] = {}
    for point, curve in curves.items():
        retained, heights = ([scores.get(key) for scores in curve] for key in (RETAIN, QUALITY))
        value = worth(retained, heights, retention)
        if value is not None:
            worths[point] = value
    return max(worths, key=worths.__getitem__, default=None)
