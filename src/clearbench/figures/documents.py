"""The files of all figures: every format of each."""

from clearbench.figures import drawers, is_of
from clearbench.figures.base import written
from clearbench.results.runs import Results


def pictures(results: Results) -> dict[str, bytes]:
    """The content of every figure's file by its name; none of figures that it does not ask for."""
    drawn = {
        name: draw(results)
        for name, draw in drawers(results.suite.domain).items()
        if is_of(name, results.suite.file)
    }
    return {
        f"{name}.{kind}": content
        for name, figure in drawn.items()
        if figure is not None
        for kind, content in written(figure).items()
    }
