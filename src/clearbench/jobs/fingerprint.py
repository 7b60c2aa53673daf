"""Fingerprints: the code that a stage can reach, hashed so that only a change of meaning shows.

A stage reaches its module and everything it imports inside the package, also imports inside
functions and `import_module("clearbench.…")` with a literal name. Files are hashed by their syntax
trees in a form of our own (`syntax`), so that comments, docstrings, formatting and the version of
Python change nothing. What is found by name is reached by what finds it, whatever the stage is
called: the files of a domain, a method and a layout by the jobs whose settings name them, a
method's by its own cells only; those of metrics and tables by whatever reaches their package.

Code that only runs a job or words a message, and cannot change bytes, is left out: this package,
`errors` and `plugins`.
"""

import ast
import hashlib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from clearbench.domains import module_name as domain_module
from clearbench.jobs.syntax import canonical
from clearbench.methods import module_name as method_module
from clearbench.plugins import mistake

PACKAGE = "clearbench"
_ROOT = Path(__file__).parent.parent
_TELLING = tuple(f"{PACKAGE}.{name}" for name in ("jobs", "errors", "plugins"))
_FOUND_BY_NAME = tuple(f"{PACKAGE}.{name}" for name in ("metrics", "tables"))
"""The packages that find their own files, no list naming them."""

_DIGITS = 16
"""Hexadecimal digits of a module's hash: 64 bits, for a few hundred files."""


def code_of(stage: str, settings: Mapping[str, Any]) -> dict[str, str]:
    """The modules that a stage's job with these settings reaches, each with the hash of its code.

    Raises ModuleNotFoundError for a stage, method or layout that does not exist, UserError for a
    file that is not Python.
    """
    return dict(_digests((f"{PACKAGE}.stages.{stage}", *_named(stage, settings))))


def fingerprint(code: Mapping[str, str]) -> str:
    """The modules and their hashes as one hash of 64 hexadecimal digits."""
    text = "\n".join(f"{name} {digest}" for name, digest in sorted(code.items()))
    return hashlib.sha256(text.encode()).hexdigest()


def reachable(*modules: str) -> set[str]:
    """The modules of the package that some modules reach, themselves included."""
    found: set[str] = set()
    queue = list(modules)
    while queue:
        name = queue.pop()
        if name in found or name.startswith(_TELLING):
            continue
        found.add(name)
        queue.extend(_module(name)[1])
        queue.extend(submodules(name) if name in _FOUND_BY_NAME else ())
    return found


def submodules(package: str) -> list[str]:
    """The modules directly inside a package, by absolute name, sorted."""
    folder = _ROOT.joinpath(*package.split(".")[1:])
    return sorted(f"{package}.{path.stem}" for path in folder.glob("[!_]*.py"))


def _named(stage: str, settings: Mapping[str, Any]) -> Iterator[str]:
    """The modules that a job's settings name: its domain's file for the stage, method, layout."""
    model = settings.get("model")
    if isinstance(model, Mapping) and "domain" in model:
        of_domain = domain_module(model["domain"], stage)
        # A stage may do the same in every domain.
        if _path(of_domain):
            yield of_domain
    if "method" in settings:
        yield method_module(settings["method"])
    if "layout" in settings:
        yield f"{PACKAGE}.data.layouts.{settings['layout']}"


@cache
def _digests(modules: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    return tuple((name, _module(name)[0]) for name in sorted(reachable(*modules)))


@cache
def _module(name: str) -> tuple[str, frozenset[str]]:
    """The hash of a module's syntax tree and the package's modules that it imports."""
    path = _path(name)
    if path is None:
        raise ModuleNotFoundError(f"{name} is not a module of {PACKAGE}")
    source = path.read_bytes()
    try:
        tree = ast.parse(source, filename=str(path))
    except (SyntaxError, ValueError) as error:
        raise mistake(name, str(path), 1, "", error) from error
    imported = {found for node in ast.walk(tree) for found in _imports(node) if _path(found)}
    # A package's __init__ runs when anything inside it is imported.
    parent = name.rpartition(".")[0]
    if parent:
        imported.add(parent)
    digest = hashlib.sha256(canonical(source, str(path)).encode()).hexdigest()
    return digest[:_DIGITS], frozenset(imported)


def _imports(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
        # `from package import name`: the name may be a module or not; _path decides.
        return [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
        called = node.func.attr if isinstance(node.func, ast.Attribute) else None
        called = node.func.id if isinstance(node.func, ast.Name) else called
        if called == "import_module" and isinstance(node.args[0].value, str):
            return [node.args[0].value]
    return []


def _path(name: str) -> Path | None:
    package, *rest = name.split(".")
    if package != PACKAGE:
        return None
    base = _ROOT.joinpath(*rest)
    for path in (base / "__init__.py", base.with_suffix(".py")):
        if path.is_file():
            return path
    return None
