"""Layouts of hub datasets, one file each; a layout's key is its file's name.

A file holds `Options`, the options it takes, and `read(images, texts, options)`, which turns its
sources into the contents of a store; `images` is None where the dataset names no image part.
"""

from pathlib import Path
from typing import Any, Protocol

from clearbench.config.strict import Strict
from clearbench.data.contents import Contents
from clearbench.data.sources import Source
from clearbench.errors import UserError, unknown
from clearbench.plugins import load as load_file


class Layout(Protocol):
    """What a layout's file holds."""

    Options: type[Strict]

    def read(self, images: Source | None, texts: Source | None, options: Any) -> Contents:
        """Read and check the sources. Raises UserError for whatever they break."""


def available() -> list[str]:
    """The keys of all layouts, sorted."""
    return sorted(path.stem for path in Path(__file__).parent.glob("[!_]*.py"))


def module_name(key: str) -> str:
    """The module that holds a layout."""
    return f"{__name__}.{key}"


def load(key: str) -> Layout:
    """The layout of a key. Raises UserError where there is none."""
    if key not in available():
        raise UserError(f"layout: {unknown(key, available(), f'unknown: {key}')}")
    layout: Layout = load_file(module_name(key), f"layout {key}")
    return layout
