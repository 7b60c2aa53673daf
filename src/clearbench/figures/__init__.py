"""Figures beside the tables, from score files to SVG and PDF, one file a figure.

A file that defines `draw` is a figure, named for the file; no list names it. Its `draw` gives None
for a suite that has nothing to draw in it; where the file defines `DOMAINS`, the figure is one of
suites of these domains only, and beside the tables it lies where the suite's file has what `NEEDS`
names. No metric is computed here, and matplotlib is imported only where something is drawn.
"""

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, get_args

from clearbench.config.settings import Domain
from clearbench.plugins import load, named
from clearbench.suite.suite import SuiteFile

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from clearbench.results.runs import Results


def is_of(name: str, suite: SuiteFile) -> bool:
    """Whether a figure lies beside the tables of a suite."""
    needed = getattr(load("figures", name), "NEEDS", None)
    return needed is None or bool(getattr(suite, needed))


@cache
def drawers(domain: Domain) -> "dict[str, Callable[[Results], Figure | None]]":
    """The functions that draw the figures of a domain's suites, by the figures' names, sorted."""
    modules = {name: load("figures", name) for name in sorted(named("figures"))}
    return {
        name: module.draw
        for name, module in modules.items()
        if hasattr(module, "draw") and domain in getattr(module, "DOMAINS", get_args(Domain))
    }
