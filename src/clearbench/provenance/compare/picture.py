"""A picture of two runs: how far each row's numbers lie apart, with the interval."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from clearbench.figures.base import look, style
from clearbench.provenance.compare.numbers import Compared
from clearbench.results.headline import COLUMNS
from clearbench.tables.base import Column

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH, _LINE, _MARGIN = 1.9, 0.16, 0.9
"""In inches: a panel, a row of it, and what is above and below the rows."""


def draw(compared: Mapping[Column, Sequence[Compared]], names: tuple[str, str]) -> "Figure":
    """A panel a number, a line a row: the second side less the first, filled beyond the noise.

    Numbers are those that models are compared by; where a run has none of these, all.
    """
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    chosen = {column: rows for column, rows in compared.items() if column.key in COLUMNS}
    chosen = chosen or dict(compared)
    rows = [one.one.group.name for one in next(iter(chosen.values()), ())]
    with style():
        size = (_WIDTH * max(2, len(chosen)), _MARGIN + _LINE * len(rows))
        figure = Figure(figsize=size, layout="constrained")
        figure.set_label(f"{names[1]} less {names[0]}")
        panels = figure.subplots(1, max(1, len(chosen)), sharey=True, squeeze=False)
        for axes, (column, several) in zip(panels.flat, chosen.items(), strict=False):
            _draw_column(axes, column, several)
        panels.flat[0].set_yticks(range(len(rows)), rows)
        panels.flat[0].invert_yaxis()
        mark: dict[str, Any] = {
            "marker": "o",
            "markersize": 3.5,
            "linestyle": "none",
            "color": look(0).colour,
        }
        samples = [
            Line2D([], [], **mark, label="beyond the noise"),
            Line2D([], [], **mark, markerfacecolor="white", label="within it, or not told"),
        ]
        figure.legend(handles=samples, loc="outside lower center", ncols=len(samples))
    return figure


def _draw_column(axes: "Axes", column: Column, several: Sequence[Compared]) -> None:
    axes.set_xlabel(column.header)
    axes.axvline(0, color="#888888", linewidth=0.6)
    colour = look(0).colour
    for place, one in enumerate(several):
        if one.verdict == "lacking":
            axes.text(0, place, "no number", va="center", ha="center", color="#888888")
            continue
        if one.measured is not None:
            axes.plot(one.measured.interval, (place, place), color=colour)
        face = colour if one.verdict == "beyond" else "white"
        axes.plot(one.difference, place, "o", color=colour, markersize=3.5, markerfacecolor=face)
