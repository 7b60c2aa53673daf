"""Values that come from people, checked strictly: each mistake in one line."""

from typing import Annotated, Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from clearbench.errors import UserError

Positive = Annotated[int, Field(gt=0)]


class Strict(BaseModel):
    """A set of keys: unknown ones are errors, values are not coerced silently."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


_Spec = TypeVar("_Spec", bound=BaseModel)


def validate(kind: type[_Spec], data: Any, where: str) -> _Spec:
    """Check data against a specification; the first mistake is raised as one line."""
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        path = [str(part) for part in first["loc"]]
        message = first["msg"][:1].lower() + first["msg"][1:]
        if first["type"] == "extra_forbidden":
            message = f"unknown key; allowed: {', '.join(_allowed(kind, path[:-1]))}"
        elif first["type"] == "missing":
            message = "missing"
        elif isinstance(first["input"], str | int | float | bool):
            message += f", not {first['input']!r}"
        raise UserError(f"{where}: {'.'.join(path)}: {message}") from None


def specification(annotation: Any) -> type[BaseModel] | None:
    """The specification that a key with this type holds, or None where it holds a plain value."""
    for option in (annotation, *get_args(annotation)):
        if isinstance(option, type) and issubclass(option, BaseModel):
            return option
    return None


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
