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
    """The bounds of a number, each below its name in `SIGNS`; none for any number."""

    bounds: Mapping[str, float]

    def __str__(self) -> str:
        """In signs, as `> 0`; empty where any number is allowed."""
        return ", ".join(f"{SIGNS[name]} {bound}" for name, bound in self.bounds.items())

    def __contains__(self, number: Any) -> bool:
        return all(getattr(operator, name)(number, bound) for name, bound in self.bounds.items())


def read_annotation(annotation: ast.expr) -> tuple[str, Range]:
    """The type and the range in `float` or `Annotated[float, Field(gt=0)]`.

    Raises ValueError for an `Annotated` of another form.
    """
    if not (isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value) == "Annotated"):
        return ast.unparse(annotation), Range({})
    match annotation.slice:
        case ast.Tuple(elts=[kind, ast.Call(func=ast.Name(id="Field"), args=[], keywords=words)]):
            bounds = {str(word.arg): ast.literal_eval(word.value) for word in words}
            if bounds and bounds.keys() <= SIGNS.keys():
                return ast.unparse(kind), Range(bounds)
    raise ValueError(ast.unparse(annotation))
