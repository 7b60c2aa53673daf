"""Front: all points of each method's choice, its Pareto front, and the chosen beside the untuned.

A panel a modality, a row of panels a forget size. Models are those of the persons of the choice,
each point at all strengths.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from clearbench.figures.base import explain, look, style
from clearbench.figures.panels import new_figure, panels
from clearbench.metrics.headline import QUALITY, RETAIN
from clearbench.results.curves import crossing, worth
from clearbench.results.runs import Results
from clearbench.results.strengths import Curve, along
from clearbench.results.trials import Trial, choices, trials_of
from clearbench.suite.sweep import PLAIN

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DOMAINS = ("multimodal", "text")

_GREY: dict[str, Any] = {"color": "#555555", "linestyle": "none", "marker": "o"}
_SHARE: dict[str, Any] = {"color": "#888888", "linestyle": (0, (1, 2)), "linewidth": 0.6}
_POINT: dict[str, Any] = {"markersize": 2.5, "markeredgewidth": 0, "alpha": 0.45, "zorder": 2.1}
_BEST: dict[str, Any] = {
    "markersize": 6.5,
    "markeredgecolor": "black",
    "markeredgewidth": 0.6,
    "zorder": 2.5,
}
_PLAIN: dict[str, Any] = {
    "markersize": 6.5,
    "markerfacecolor": "white",
    "markeredgewidth": 0.9,
    "zorder": 2.4,
}

Place = tuple[float, float]
"""A retain score and a forget quality."""


NEEDS = "select"
"""What a suite file must have for the figure to lie beside its tables."""


def draw(results: Results) -> "Figure | None":
    """Forget quality over retain score of all that was tried; None where nothing is chosen."""
    if results.suite.file.select is None:
        return None
    with style():
        return _figure(results, results.suite.file.select.retention)


def front(places: Iterable[Place]) -> list[Place]:
    """Those that no other exceeds in one score without falling behind in the other.

    By descending retain score.
    """
    best: list[Place] = []
    for retain, quality in sorted(places, reverse=True):
        if not best or quality > best[-1][1]:
            best.append((retain, quality))
    return best


def compared(curve: Curve, retention: float) -> Place | None:
    """Where a point is compared: at the share of retention, or at its end where it stays above."""
    retained = along(curve, RETAIN)
    quality = worth(retained, along(curve, QUALITY), retention)
    first, last = retained[0], retained[-1]
    if quality is None or first is None or last is None:
        return None
    return (last if crossing(retained, retention) is None else retention * first), quality


def _figure(results: Results, retention: float) -> "Figure":
    trials = trials_of(results)
    methods = list(dict.fromkeys(trial.row for trial in trials))
    figure = new_figure(results, "Choices")
    for axes, size, modality in panels(figure, results):
        axes.set_title(f"{modality}, choice for forget {size} %")
        here = [t for t in trials if t.group.forget_size == size and t.modality == modality]
        original = here[0].curve[0].number(RETAIN) if here else None
        if original is not None:
            axes.axvline(retention * original, **_SHARE)
        best = choices(here, retention)
        for place, method in enumerate(methods):
            tried = [trial for trial in here if trial.row == method]
            _draw_method(axes, tried, best.get((method, modality)), retention, place)
    explain(figure, _reading(retention), _names(methods))
    return figure


def _draw_method(
    axes: "Axes", tried: Sequence[Trial], best: str | None, retention: float, place: int
) -> None:
    """A method's models, the front of them, and where its chosen and its own point are compared."""
    colour, marker, dashes = look(place)
    both = [
        (point.number(RETAIN), point.number(QUALITY)) for trial in tried for point in trial.curve
    ]
    places = [(x, y) for x, y in both if x is not None and y is not None]
    for spots, line, mark in (
        (places, "none", {"marker": marker, **_POINT}),
        (front(places), dashes, {"drawstyle": "steps-post"}),
    ):
        xs, ys = [x for x, _ in spots], [y for _, y in spots]
        axes.plot(xs, ys, color=colour, linestyle=line, **mark)
    for name, look_of in ((PLAIN, _PLAIN), (best, _BEST)):
        for trial in tried:
            where = compared(trial.curve, retention) if trial.point == name else None
            if where is not None:
                axes.plot(*where, color=colour, marker=marker, linestyle="none", **look_of)


def _reading(retention: float) -> "list[Artist]":
    """Samples that say how to read a panel."""
    from matplotlib.lines import Line2D

    share = f"{retention * 100:g} %"
    return [
        Line2D([], [], **_GREY, **_BEST, label=f"chosen, at {share}"),
        Line2D([], [], **_GREY, **_PLAIN, label=f"untuned, at {share}"),
        Line2D([], [], **_GREY, **_POINT, label="a point at a strength"),
        Line2D([], [], color=_GREY["color"], label="Pareto front of a method"),
        Line2D([], [], **_SHARE, label=f"{share} of the original's retain"),
    ]


def _names(methods: Sequence[str]) -> "list[Artist]":
    """Samples that say whose a point is."""
    from matplotlib.lines import Line2D

    samples: list[Artist] = []
    for place, method in enumerate(methods):
        colour, marker, dashes = look(place)
        sample = Line2D([], [], color=colour, marker=marker, linestyle=dashes, **_BEST)
        sample.set_label(method)
        samples.append(sample)
    return samples
