"""Fingerprints: the code that a stage can reach, hashed so that only a change of meaning shows.

A stage reaches its module and everything it imports inside the package, also imports inside
functions and `import_module("clearbench.…")` with a literal name; and inside the packages that
bring methods, metrics, layouts or tables (`plugins`), where it reaches these. Files are hashed by
their syntax trees in a form of our own (`syntax`), so that comments, docstrings, formatting and the
version of Python change nothing. What is found by name is reached by what finds it, whatever the
stage is called: the files of a domain, a method, a layout and a stress test by the jobs whose
settings name them, a method's by its own cells only; those of metrics and tables by whatever
reaches their package.

Code that only runs a job or words a message, and cannot change bytes, is left out: this package,
`errors` and `plugins`.
"""

import ast
import hashlib
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from clearbench import plugins
from clearbench.jobs import remembered, syntax
from clearbench.plugins import (
    PACKAGE,
    imported_by,
    mistake,
    module_of,
    module_of_domain,
    modules_found_by,
    path_of,
)

_TELLING = re.compile(rf"{PACKAGE}\.(jobs|errors|plugins)(\.|$)")
_KERNELS = f"{PACKAGE}.kernels"
"""What every job computes with, imported by its stage or not."""

_DIGITS = 16
"""Hexadecimal digits of a module's hash: 64 bits, for a few hundred files."""


def code_of(stage: str, settings: Mapping[str, Any]) -> dict[str, str]:
    """The modules that a stage's job with these settings reaches, each with the hash of its code.

    Raises ModuleNotFoundError for a stage, method or layout that does not exist, UserError for a
    file that is not Python.
    """
    return dict(_digests((module_of("stages", stage), _KERNELS, *_named(stage, settings))))


def fingerprint(code: Mapping[str, str]) -> str:
    """The modules and their hashes as one hash of 64 hexadecimal digits."""
    text = "\n".join(f"{name} {digest}" for name, digest in sorted(code.items()))
    return hashlib.sha256(text.encode()).hexdigest()


def reachable(*modules: str) -> set[str]:
    """The modules of this package and of `plugins` that some reach, themselves included."""
    reached: set[str] = set()
    queue = list(modules)
    while queue:
        name = queue.pop()
        if name in reached or _TELLING.match(name):
            continue
        reached.add(name)
        queue.extend(_module(name)[1])
        queue.extend(modules_found_by(name))
    return reached


def _named(stage: str, settings: Mapping[str, Any]) -> Iterator[str]:
    """The modules that a job's settings name: its domain's file, method, layout, stress test."""
    model = settings.get("model")
    if isinstance(model, Mapping) and "domain" in model:
        of_domain = module_of_domain(model["domain"], stage)
        # A stage may do the same in every domain.
        if path_of(of_domain):
            yield of_domain
    if "method" in settings:
        yield module_of("methods", settings["method"])
    if "layout" in settings:
        yield module_of("layouts", settings["layout"])
    stress = settings.get("stress")
    # Of tables, it is a mapping of all tests, whose points and readings it tells.
    if isinstance(stress, Mapping) and isinstance(stress.get("kind"), str):
        yield module_of("stress_tests", stress["kind"])


@cache
def _digests(modules: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    return tuple((name, _module(name)[0]) for name in sorted(reachable(*modules)))


@cache
def _module(name: str) -> tuple[str, frozenset[str]]:
    """The hash of a module's syntax tree and the package's modules that it imports."""
    path = path_of(name)
    if path is None:
        raise ModuleNotFoundError(f"{name} is not a module of {PACKAGE}")
    source = path.read_bytes()
    if path.suffix != ".py":
        # Another package may be compiled.
        return hashlib.sha256(source).hexdigest()[:_DIGITS], frozenset()
    key = remembered.key_of(name.encode(), path.name.encode(), source, _reader())
    kept = remembered.recall(path, key)
    if kept is None:
        kept = _read(name, path, source)
        remembered.keep(path, key, kept)
    digest, named = kept
    imported = {module for module in named if path_of(module)}
    # A package's __init__ runs when anything inside it is imported.
    parent = name.rpartition(".")[0]
    if path_of(parent):
        imported.add(parent)
    return digest, frozenset(imported)


def _read(name: str, path: Path, source: bytes) -> tuple[str, list[str]]:
    """The hash of a source's syntax tree, and what its imports name, modules or not."""
    try:
        tree = ast.parse(source, filename=str(path))
    except (SyntaxError, ValueError) as error:
        raise mistake(name, str(path), 1, "", error) from error
    named = {module for node in ast.walk(tree) for module in imported_by(node, name)}
    digest = hashlib.sha256(syntax.canonical_tree(tree).encode()).hexdigest()
    return digest[:_DIGITS], sorted(named)


@cache
def _reader() -> bytes:
    """The code that reads a source, as it is on disk: what other code has read counts no more."""
    files = (__file__, syntax.__file__, plugins.__file__)
    return b"".join(Path(file).read_bytes() for file in files)
