"""The syntax tree of a source as one text: the same on every version of Python, for one meaning.

`ast.dump` is of its version: fields come and go, and so does how it prints what is empty. Here a
node is its kind with its fields by name; a field that says nothing is left out, so that a version
that adds one moves no hash.
"""

import ast
import json
from functools import cache
from typing import Any


def canonical(source: bytes, filename: str = "<source>") -> str:
    """A source's syntax tree as text: without comments, docstrings, layout and other idle words.

    Raises SyntaxError for what is not Python.
    """
    return canonical_tree(ast.parse(source, filename))


def canonical_tree(tree: ast.Module) -> str:
    """As `canonical`, of a source that has been parsed."""
    return json.dumps(_plain(tree), separators=(",", ":"))


def _plain(node: Any) -> Any:
    """A node, a list of nodes or a plain value, as JSON has it."""
    if isinstance(node, list):
        return [_plain(item) for item in node if not _idle(item)]
    if not isinstance(node, ast.AST):
        return node
    if isinstance(node, ast.Constant):
        return ["Constant", type(node.value).__name__, _literal(node.value)]
    if isinstance(node, ast.JoinedStr):
        return ["JoinedStr", _pieces(node.values)]
    plain: list[Any] = [type(node).__name__]
    # Hot: each job reads all the code that it reaches.
    for name in _in_order(node._fields):
        value = getattr(node, name, None)
        if value is not None:
            value = _plain(value)
            if not _nothing(name, value):
                plain.append([name, value])
    return plain


@cache
def _in_order(names: tuple[str, ...]) -> list[str]:
    return sorted(names)


def _nothing(name: str, value: Any) -> bool:
    """Whether a field holds what it does where the source says nothing."""
    if not value:
        return value == [] or type(value) is int
    return name == "format_spec" and value == ["JoinedStr", []]


def _idle(node: Any) -> bool:
    """Whether a statement does nothing: `pass`, docstrings of whatever stands above them."""
    return isinstance(node, ast.Pass) or (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    )


def _literal(value: Any) -> str:
    """A constant in ASCII: which characters `repr` escapes differs with the version's Unicode."""
    # Integers of thousands of digits have no decimal text.
    return hex(value) if type(value) is int else ascii(value)


def _pieces(values: list[ast.expr]) -> list[Any]:
    """The parts of an f-string; versions cut the text between its fields in different places."""
    pieces: list[Any] = []
    for value in values:
        if not isinstance(value, ast.Constant):
            pieces.append(_plain(value))
        elif pieces and isinstance(pieces[-1], str):
            pieces[-1] += str(value.value)
        elif value.value:
            pieces.append(str(value.value))
    return pieces
