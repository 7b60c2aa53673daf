"""YAML as people read it: what its version 1.1 takes for something else is refused.

There `010` is eight, `1e-3` a text, `12:30` a number, `on` a yes and `2024-01-01` a date. Here
`true` and `false` are the only yes and no, a date is a text, and a number that the versions of YAML
read differently is a mistake.
"""

import math
import re
from pathlib import Path
from typing import Any

import yaml

from clearbench.errors import UserError, remedy

_TAG = "tag:yaml.org,2002:"
_WHOLE = re.compile(r"[-+]?(0|[1-9]\d*)")
_DECIMAL = re.compile(r"[-+]?(\d+\.\d*|\.\d+)(e[-+]\d+)?", re.IGNORECASE)
_NUMBER = re.compile(r"([-+]?)(?=\.?\d)(\d*)(\.\d*)?(?:e([-+]?)(\d+))?", re.IGNORECASE)
_OCTAL = re.compile(r"0o[0-7]+")


class _Loader(yaml.SafeLoader):
    """Reads YAML 1.1 without dates, and with no other word for yes and no than true and false."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in forms if tag not in (f"{_TAG}bool", f"{_TAG}timestamp")]
    for first, forms in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    f"{_TAG}bool", re.compile(r"(true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML file's top-level mapping.

    Raises UserError, with file and line, for a key that stands twice, for a number that is not
    finite or not plain, and where there is no such file or it can't be read.
    """
    try:
        loader = _Loader(path.read_text(encoding="utf-8"))
        node = loader.get_single_node()
        _check(node, "", ())
        data = None if node is None else loader.construct_document(node)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except OSError as error:
        raise UserError(f"{path}: can't be read: {error.strerror}{remedy(error, path)}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(data, dict):
        raise UserError(f"{path}: must hold keys and values")
    return data


def _check(node: yaml.Node | None, key: str, above: tuple[yaml.Node, ...]) -> None:
    """Raise UserError, beginning with line and key, for what a person would read otherwise."""
    if node is None:
        return
    line = f"line {node.start_mark.line + 1}"
    if isinstance(node, yaml.ScalarNode):
        mistake = _mistake(node)
        if mistake:
            raise UserError(": ".join(filter(None, (line, key, node.value, mistake))))
        return
    if any(node is other for other in above):
        raise UserError(f"{line}: {key}: holds itself")
    if isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            _check(item, _below(key, number), (*above, node))
        return
    seen = set()
    for name, value in node.value:
        _check(name, key, (*above, node))
        if isinstance(name, yaml.ScalarNode):
            # YAML says nothing of a key that is written twice; the second would win silently.
            if name.value in seen:
                line = f"line {name.start_mark.line + 1}"
                raise UserError(f"{line}: key {name.value} stands twice")
            seen.add(name.value)
        _check(value, _below(key, name.value), (*above, node))


def _below(key: str, name: object) -> str:
    return f"{key}.{name}" if key else str(name)


def _mistake(node: yaml.ScalarNode) -> str | None:
    """Why a value is not what it looks like, and how to write it; None if it is."""
    text, kind = node.value, node.tag.removeprefix(_TAG)
    if not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text):
        return "holds half of a character"
    if node.style is not None:
        return None
    if kind == "float" and not math.isfinite(yaml.safe_load(text)):
        return "not a finite number; a text stands in quotes"
    plain = {"int": _WHOLE, "float": _DECIMAL}.get(kind)
    if plain is not None and not plain.fullmatch(text):
        return f"YAML reads {yaml.safe_load(text)}; write that, or for a text put it in quotes"
    if kind != "str":
        return None
    if _OCTAL.fullmatch(text):
        return f"YAML reads text; write {int(text, 8)}, or for a text put it in quotes"
    number = _NUMBER.fullmatch(text)
    return number and f"YAML reads text; write {_plain(number)}, or for a text put it in quotes"


def _plain(number: re.Match[str]) -> str:
    """A number as all versions of YAML read it."""
    sign, whole, fraction, exponent_sign, exponent = number.groups()
    whole = (whole or "").lstrip("0") or "0"
    if fraction is None and exponent is None:
        return f"{sign}{whole}"
    fraction = "." + ((fraction or "")[1:] or "0")
    power = f"e{exponent_sign or '+'}{exponent}" if exponent else ""
    return f"{sign}{whole}{fraction}{power}"
