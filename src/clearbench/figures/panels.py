"""Panels of what is forgotten over what is retained: one a modality, a row of them a size."""

from collections.abc import Iterator
from itertools import product
from typing import TYPE_CHECKING

from clearbench.metrics import better
from clearbench.results.headline import TRADE_OFFS
from clearbench.results.runs import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PANEL = (2.4, 2.7)
_NARROWEST = 3.5
"""Sizes in inches: three panels fill the width of a page, one fills a column."""


def new_figure(results: Results, name: str) -> "Figure":
    """A figure without panels, of a size that holds them; its label says what it is of."""
    from matplotlib.figure import Figure

    file = results.suite.file
    rows, columns = len(file.forget_sizes), len(file.modalities)
    size_in_inches = (max(_NARROWEST, columns * _PANEL[0]), rows * _PANEL[1])
    figure = Figure(figsize=size_in_inches, layout="constrained")
    figure.set_label(
        f"{name}: suite {results.suite.name}, model {file.model}, dataset {file.dataset}"
    )
    return figure


def panels(figure: "Figure", results: Results) -> "Iterator[tuple[Axes, int, str]]":
    """The panels of a figure to be drawn in, each with its forget size and modality."""
    file = results.suite.file
    rows, columns = len(file.forget_sizes), len(file.modalities)
    told = TRADE_OFFS[results.suite.domain]
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for axes, (size, modality) in zip(
        grid.flat, product(file.forget_sizes, file.modalities), strict=True
    ):
        axes.set_xlabel(_pointed(told.retention, told.retained))
        axes.set_ylabel(_pointed(told.forgetting, told.forgotten))
        yield axes, size, modality
        axes.label_outer()


def _pointed(key: str, name: str) -> str:
    """The name of an axis with an arrow to where its score is better."""
    return f"{name} →" if better(key) == "up" else f"← {name}"
