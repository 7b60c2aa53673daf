"""Values that come from people, checked strictly: each mistake in one line."""

import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from clearbench.errors import UserError, unknown


def _day(value: Any) -> Any:
    """A day as text; YAML makes a date of one without quotes."""
    text = value.isoformat() if type(value) is date else value
    if not isinstance(text, str) or not re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        raise ValueError("input should be a day as 2024-07-26")
    date.fromisoformat(text)
    return text


def _expression(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"input should be a regular expression ({error})") from None
    return value


Positive = Annotated[int, Field(gt=0)]
# Neither JSON nor YAML knows a path or a set, so that these are made of a text and of a list.
File = Annotated[Path, Field(strict=False)]
Day = Annotated[str, BeforeValidator(_day)]
Expression = Annotated[str, AfterValidator(_expression)]
GroupName = Annotated[str, Field(pattern=r"^[\w-]+$")]
ForgetSize = Annotated[int, Field(ge=1, le=99)]
"""In percent of persons."""


class Strict(BaseModel):
    """A set of keys: unknown ones are errors, no value is coerced, numbers are finite."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, protected_namespaces=()
    )


_Spec = TypeVar("_Spec", bound=BaseModel)


def validate(kind: type[_Spec], data: Any, where: str) -> _Spec:
    """Check data against a specification; the first mistake is raised as one line."""
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        # A key with a typo is unknown, and often makes another one missing: the typo is told.
        ranks = {"extra_forbidden": -1, "missing": 1}
        first = min(error.errors(), key=lambda mistake: ranks.get(mistake["type"], 0))
        path = [str(part) for part in first["loc"] if part != "[key]"]
        message = _told(first, kind, path)
        raise UserError(": ".join(filter(None, (where, ".".join(path), message)))) from None


def specification(annotation: Any) -> type[BaseModel] | None:
    """The specification that a key with this type holds, or None where it holds a plain value."""
    for option in (annotation, *get_args(annotation)):
        if isinstance(option, type) and issubclass(option, BaseModel):
            return option
    return None


def _told(mistake: Mapping[str, Any], kind: type[BaseModel], path: list[str]) -> str:
    """A mistake in words: what is wrong and what is allowed."""
    given = mistake["input"]
    match mistake["type"]:
        case "extra_forbidden":
            return unknown(path[-1], _allowed(kind, path[:-1]), "unknown key")
        case "missing":
            return "missing"
        case "value_error":
            message = str(mistake["ctx"]["error"])
        case "dict_type" | "model_type":
            remedy = f"; without any, write {path[-1]}: {{}}" if given is None else ""
            return f"must hold keys and values{remedy}"
        case "too_short":
            return "empty; name one at least"
        case _:
            message = mistake["msg"][:1].lower() + mistake["msg"][1:]
    if given is None:
        return f"{message}, not empty"
    if not isinstance(given, str | int | float | bool):
        return message
    return f"{message}, not {given!r}{_remedy(mistake['type'], given)}"


def _remedy(mistake: str, given: Any) -> str:
    """How to write a value that was read as one of another type."""
    if mistake == "string_type":
        return "; if text is meant, put it in quotes"
    if mistake in ("int_type", "float_type") and isinstance(given, str):
        return "; a number stands without quotes" if _is_number(given) else ""
    return "; allowed: true, false" if mistake == "bool_type" else ""


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _allowed(kind: type[BaseModel], path: list[str]) -> list[str]:
    """The keys that a specification allows at a path inside it."""
    for part in path:
        field = kind.model_fields.get(part)
        if field is None:
            # The name of an entry, where a key holds several of one specification.
            continue
        inner = specification(field.annotation)
        if inner is None:
            return []
        kind = inner
    return sorted(kind.model_fields)
