"""The keys of configuration files as text, read from the specifications that check them."""

from collections.abc import Iterable, Iterator
from types import UnionType
from typing import Any, NamedTuple, Union, get_args, get_origin

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from clearbench.config.files import DatasetSpec, ModelSpec
from clearbench.config.site import Site
from clearbench.config.strict import specification
from clearbench.data import layouts
from clearbench.data.store import MODALITIES
from clearbench.methods.parameters import SIGNS, Range
from clearbench.metrics.definitions import DEFINITIONS
from clearbench.suite.load import RETAIN_MODALITIES
from clearbench.suite.suite import SuiteFile

FILES: dict[str, type[BaseModel]] = {
    "suite": SuiteFile,
    "model": ModelSpec,
    "dataset": DatasetSpec,
    "site": Site,
}
"""The specifications of the files that people write, by the names of their kinds."""

ALLOWED: dict[type[BaseModel], dict[str, list[Any]]] = {
    SuiteFile: {
        "modalities": [*MODALITIES, "both"],
        "retain_modality": list(RETAIN_MODALITIES),
        "metrics": list(DEFINITIONS),
    },
}
"""What keys hold whose type alone allows more."""


class Key(NamedTuple):
    """A key: its name, the type of its value, its default as YAML has it, its meaning.

    There is no default where the key is required, or holds keys that have their own.
    """

    name: str
    kind: str
    default: str
    meaning: str
    required: bool


def describe(kind: type[BaseModel], prefix: str = "") -> Iterator[Key]:
    """All keys of a specification.

    Keys inside another one follow it, as `finetune.lr`; where it holds several of them by names of
    the user's, as `imported.NAME.log`.
    """
    for name, field in kind.model_fields.items():
        inner = specification(field.annotation)
        own = (inner.__doc__ or "").partition("\n")[0] if inner else ""
        held = f"{_name(field.annotation)} {_range(field.metadata)}".rstrip()
        if name in ALLOWED.get(kind, {}):
            several = "list of " if get_origin(field.annotation) is list else ""
            held = several + ", ".join(map(str, ALLOWED[kind][name]))
        meaning = field.description or own
        yield Key(prefix + name, held, _default(field), meaning, field.is_required())
        if inner:
            named = "NAME." if get_origin(field.annotation) is dict else ""
            yield from describe(inner, f"{prefix}{name}.{named}")


def describe_layouts(prefix: str = "options.") -> Iterator[Key]:
    """The same of the options of all layouts, whose keys are those of a dataset's `options`."""
    for layout in layouts.available():
        for key in describe(layouts.load(layout).Options, prefix):
            yield key._replace(meaning=f"{key.meaning} (layout {layout})")


def as_yaml(value: Any) -> str:
    """A value as a person writes it in YAML, in one line."""
    text: str = yaml.safe_dump(
        value, default_flow_style=True, sort_keys=False, width=10_000, allow_unicode=True
    )
    return text.removesuffix("...\n").strip()


def _default(field: FieldInfo) -> str:
    """What holds where a key is left out; of keys inside, those that then are not as they say."""
    if field.is_required():
        return ""
    default = field.get_default(call_default_factory=True)
    if isinstance(default, BaseModel):
        changed = default.model_dump(exclude_defaults=True)
        return as_yaml(changed) if changed else ""
    if isinstance(default, frozenset):
        return as_yaml(sorted(default))
    plain = default is None or isinstance(default, str | int | float | list | dict)
    return as_yaml(default if plain else str(default))


def _range(metadata: Iterable[Any]) -> str:
    """The range of a key's number in signs; empty where any is allowed."""
    bounds = {
        name: getattr(constraint, name)
        for constraint in metadata
        for name in SIGNS
        if getattr(constraint, name, None) is not None
    }
    return str(Range(bounds))


def _name(annotation: Any) -> str:
    """A type as a person writes it in YAML."""
    options = get_args(annotation)
    if hasattr(annotation, "__metadata__"):
        within = [
            constraint
            for given in annotation.__metadata__
            for constraint in getattr(given, "metadata", ())
        ]
        return f"{_name(annotation.__origin__)} {_range(within)}".rstrip()
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
