"""What a figure draws of curves: the mean over seeds at each strength, and how far seeds differ."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from clearbench.metrics import of_method
from clearbench.results.headline import TRADE_OFFS
from clearbench.results.runs import Results
from clearbench.results.strengths import Curve, Point, curves_of


@dataclass(frozen=True)
class Spot:
    """The mean over the seeds that have both scores, and how far these seeds lie apart.

    `spread` is the sample standard deviation of the forgetting; None of one seed, and of an attack,
    which all seeds share.
    """

    retain: float
    forgetting: float
    spread: float | None
    seeds: int


@dataclass(frozen=True)
class Line:
    """A method's curve of a modality and a forget size: its spots by ascending strength.

    The first is the original, at strength 0. None stands where no seed has both scores.
    """

    strengths: tuple[float, ...]
    spots: tuple[Spot | None, ...]
    seeds: int

    @property
    def empty(self) -> bool:
        """Whether no model but the original has a spot."""
        return not any(self.spots[1:])

    @property
    def whole(self) -> bool:
        """Whether each of its spots is there and of all seeds."""
        return all(spot is not None and spot.seeds == self.seeds for spot in self.spots)


Panel = tuple[str, int]
"""A modality and a forget size."""


def lines_of(results: Results) -> dict[str, dict[Panel, Line]]:
    """The curves of each method by panel, methods in the suite's order."""
    curves = curves_of(results)
    forgetting = TRADE_OFFS[results.suite.domain].forgetting
    lines: dict[str, dict[Panel, Line]] = {}
    for group in results.groups:
        if group.name in curves:
            panel = group.modality, group.forget_size
            lines.setdefault(group.method, {})[panel] = _line(curves[group.name], forgetting)
    return lines


def controls_of(results: Results, size: int) -> dict[str, Spot]:
    """The controls of a forget size that have scores, by their names in the tables."""
    told = TRADE_OFFS[results.suite.domain]

    def spot(runs: Sequence[str]) -> Spot | None:
        points = [Point(0.0, run, results.runs[run], told.retention) for run in runs]
        return _spot(points, told.forgetting)

    spots = {group.method: spot(group.runs) for group in results.of_size(size) if group.control}
    return {name: spot for name, spot in spots.items() if spot is not None}


def _line(curves: Sequence[Curve], forgetting: str) -> Line:
    strengths = tuple(point.strength for point in curves[0])
    spots = tuple(_spot(points, forgetting) for points in zip(*curves, strict=True))
    return Line(strengths, spots, len(curves))


def _spot(points: Sequence[Point], forgetting: str) -> Spot | None:
    """What one model of several seeds comes to; None where none has both scores."""
    both = [(point.retained, point.number(forgetting)) for point in points]
    known = [(x, y) for x, y in both if x is not None and y is not None]
    if not known:
        return None
    retained, forgotten = zip(*known, strict=True)
    spread = stdev(forgotten) if len(known) > 1 and not of_method(forgetting) else None
    return Spot(fmean(retained), fmean(forgotten), spread, len(known))
