"""Unlearning methods, one file each; a method's key is its file's name.

A variant of a method is a file of the same name in a folder that is named for the variant; its key
says both: `idk@published`. Other packages bring further methods (`clearbench.plugins`). Nothing
here knows a model, a dataset or a suite. A file holds one subclass of `Method`, or of a method: a
frozen dataclass whose fields, and its parents', are the method's parameters, whose docstring gives
formula and source, which declares the batches that it reads, and whose `loss` (or `unlearn`) is
the method. All but the loss is read from the source without running it, so that a suite is checked
in milliseconds, before torch is loaded.
"""

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from clearbench.errors import UserError, unknown
from clearbench.methods.description import Description, read_description
from clearbench.plugins import load, mistake, named, path_of

if TYPE_CHECKING:
    from clearbench.methods.base import Method

__all__ = ["Description", "available", "create", "describe", "key_of"]

_SHARED = (
    *("alternation", "base", "batches", "description", "importances", "parameters", "parts"),
    "source",
)


def available() -> list[str]:
    """The keys of all methods, sorted, those of other packages last."""
    return [key for key in named("methods") if key.partition("@")[0] not in _SHARED]


def key_of(method: "Method") -> str:
    """The key of a method; of a class that no file is named for, its name."""
    kind = type(method)
    for key, plugin in named("methods").items():
        if plugin.module == kind.__module__ and plugin.name in ("", kind.__qualname__):
            return key
    return kind.__name__


@cache
def describe(key: str) -> Description:
    """What a method's file says of it; UserError, with file and line, for its mistakes."""
    if key not in available():
        raise UserError(f"{key}: {unknown(key, available(), 'unknown method')}")
    return read_description(named("methods")[key])


def create(key: str, parameters: Mapping[str, Any]) -> "Method":
    """The method with its parameters (defaults where none is given); imports its file.

    Raises UserError for a parameter that it can't have, and for what its file raises.
    """
    description, plugin = describe(key), named("methods")[key]
    description.check(parameters)
    loaded = load("methods", key)
    kind = loaded if isinstance(loaded, type) else getattr(loaded, description.name)
    try:
        method: Method = kind(**parameters)
    except TypeError as error:
        raise mistake(plugin.what, str(path_of(plugin.module)), 1, "", error) from error
    return method
