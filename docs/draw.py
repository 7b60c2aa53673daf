"""Draw the README's main table as a picture: `python docs/draw.py` writes docs/table.svg."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape

from clearbench.metrics.headline import QUALITY
from clearbench.results.headline import COLUMNS
from clearbench.tables.base import score_column

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs/table.svg"

_SIDE, _LEFT, _TOP = 360, 60, 30
_COLOURS = {"text": "#1b7a43", "visual": "#b3541e", "both": "#3a4fa0", "-": "#222222"}


class Value(NamedTuple):
    """A mean, and its standard deviation over seeds; 0 of one seed."""

    mean: float
    deviation: float

    def __str__(self) -> str:
        """As the table has it."""
        return f"{self.mean} ± {self.deviation}" if self.deviation else f"{self.mean}"


def points(readme: str) -> Iterator[tuple[str, str, Value, Value]]:
    """Method, modality, retain and forget quality of each row of the README's first table."""
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in re.findall(r"^\|.*\|$", readme.partition("\n## Images alone")[0], re.M)
    ]
    headers = [score_column(key, COLUMNS[key]).header for key in ("retain", QUALITY)]
    head = next(row for row in rows if set(headers) <= set(row))
    retain, quality = map(head.index, headers)
    for method, modality, *rest in rows:
        values = [method, modality, *rest]
        if modality in _COLOURS:
            yield method, modality, _value(values[retain]), _value(values[quality])


def draw(readme: str) -> str:
    """The picture as SVG: retain to the right, forget quality upwards, both from 0 to 1.

    The bars are standard deviations over seeds.
    """
    size = (_LEFT + _SIDE + 150, _TOP + _SIDE + 50)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size[0]} {size[1]}"'
        ' font-family="sans-serif" font-size="11">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<rect x="{_LEFT}" y="{_TOP}" width="{_SIDE}" height="{_SIDE}" fill="none"'
        ' stroke="#999"/>',
        _text(_LEFT + _SIDE / 2, _TOP + _SIDE + 40, "retain: what is kept →", "middle"),
        f'<g transform="rotate(-90 16 {_TOP + _SIDE / 2})">'
        + _text(16, _TOP + _SIDE / 2, "forget quality: how near to never having learnt →", "middle")
        + "</g>",
    ]
    for tick in (0.0, 0.5, 1.0):
        parts.append(_text(_x(tick), _TOP + _SIDE + 16, f"{tick:g}", "middle"))
        parts.append(_text(_LEFT - 8, _y(tick) + 4, f"{tick:g}", "end"))
    for method, modality, retain, quality in points(readme):
        control = modality == "-"
        (x, y), colour = (_x(retain.mean), _y(quality.mean)), _COLOURS[modality]
        across, up = _SIDE * retain.deviation, _SIDE * quality.deviation
        parts.append(
            f'<path d="M{x - across:.1f} {y:.1f}h{2 * across:.1f}'
            f'M{x:.1f} {y - up:.1f}v{2 * up:.1f}" stroke="{colour}" stroke-opacity="0.35"/>'
        )
        radius = 6 if control else 4
        label = f"{method}, {modality}: retain {retain}, forget quality {quality}"
        parts.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}"'
            f' fill="{colour}"><title>{escape(label)}</title></circle>'
        )
        if control or modality == "both":
            parts.append(_text(x + radius + 2, y + 4, method, "start"))
    legend = {"text": "texts", "visual": "images", "both": "both (named)", "-": "control"}
    for number, (modality, word) in enumerate(legend.items()):
        y = _TOP + 14 + 18 * number
        x = _LEFT + _SIDE + 65
        parts.append(f'<circle cx="{x}" cy="{y}" r="4" fill="{_COLOURS[modality]}"/>')
        parts.append(_text(x + 8, y + 4, word, "start"))
    return "\n".join([*parts, "</svg>", ""])


def _value(cell: str) -> Value:
    """The number of a cell as `0.438 ± 0.052 ‡`; behind it may stand a mark."""
    numbers = re.match(r"([\d.]+)(?: ± ([\d.]+))?", cell)
    if numbers is None:
        raise ValueError(f"README.md: {cell!r} is no number")
    return Value(float(numbers[1]), float(numbers[2] or 0))


def _x(value: float) -> float:
    return _LEFT + _SIDE * value


def _y(value: float) -> float:
    return _TOP + _SIDE * (1 - value)


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


if __name__ == "__main__":
    PICTURE.write_text(draw((ROOT / "README.md").read_text(encoding="utf-8")), encoding="utf-8")
