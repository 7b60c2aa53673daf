"""The page as the browser gets it: a frame, a style, a script a panel, and Vega to draw with.

Vega and Vega-Lite are those that Snakemake brings for its own reports: pinned with it by the lock,
by checksum in it, and read from there when a page is written, so that nothing is fetched.
"""

import base64
import gzip
import json
import math
import re
import zlib
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from string import Template
from typing import Any

from clearbench.errors import UserError

SCRIPTS = (
    *("elements", "start", "head", "grid", "proof", "chart", "tradeoff", "numbers", "answers"),
    *("topics", "tables", "address"),
)
"""A report's own scripts, in the order in which they run as one module."""

SECTIONS = ("head", "tradeoff", "numbers", "answers", "tables")
"""The places of its panels, from the top."""

LIBRARIES = ("vega", "vega-lite")

_DRAWN = (
    "<p>Charts: Vega and Vega-Lite, in this file under the BSD 3-clause licence.</p>\n"
    "<details><summary>Licences of what is drawn with</summary><pre>{licences}</pre></details>\n"
)
_SILENT = (
    "<noscript><p>This page shows its data by scripts, which are switched off here. The same"
    " numbers are in {elsewhere}.</p></noscript>"
)

_DATA = '<script type="application/gzip" id="data">'

_HERE = Path(__file__).parent
_ASSETS = Path("assets", "data")
_NOT_OF_VEGA = ("heroicons", "prop-types", "pygments", "react", "snakemake", "tailwindcss")


def render(panels: dict[str, Any]) -> str:
    """The page with the data of its panels, by their names.

    UserError where Snakemake's package has no Vega.
    """
    drawn = _DRAWN.format(licences=_escaped("\n\n".join(_licences())))
    silent = _SILENT.format(elsewhere="the suite's folder <code>tables</code>")
    title = f"{panels['head']['suite']}: report"
    libraries = (f"<script>\n{_library(name)}\n</script>" for name in LIBRARIES)
    return _framed(title, panels, SECTIONS, SCRIPTS, "\n".join([drawn + silent, *libraries]))


def render_leaderboard(data: dict[str, Any]) -> str:
    """The page of several runs with its data; it has tables alone, and draws nothing."""
    silent = _SILENT.format(elsewhere="each crate's folder <code>tables</code>")
    scripts = ("elements", "grid", "leaderboard")
    return _framed("Leaderboard", data, ("head", "boards"), scripts, silent)


def _framed(
    title: str, data: Any, sections: Sequence[str], scripts: Sequence[str], footer: str
) -> str:
    frame = Template((_HERE / "frame.html").read_text(encoding="utf-8"))
    places = (
        f'<section id="{name}" aria-labelledby="{name}-title"></section>' for name in sections
    )
    return frame.substitute(
        title=_escaped(title),
        style=_text("style.css"),
        sections="\n".join(places),
        footer=footer,
        data=inlined(data),
        scripts="\n".join(_text(f"{name}.js") for name in scripts),
    )


def inlined(data: Any) -> str:
    """Data as JSON, compressed and in base64: small, and nothing in it can be taken for code."""
    text = json.dumps(_finite(data), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    # Half of a pair that stands for one letter has no bytes; JSON writes it as its number.
    content = text.encode(errors="backslashreplace")
    return base64.b64encode(gzip.compress(content, mtime=0)).decode()


def data_of(page: str) -> Any:
    """The data that is inlined into a page."""
    return _parts(page)[1]


def same(page: bytes, other: str) -> bool:
    """Whether a file is a page, for the same compressed data may have other bytes elsewhere."""
    try:
        return page == other.encode() or _parts(page.decode()) == _parts(other)
    except (ValueError, OSError, EOFError, zlib.error):
        return False


def _parts(page: str) -> tuple[str, Any, str]:
    """What stands before a page's data, the data, and what stands after it."""
    before, _, rest = page.partition(_DATA)
    packed, _, after = rest.partition("<")
    return before, json.loads(gzip.decompress(base64.b64decode(packed))), after


def _finite(data: Any) -> Any:
    """Data in which nothing stands for numbers that JSON does not have; tables have their text."""
    if isinstance(data, dict):
        return {key: _finite(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_finite(value) for value in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data


def _text(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def _library(name: str) -> str:
    # A map of the source would be looked for beside the page.
    return re.sub(r"^//# sourceMappingURL=.*$", "", _asset(f"{name}/{name}.js"), flags=re.M)


@cache
def _asset(name: str) -> str:
    """A file of Snakemake's package; it must not end the script that it is put into."""
    path = _assets() / name
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(
            f"{path}: {error.strerror}; the report draws with what Snakemake's package brings:"
            " install what the lock names"
        ) from None
    return text.replace("</script", "<\\/script")


def _licences() -> Iterator[str]:
    """The licences of the libraries and of what they contain, each with its name."""
    for path in sorted(_assets().glob("*/LICENSE*")):
        name = path.parent.name
        if name not in _NOT_OF_VEGA:
            yield f"{name}\n\n{_asset(f'{name}/{path.name}').strip()}"


@cache
def _assets() -> Path:
    spec = find_spec("snakemake")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return Path(spec.submodule_search_locations[0]) / _ASSETS


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
