"""Trade-off: what each method forgets and what it retains, along its curve of strengths.

A panel a modality, a row of panels a forget size. The table of the same name reads its numbers off
these curves, seed by seed.
"""

import math
from typing import TYPE_CHECKING, Any

from clearbench.figures.base import explain, look, style
from clearbench.figures.panels import new_figure, panels
from clearbench.figures.spots import Line, Panel, Spot, controls_of, lines_of
from clearbench.results.headline import TRADE_OFFS
from clearbench.results.runs import Results
from clearbench.results.strengths import LEVELS, curves_of

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NEEDS = "scaled"
"""What a suite file must have for the figure to lie beside its tables."""

CONTROLS = {"original": "black", "gold": "white", "second gold": "#999999"}
"""The fill of the stars that stand for models which forgot nothing here."""

_BAND = 0.13
_GREY: dict[str, Any] = {"color": "#555555", "linestyle": "none", "marker": "o"}
_LEVEL: dict[str, Any] = {"color": "#888888", "linestyle": (0, (1, 2)), "linewidth": 0.6}
_EDGE: dict[str, Any] = {"markeredgecolor": "black", "markeredgewidth": 0.5}
_CELL: dict[str, Any] = {**_EDGE, "markersize": 5.5, "zorder": 2.4}
_SCALED: dict[str, Any] = {
    "markerfacecolor": "white",
    "markeredgewidth": 0.7,
    "markersize": 3,
    "zorder": 2.3,
}
_STARS = {
    name: {**_EDGE, "color": fill, "linestyle": "none", "marker": "*", "markersize": 10}
    for name, fill in CONTROLS.items()
}


def draw(results: Results) -> "Figure | None":
    """What is forgotten over what is retained, by method and strength; None without cells.

    Where nothing is scaled, a curve is the way from the original to the cell.
    """
    if not curves_of(results):
        return None
    with style():
        return _figure(results)


def _figure(results: Results) -> "Figure":
    lines = lines_of(results)
    figure = new_figure(results, "Trade-off")
    for axes, size, modality in panels(figure, results):
        axes.set_title(f"{modality}, forget {size} %", pad=18)
        controls = controls_of(results, size)
        if "original" in controls:
            _draw_levels(axes, controls["original"].retain)
        for name, spot in controls.items():
            if name in CONTROLS:
                axes.plot(spot.retain, spot.forgetting, **_STARS[name])
        for place, of_method in enumerate(lines.values()):
            if (modality, size) in of_method:
                _draw_line(axes, of_method[modality, size], place)
    explain(figure, _reading(results, lines), _names(lines))
    return figure


def _draw_levels(axes: "Axes", retained: float) -> None:
    """Thin lines at the shares of the original's retain score, each named at its upper end."""
    for level in LEVELS:
        axes.axvline(level * retained, **_LEVEL)
        axes.annotate(
            f"{level * 100:.0f} %",
            (level * retained, 1),
            xytext=(0, 2),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            ha="center",
            rotation="vertical",
            fontsize=5.5,
            color="#444444",
        )


def _draw_line(axes: "Axes", line: Line, place: int) -> None:
    """A method's band, curve and points; band and curve are broken where a point is missing."""
    colour, marker, dashes = look(place)
    spots = [spot or Spot(math.nan, math.nan, None, 0) for spot in line.spots]
    retained, forgotten = [spot.retain for spot in spots], [spot.forgetting for spot in spots]
    if any(spot.spread is not None for spot in spots):
        spreads = [math.nan if spot.spread is None else spot.spread for spot in spots]
        low, high = (
            [mean + side * spread for mean, spread in zip(forgotten, spreads, strict=True)]
            for side in (-1, 1)
        )
        axes.fill_between(retained, low, high, color=colour, alpha=_BAND, linewidth=0)
    axes.plot(retained, forgotten, color=colour, linestyle=dashes)
    cell = line.strengths.index(1)
    scaled = [number for number in range(1, len(spots)) if number != cell]
    for chosen, mark in ((scaled, _SCALED), ([cell], _CELL)):
        xs, ys = ([numbers[one] for one in chosen] for numbers in (retained, forgotten))
        axes.plot(xs, ys, color=colour, marker=marker, linestyle="none", **mark)


def _reading(results: Results, lines: dict[str, dict[Panel, Line]]) -> "list[Artist]":
    """Samples that say how to read a curve."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    file = results.suite.file
    over = f", mean over {len(file.seeds)} seeds" if len(file.seeds) > 1 else ""
    strengths = ", ".join(f"{strength:g}" for strength in sorted(file.scaled))
    retained = TRADE_OFFS[results.suite.domain].retained
    levels = ", ".join(f"{level * 100:.0f}" for level in LEVELS)
    samples: list[Artist] = [
        Line2D([], [], **_GREY, **_CELL, label=f"the cell itself{over}"),
        *(
            [Line2D([], [], **_GREY, **_SCALED, label=f"its update times {strengths}")]
            if strengths
            else []
        ),
        Line2D([], [], **_LEVEL, label=f"{levels} % of the original's {retained}"),
    ]
    spots = [spot for own in lines.values() for line in own.values() for spot in line.spots]
    if any(spot is not None and spot.spread is not None for spot in spots):
        forgotten = TRADE_OFFS[results.suite.domain].forgotten
        band = f"± one standard deviation of {forgotten} over seeds"
        samples.append(Patch(color=_GREY["color"], alpha=2 * _BAND, linewidth=0, label=band))
    return samples


def _names(lines: dict[str, dict[Panel, Line]]) -> "list[Artist]":
    """Samples that say whose a star or a curve is, and of which curves points are missing."""
    from matplotlib.lines import Line2D

    samples: list[Artist] = [Line2D([], [], **_STARS[name], label=name) for name in CONTROLS]
    for place, (method, of_method) in enumerate(lines.items()):
        colour, marker, dashes = look(place)
        sample = Line2D([], [], color=colour, marker=marker, linestyle=dashes, **_CELL)
        sample.set_label(f"{method}{_missing(of_method)}")
        samples.append(sample)
    return samples


def _missing(of_method: dict[Panel, Line]) -> str:
    """What a method has no point of, or that not all its runs have scores; nothing if all have."""
    empty = [f"{modality} {size} %" for (modality, size), line in of_method.items() if line.empty]
    if len(empty) == len(of_method):
        return " (no point)"
    if empty:
        return f" (no point: {', '.join(empty)})"
    return "" if all(line.whole for line in of_method.values()) else " (some runs missing)"
