"""What figures have in common: their style, how rows are told apart, and how one is written.

Rows differ by marker and line style, so that a print in black and white tells them; the colours
are those of Okabe and Ito (https://jfly.uni-koeln.de/color), which the colour-blind tell apart.
"""

import io
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.figure import Figure
    from matplotlib.typing import LineStyleType

Format = Literal["svg", "pdf"]
FORMATS: tuple[Format, ...] = ("svg", "pdf")

# Without yellow, which is hardly seen on white.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#E69F00", "#56B4E9")
_MARKERS = ("o", "s", "^", "D", "v", "P", "<", "X", ">", "d", "p", "h")
_LINES: tuple["LineStyleType", ...] = (
    "-",
    (0, (5, 1.5)),
    (0, (1, 1.2)),
    (0, (6, 1.5, 1, 1.5)),
    (0, (3, 1, 1, 1, 1, 1)),
)
_ABOVE: Literal["outside upper center"] = "outside upper center"
_BELOW: Literal["outside lower center"] = "outside lower center"
_LETTER, _TEXT_LINE, _SAMPLE = 0.055, 0.15, 0.5
"""In inches: a letter and a line of a legend, and what stands before its text."""

STYLE = {
    "axes.labelsize": 8,
    "axes.linewidth": 0.6,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 8,
    "font.family": "DejaVu Sans",
    "font.size": 7,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "lines.linewidth": 1.0,
    # Another build of zlib gives other bytes.
    "pdf.compression": 0,
    # TrueType: publishers refuse the letters of Type 3.
    "pdf.fonttype": 42,
    "svg.hashsalt": "clearbench",
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
}
"""What figures set besides the defaults of matplotlib; sizes are in points."""


class Look(NamedTuple):
    """How a row is drawn."""

    colour: str
    marker: str
    line: "LineStyleType"


def look(place: int) -> Look:
    """The look of the row at a place; of 60 rows no two have marker and line style in common."""
    return Look(
        _COLOURS[place % len(_COLOURS)],
        _MARKERS[place % len(_MARKERS)],
        _LINES[place % len(_LINES)],
    )


@contextmanager
def style() -> Iterator[None]:
    """The style of figures, whatever the user's own settings of matplotlib are."""
    import matplotlib.style

    with matplotlib.style.context(["default", STYLE]):
        yield


def explain(figure: "Figure", above: "Sequence[Artist]", below: "Sequence[Artist]") -> None:
    """Legends outside the panels, in as many columns as fit; the figure grows by their lines."""
    width, height = figure.get_size_inches()
    for samples, place in ((above, _ABOVE), (below, _BELOW)):
        longest = max(len(str(sample.get_label())) for sample in samples)
        columns = max(1, int(width / (_LETTER * longest + _SAMPLE)))
        figure.legend(handles=samples, loc=place, ncols=columns, handlelength=3)
        height += _TEXT_LINE * math.ceil(len(samples) / columns)
    figure.set_size_inches(width, height)


def written(figure: "Figure") -> dict[Format, bytes]:
    """The figure in each format; the same bytes whenever and on whatever computer it is drawn.

    Its label is the title in the files.
    """
    with style():
        # Laid out once: each further time moves it a little.
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
        return {kind: _saved(figure, kind) for kind in FORMATS}


def _saved(figure: "Figure", kind: Format) -> bytes:
    unsaid = {"svg": ("Creator", "Date"), "pdf": ("CreationDate", "Creator", "Producer")}
    metadata = {"Title": str(figure.get_label()), **dict.fromkeys(unsaid[kind])}
    content = io.BytesIO()
    figure.savefig(content, format=kind, metadata=metadata)
    return content.getvalue()
