"""Unlearning methods, one file each; a method's key is its file's name.

A variant of a method is a file of the same name in a folder that is named for the variant; its key
says both: `idk@published`. Nothing here knows a model, a dataset or a suite. A file holds one
subclass of `Method`: a frozen dataclass whose fields are the method's parameters, whose docstring
gives formula and source, and whose `loss` (or `unlearn`) is the method. Parameters are read from
the source without running it, so that a suite is checked in milliseconds, before torch is loaded.
"""

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from clearbench.config.settings import Domain, Unlearning
from clearbench.errors import UserError, meant
from clearbench.methods.parameters import Range, read_annotation
from clearbench.plugins import load, mistake

if TYPE_CHECKING:
    from clearbench.methods.base import Method

_FOLDER = Path(__file__).parent
_SHARED = ("__init__", "base", "parameters")
_BATCHES = ("forget", "retain", "idk", "mismatched", "flipped")
STORED = frozenset({"forget", "retain"})
"""The batches on which the original's answers may be stored: those of no draw."""
_TYPES = {"int": (int,), "float": (int, float), "bool": (bool,), "str": (str,)}


@dataclass(frozen=True)
class Description:
    """What a method's file says of itself.

    Parameters by name with type and default, and their ranges; its docstring; the domains that it
    serves; whether it is only valid where no training augments its images; the parameter that is a
    layer of the model, if one is.
    """

    key: str
    parameters: Mapping[str, tuple[str, Any]]
    ranges: Mapping[str, Range]
    doc: str
    domains: tuple[str, ...]
    unaugmented: bool
    layer: str | None

    def check(self, given: Mapping[str, Any]) -> None:
        """Raise UserError, beginning with the key, for one unknown, mistyped or out of range."""
        for name, value in given.items():
            if name not in self.parameters:
                allowed = ", ".join(sorted(self.parameters)) or "none"
                near = meant(name, (*self.parameters, *Unlearning.model_fields))
                raise UserError(f"{name}: unknown{near}; {self.key} has the parameters: {allowed}")
            kind = self.parameters[name][0]
            is_bool = isinstance(value, bool) and kind != "bool"
            if is_bool or not isinstance(value, _TYPES[kind]):
                raise UserError(f"{name}: {value!r} is not of type {kind}")
            if isinstance(value, float) and not isfinite(value):
                raise UserError(f"{name}: {value} is not a finite number")
            if value not in self.ranges[name]:
                raise UserError(f"{name}: {value} is out of range; allowed: {self.ranges[name]}")


def available() -> list[str]:
    """The keys of all methods, sorted."""
    own = {path.stem: path for path in _FOLDER.glob("*.py")}
    variants = {f"{path.stem}@{path.parent.name}": path for path in _FOLDER.glob("[!_]*/*.py")}
    found = {**own, **variants}
    return sorted(key for key, path in found.items() if path.stem not in _SHARED)


def module_name(key: str) -> str:
    """The module that holds a method."""
    name, _, variant = key.partition("@")
    return ".".join(filter(None, (__name__, variant, name)))


def _file(key: str) -> Path:
    name, _, variant = key.partition("@")
    return _FOLDER / variant / f"{name}.py"


@cache
def describe(key: str) -> Description:
    """Read a method's parameters and docstring from its file.

    Raises UserError where the file does not hold exactly one subclass of `Method`, or a parameter
    is not an `int`, `float`, `bool` or `str` with a literal default, in its range.
    """
    path, tree = _file(key), _tree(key)
    classes = [
        node
        for node in tree.body
        if isinstance(node, ast.ClassDef)
        and any(ast.unparse(base).rpartition(".")[2] == "Method" for base in node.bases)
    ]
    if len(classes) != 1:
        raise UserError(f"{path.name}: holds {len(classes)} subclasses of Method; it must hold one")
    parameters, ranges = {}, {}
    for node in classes[0].body:
        if not isinstance(node, ast.AnnAssign):
            continue
        name = ast.unparse(node.target)
        try:
            kind, ranges[name] = read_annotation(node.annotation)
            parameters[name] = (kind, ast.literal_eval(node.value or node.target))
            known = kind in _TYPES
        except ValueError:
            known = False
        if not known:
            raise UserError(
                f"{path.name}: parameter {name}: give it a default and a type: {', '.join(_TYPES)};"
                " of numbers with a range, as Annotated[float, Field(gt=0)], of gt, ge, lt, le"
            )
    constants = {
        ast.unparse(node.targets[0]): ast.literal_eval(node.value)
        for node in classes[0].body
        if isinstance(node, ast.Assign)
    }
    found = Description(
        key,
        parameters,
        ranges,
        ast.get_docstring(classes[0]) or "",
        tuple(constants.get("domains", get_args(Domain))),
        bool(constants.get("unaugmented", False)),
        _layer(classes[0]),
    )
    try:
        found.check({name: default for name, (_, default) in parameters.items()})
    except UserError as error:
        raise UserError(f"{path.name}: parameter {error}") from None
    return found


def _layer(method: ast.ClassDef) -> str | None:
    """The parameter that `hidden_layer` gives back, if it does no more."""
    for node in method.body:
        if isinstance(node, ast.FunctionDef) and node.name == "hidden_layer":
            match node.body[-1]:
                case ast.Return(value=ast.Attribute(value=ast.Name(id="self"), attr=name)):
                    return name
    return None


def takes_stored_reference(key: str) -> bool:
    """Whether a method asks the original for logits on samples with their own answers.

    So not one that looks at hidden states, and no variant: published code uses all positions.
    """
    functions = {node.name for node in ast.walk(_tree(key)) if isinstance(node, ast.FunctionDef)}
    asked = _asked(key, {})[1]
    return "@" not in key and "hidden_layer" not in functions and bool(STORED & asked.keys())


def passes(key: str, parameters: Mapping[str, Any], stored: bool = False) -> tuple[int, int]:
    """How many batches a step runs through the student and through the reference.

    Those that are `stored` are not run. A method without a loss counts as one batch of the student;
    refusals that a variant loses count, though they are the forget batch again.
    """
    student, reference = _asked(key, parameters)
    kept = STORED if stored else frozenset()
    run = sum(count for batch, count in reference.items() if batch not in kept)
    return sum(student.values()) or 1, run


def asks(key: str, parameters: Mapping[str, Any]) -> frozenset[str]:
    """The batches that a step asks for, as far as they can be read off the loss."""
    return frozenset().union(*_asked(key, parameters))


def _asked(key: str, parameters: Mapping[str, Any]) -> tuple[dict[str, int], dict[str, int]]:
    """How many batches of each kind a step asks the student and the reference for.

    Read off the loss without running it; `mismatched(k)` is k batches where k is a number or a
    parameter.
    """
    known = {name: default for name, (_, default) in describe(key).parameters.items()}
    known = {**known, **parameters}
    functions = (node for node in ast.walk(_tree(key)) if isinstance(node, ast.FunctionDef))
    losses = [function for function in functions if function.name == "loss"]
    if not losses:
        return {}, {}
    nodes = list(ast.walk(losses[0]))
    calls = [node for node in nodes if isinstance(node, ast.Call) and node.args]
    counts = {id(node.func): ast.unparse(node.args[0]) for node in calls}
    student, reference = (view.arg for view in losses[0].args.args[1:3])
    asked: dict[str, dict[str, int]] = {student: {}, reference: {}}
    for node in nodes:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            view, batch = node.value.id, node.attr
            if view in asked and batch in _BATCHES:
                count = counts.get(id(node), "1").removeprefix("self.")
                asked[view][batch] = known.get(count, int(count) if count.isdecimal() else 1)
    return asked[student], asked[reference]


def _tree(key: str) -> ast.Module:
    path = _file(key)
    try:
        return ast.parse(path.read_bytes(), filename=str(path))
    except (SyntaxError, ValueError) as error:
        raise mistake(f"method {key}", str(path), 1, "", error) from error


def create(key: str, parameters: Mapping[str, Any]) -> "Method":
    """The method with its parameters (defaults where none is given); imports its file.

    Raises UserError for a parameter that it can't have, and for what its file raises.
    """
    from clearbench.methods.base import Method

    describe(key).check(parameters)
    module = load(module_name(key), f"method {key}")
    (kind,) = (
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Method) and value is not Method
    )
    return kind(**parameters)
