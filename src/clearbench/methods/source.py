"""A method's class and its parents, as their sources have them: nothing is run."""

import ast
import builtins
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from clearbench.plugins import Plugin, import_origin, mistake, path_of

_ROOT = ("clearbench.methods.base", "Method")


@dataclass(frozen=True)
class Source:
    """A class of a module."""

    module: str
    file: Path
    node: ast.ClassDef

    @property
    def is_dataclass(self) -> bool:
        """Whether its annotations are fields."""
        plain = (d.func if isinstance(d, ast.Call) else d for d in self.node.decorator_list)
        return any(ast.unparse(one).rpartition(".")[2] == "dataclass" for one in plain)

    @property
    def is_root(self) -> bool:
        """Whether it is the class `Method`."""
        return (self.module, self.node.name) == _ROOT


class _NotFoundError(Exception):
    """A name that a module does not have."""


def classes_of(plugin: Plugin) -> list[Source]:
    """The class of a method and its parents, in the order in which Python looks up an attribute.

    Parents of packages that have no methods, as `abc.ABC`, are left out. Raises UserError where a
    file does not hold exactly one method (beside parents of it), or a parent is not found.
    """
    file = path_of(plugin.module)
    if file is None or file.suffix != ".py":
        raise plugin.wrong("which is no module")
    if plugin.name:
        with suppress(_NotFoundError):
            named = _class(plugin.module, plugin.name)
            line = _order(plugin, named) if named else []
            if any(one.is_root for one in line):
                return line
        raise plugin.wrong("which is no method: no subclass of clearbench.methods.base.Method")
    body = _tree(plugin.what, file).body
    own = [Source(plugin.module, file, node) for node in body if isinstance(node, ast.ClassDef)]
    lines = [_order(plugin, source) for source in own]
    lines = [line for line in lines if any(one.is_root for one in line)]
    parents = [parent for line in lines for parent in line[1:]]
    lines = [line for line in lines if line[0] not in parents]
    if len(lines) == 1:
        return lines[0]
    names = f": {', '.join(line[0].node.name for line in lines)}" if lines else ""
    place = lines[1][0].node.lineno if lines else 1
    text = f"holds {len(lines)} subclasses of Method{names}; it must hold one"
    raise mistake(plugin.what, str(file), place, text)


def _order(plugin: Plugin, source: Source) -> list[Source]:
    """A class and its parents in Python's order (C3), by classes that stand for them."""
    try:
        stand_in = _stand_in(plugin, source, {})
    except TypeError as error:
        raise mistake(plugin.what, str(source.file), source.node.lineno, "", error) from error
    return [vars(one)["source"] for one in stand_in.__mro__ if "source" in vars(one)]


def _stand_in(plugin: Plugin, source: Source, known: dict[tuple[str, str], type | None]) -> type:
    place = (source.module, source.node.name)
    if place not in known:
        known[place] = None
        parents = (_stand_in(plugin, parent, known) for parent in _parents(plugin, source))
        known[place] = type(source.node.name, (*parents,), {"source": source})
    stand_in = known[place]
    if stand_in is None:
        raise TypeError(f"{source.node.name} is a parent of itself")
    return stand_in


def _parents(plugin: Plugin, source: Source) -> Iterator[Source]:
    for expression in source.node.bases:
        named = expression.value if isinstance(expression, ast.Subscript) else expression
        name = ast.unparse(named)
        if not all(part.isidentifier() for part in name.split(".")):
            continue
        try:
            parent = _class(source.module, name, source.node)
        except _NotFoundError:
            text = f"{source.node.name} has the parent {name}, which is not found"
            line = source.node.lineno
            raise mistake(plugin.what, str(source.file), line, text) from None
        if parent is not None:
            yield parent


def _class(module: str, name: str, child: ast.ClassDef | None = None) -> Source | None:
    """The class that a name has in a module, imported or its own; None for one of elsewhere.

    A class knows those that stand above it: of its own name there may be another.
    """
    file = path_of(module)
    if file is None or file.suffix != ".py":
        return None
    tree, (head, _, rest) = _tree(module, file), name.partition(".")
    above = tree.body[: tree.body.index(child)] if child in tree.body else tree.body
    own = [n for n in above if isinstance(n, ast.ClassDef) and n.name == head]
    if own and not rest:
        return Source(module, file, own[-1])
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            origin = import_origin(node, module)
            for alias in node.names:
                if alias.name == "*" and path_of(origin) is not None:
                    with suppress(_NotFoundError):
                        return _class(origin, name)
                if (alias.asname or alias.name) == head:
                    return _within(origin, f"{alias.name}.{rest}" if rest else alias.name)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.asname == head:
                    return _within(alias.name, rest)
                if alias.asname is None and name.startswith(f"{alias.name}."):
                    return _within(alias.name, name.removeprefix(f"{alias.name}."))
    bound = {ast.unparse(t) for n in tree.body if isinstance(n, ast.Assign) for t in n.targets}
    if head in bound or hasattr(builtins, head):
        return None
    raise _NotFoundError(name)


def _within(module: str, name: str) -> Source | None:
    """The class of a name in a module, or, of a dotted one, in a module inside it."""
    if path_of(module) is None:
        # A module of this package that is not there is not found; others are none of ours.
        if path_of(module.partition(".")[0]) is not None:
            raise _NotFoundError(name)
        return None
    head, _, rest = name.partition(".")
    if rest and path_of(f"{module}.{head}") is not None:
        return _within(f"{module}.{head}", rest)
    return _class(module, name)


def _tree(what: str, file: Path) -> ast.Module:
    source = file.read_bytes()
    try:
        return _parsed(source)
    except (SyntaxError, ValueError) as error:
        if isinstance(error, SyntaxError):
            error.filename = str(file)
        raise mistake(what, str(file), 1, "", error) from error


@cache
def _parsed(source: bytes) -> ast.Module:
    return ast.parse(source)
