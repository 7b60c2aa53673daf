"""Layouts of hub datasets, one file each; a layout's key is its file's name.

Other packages bring further ones (`clearbench.plugins`). A file holds `Options`, the options it
takes, and `read(images, texts, options)`, which turns its sources into the contents of a store;
`images` is None where the dataset names no image part.
"""

from typing import Any, Protocol

from clearbench.config.strict import Strict
from clearbench.data.contents import Contents
from clearbench.data.sources import Source
from clearbench.errors import UserError, unknown
from clearbench.plugins import load as load_file
from clearbench.plugins import named


class Layout(Protocol):
    """What a layout's file holds."""

    Options: type[Strict]

    def read(self, images: Source | None, texts: Source | None, options: Any) -> Contents:
        """Read and check the sources. Raises UserError for whatever they break."""


def available() -> list[str]:
    """The keys of all layouts, sorted, those of other packages last."""
    return list(named("layouts"))


def load(key: str) -> Layout:
    """The layout of a key. Raises UserError where there is none."""
    if key not in available():
        raise UserError(f"layout: {unknown(key, available(), f'unknown: {key}')}")
    layout: Layout = load_file("layouts", key)
    if not all(hasattr(layout, name) for name in ("Options", "read")):
        plugin = named("layouts")[key]
        raise plugin.wrong("which is no layout: it has no Options, or no function read")
    return layout
