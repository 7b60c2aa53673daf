"""The choice among the points of a sweep, by what each forgets where all retain the same share."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from clearbench.metrics.headline import QUALITY, RETAIN
from clearbench.results.curves import worth

CHOSEN = "chosen.json"
"""The file of the values that were chosen."""


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


def read_chosen(folder: Path) -> dict[str, Any]:
    """The values that were chosen."""
    values: dict[str, Any] = json.loads((folder / CHOSEN).read_text(encoding="utf-8"))
    return values
