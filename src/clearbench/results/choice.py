"""The choice among the points of a sweep, by what each forgets where all retain the same share."""

from collections.abc import Mapping, Sequence

from clearbench.metrics.headline import QUALITY, RETAIN
from clearbench.results.curves import worth

Scores = Mapping[str, float | None]


def chosen(curves: Mapping[str, Sequence[Scores]], retention: float) -> str | None:
    """The point whose curve of scores, from the original on, has the best forget quality there.

    Of models that are not scaled, whose curves are the original and they themselves, it is the best
    of those that retain that share; where none does, the one that retains most. The first of those
    that share it; None where no point has a number.
    """
    worths = {point: _worth(curve, retention) for point, curve in curves.items()}
    known = {point: worth for point, worth in worths.items() if worth is not None}
    return max(known, key=known.__getitem__, default=None)


def _worth(curve: Sequence[Scores], retention: float) -> tuple[bool, float] | None:
    """What a point is chosen by: that it retains the share counts first, where it must itself."""
    retained, heights = ([scores.get(key) for scores in curve] for key in (RETAIN, QUALITY))
    if len(curve) > 2:
        height = worth(retained, heights, retention)
        return None if height is None else (True, height)
    (before, after), quality = retained, heights[-1]
    if before is None or after is None or quality is None:
        return None
    keeps = after >= retention * before
    return keeps, quality if keeps else after
