"""The range of a method's parameter, as its file declares it."""

import ast
import operator
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SIGNS = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}
"""The signs of bounds, by pydantic's names."""


@dataclass(frozen=True)
class Range:
    """The bounds of a number, each below its name in `SIGNS`; none for any number.

    Of a text it is the choices that there are; none where any is allowed.
    """

    bounds: Mapping[str, float]
    choices: tuple[str, ...] = ()

    def __str__(self) -> str:
        """In signs, as `> 0`, or the choices; empty where anything is allowed."""
        bounds = (f"{SIGNS[name]} {bound}" for name, bound in self.bounds.items())
        return ", ".join([*bounds, *self.choices])

    def __contains__(self, value: Any) -> bool:
        if self.choices:
            return value in self.choices
        return all(getattr(operator, name)(value, bound) for name, bound in self.bounds.items())


def read_annotation(annotation: ast.expr) -> tuple[str, Range]:
    """The type and the range in `float`, `Annotated[float, Field(gt=0)]` or `Literal["a", "b"]`.

    Raises ValueError for an `Annotated` or a `Literal` of another form.
    """
    if not isinstance(annotation, ast.Subscript):
        return ast.unparse(annotation), Range({})
    form = ast.unparse(annotation.value)
    if form == "Literal":
        return "str", Range({}, _choices(annotation.slice))
    if form != "Annotated":
        return ast.unparse(annotation), Range({})
    match annotation.slice:
        case ast.Tuple(elts=[kind, ast.Call(func=ast.Name(id="Field"), args=[], keywords=words)]):
            bounds = {str(word.arg): ast.literal_eval(word.value) for word in words}
            if bounds and bounds.keys() <= SIGNS.keys():
                return ast.unparse(kind), Range(bounds)
    raise ValueError(ast.unparse(annotation))


def _choices(written: ast.expr) -> tuple[str, ...]:
    parts = written.elts if isinstance(written, ast.Tuple) else [written]
    choices = [ast.literal_eval(part) for part in parts]
    if not all(isinstance(choice, str) for choice in choices):
        raise ValueError(ast.unparse(written))
    return tuple(choices)
