"""Trade-off: the curves of the rows whose updates are scaled, by strength."""

from collections.abc import Sequence
from statistics import fmean, stdev
from typing import Any

from clearbench.results.headline import TRADE_OFFS
from clearbench.results.runs import Results
from clearbench.results.strengths import Point, curves_of
from clearbench.tables.base import Column


def tradeoff_of(results: Results, columns: Sequence[Column]) -> dict[str, Any]:
    """The columns that are set against each other first, and the curves by the rows' names.

    A curve is a list of points by ascending strength, of which the first is the original; a point
    has the mean of each column over the seeds that have it, and the standard deviation.
    """
    keys = [column.key for column in columns]
    told = TRADE_OFFS[results.suite.domain]
    across, up = (
        keys.index(key) if key in keys else 0 for key in (told.retention, told.forgetting)
    )
    curves = curves_of(results) if results.suite.file.scaled else {}
    return {
        "across": across,
        "up": up,
        "curves": {
            name: [_point(points, keys) for points in zip(*of_seeds, strict=True)]
            for name, of_seeds in curves.items()
        },
    }


def _point(points: Sequence[Point], keys: Sequence[str]) -> dict[str, Any]:
    known = [
        [number for point in points if (number := point.number(key)) is not None] for key in keys
    ]
    return {
        "strength": points[0].strength,
        "means": [fmean(numbers) if numbers else None for numbers in known],
        "stds": [stdev(numbers) if len(numbers) > 1 else None for numbers in known],
    }
