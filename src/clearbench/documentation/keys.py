"""The keys of configuration files as text, read from the specifications that check them."""

from collections.abc import Iterable, Iterator
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from clearbench.config.strict import specification
from clearbench.data import layouts
from clearbench.methods.parameters import SIGNS, Range


def describe(kind: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, str, str, str]]:
    """Key, type, default (empty where the key is required) and description of every key.

    Keys inside another one follow it, as `finetune.lr`; where it holds several of them by names of
    the user's, as `imported.NAME.log`.
    """
    for name, field in kind.model_fields.items():
        inner = specification(field.annotation)
        default = "" if field.default is PydanticUndefined or inner else _value(field.default)
        own = (inner.__doc__ or "").partition("\n")[0] if inner else ""
        held = f"{_name(field.annotation)} {_range(field.metadata)}".rstrip()
        yield prefix + name, held, default, field.description or own
        if inner:
            named = "NAME." if get_origin(field.annotation) is dict else ""
            yield from describe(inner, f"{prefix}{name}.{named}")


def _range(metadata: Iterable[Any]) -> str:
    """The range of a key's number in signs; empty where any is allowed."""
    bounds = {
        name: getattr(found, name)
        for found in metadata
        for name in SIGNS
        if getattr(found, name, None) is not None
    }
    return str(Range(bounds))


def _value(default: Any) -> str:
    return repr(sorted(default) if isinstance(default, frozenset) else default)


def describe_layouts(prefix: str = "options.") -> Iterator[tuple[str, str, str, str]]:
    """The same of the options of all layouts, whose keys are those of a dataset's `options`."""
    for layout in layouts.available():
        for key, kind, default, meaning in describe(layouts.load(layout).Options, prefix):
            yield key, kind, default, f"{meaning} (layout {layout})"


def _name(annotation: Any) -> str:
    """A type as a person writes it in YAML."""
    options = get_args(annotation)
    if hasattr(annotation, "__metadata__"):
        return _name(annotation.__origin__)
    if specification(annotation) is not None:
        return "keys"
    if get_origin(annotation) in (Union, UnionType):
        return " or ".join("null" if o is type(None) else _name(o) for o in options)
    if get_origin(annotation) in (list, frozenset):
        return f"list of {_name(options[0])}"
    if get_origin(annotation) is dict:
        return "keys"
    if options and isinstance(options[0], type):
        return _name(options[0])
    if options:
        return ", ".join(map(str, options))
    return getattr(annotation, "__name__", str(annotation))
