"""Layouts of hub datasets, one file each; a layout's key is its file's name.

Other packages bring further ones (`clearbench.plugins`). A file holds `Options`, the options it
takes, `TASKS`, the tasks that it may give, and `read(images, texts, options)`, which turns its
sources into the contents of a store; `images` is None where the dataset names no image part. A task
that `data.tasks` does not declare is declared in `TASKS`: only so does anything know what it asks
and whether it enters the headline.

A layout serves the forget sizes 1, 5 and 10 of CLEAR and TOFU, or those of its `FORGET_SIZES`. One
whose options have `forget_sizes` serves any, and is told those of the dataset by it.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from clearbench.config.strict import Strict, validate
from clearbench.data.contents import Contents
from clearbench.data.parts import FORGET_SIZES
from clearbench.data.sources import Source
from clearbench.data.tasks import Task, together
from clearbench.errors import UserError, unknown
from clearbench.plugins import load as load_file
from clearbench.plugins import named

_TOLD = "forget_sizes"


class Layout(Protocol):
    """What a layout's file holds."""

    Options: type[Strict]
    TASKS: tuple[Task, ...]

    def read(self, images: Source | None, texts: Source | None, options: Any) -> Contents:
        """Read and check the sources. Raises UserError for whatever they break."""


def available() -> list[str]:
    """The keys of all layouts, sorted, those of other packages last."""
    return list(named("layouts"))


def load(key: str) -> Layout:
    """The layout of a key.

    Raises UserError where there is none, or one whose tasks are not declared as they are elsewhere.
    """
    if key not in available():
        raise UserError(f"layout: {unknown(key, available(), f'unknown: {key}')}")
    layout: Layout = load_file("layouts", key)
    plugin = named("layouts")[key]
    if not all(hasattr(layout, name) for name in ("Options", "read")):
        raise plugin.wrong("which is no layout: it has no Options, or no function read")
    if not hasattr(layout, "TASKS"):
        raise UserError(f"{plugin.module}: TASKS: missing; a layout names the tasks that it gives")
    try:
        together(*layout.TASKS)
    except UserError as error:
        raise UserError(f"{plugin.module}: TASKS: {error}") from None
    return layout


def sizes_of(layout: Layout) -> tuple[int, ...] | None:
    """The forget sizes that a layout may serve; None for any."""
    if _TOLD in layout.Options.model_fields:
        return None
    served: tuple[int, ...] = getattr(layout, "FORGET_SIZES", FORGET_SIZES)
    return served


def options_of(layout: Layout, given: Mapping[str, Any], forget_sizes: Sequence[int]) -> Any:
    """The options of a layout for a dataset of some forget sizes; UserError for unknown ones."""
    told = {_TOLD: list(forget_sizes)} if sizes_of(layout) is None else {}
    return validate(layout.Options, {**given, **told}, "options")
