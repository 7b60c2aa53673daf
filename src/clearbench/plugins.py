"""Where a named file lies: of a method, metric, layout, table, figure, stress test, stage, domain.

A file of this package is named for its key; another installed package names its own by entry
points of the groups `clearbench.methods`, `clearbench.metrics`, `clearbench.layouts` and
`clearbench.tables`, as `tnpo = "my_package.tnpo"`. Files are looked up without importing
anything. A mistake in one is told in one line.
"""

import ast
import re
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, reduce
from importlib import import_module
from importlib.machinery import PathFinder
from importlib.metadata import Distribution, EntryPoint, entry_points
from importlib.util import find_spec, resolve_name
from pathlib import Path
from typing import Any, Literal

import clearbench
from clearbench.errors import UserError

Kind = Literal["methods", "metrics", "layouts", "tables", "figures", "stress_tests", "stages"]

PACKAGE = "clearbench"
PAGE = f"{PACKAGE}.report.page"
"""The package whose files are not of Python, and count as code all the same."""

_ROOT = Path(__file__).parent
_FOLDERS: dict[Kind, str] = {
    "methods": "methods",
    "metrics": "metrics",
    "layouts": "data.layouts",
    "tables": "tables",
    "figures": "figures",
    "stress_tests": "stress_tests",
    "stages": "stages",
}
_GROUPS: dict[str, Kind] = {
    f"{PACKAGE}.methods": "methods",
    f"{PACKAGE}.metrics": "metrics",
    f"{PACKAGE}.layouts": "layouts",
    f"{PACKAGE}.tables": "tables",
}
_OF_DOMAINS = {"multimodal": "language", "text": "language", "vision": "vision"}
_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(@[A-Za-z0-9_-]+)?")


@dataclass(frozen=True)
class Plugin:
    """A named file by its module; of another package, what it names in it, and that package."""

    kind: Kind
    key: str
    module: str
    name: str = ""
    distribution: str = ""

    @property
    def what(self) -> str:
        """What it is, as `method npo`."""
        return f"{self.kind[:-1].replace('_', ' ')} {self.key}"

    def wrong(self, text: str) -> UserError:
        """The line for an entry point that does not name what it should."""
        value = f"{self.module}:{self.name}" if self.name else self.module
        return UserError(
            f"{self.distribution}: its entry point {self.key} of {PACKAGE}.{self.kind} names"
            f" {value}, {text}"
        )


@cache
def named(kind: Kind) -> dict[str, Plugin]:
    """The files of a kind by key, sorted: this package's, then those of others.

    A file in a folder of its own is a variant: `NAME@FOLDER`. Raises UserError for a key that two
    packages have, and for one that can be no key.
    """
    package, plugins = f"{PACKAGE}.{_FOLDERS[kind]}", dict[str, Plugin]()
    folder = _ROOT.joinpath(*_FOLDERS[kind].split("."))
    for path in sorted((*folder.glob("[!_]*.py"), *folder.glob("[!_]*/[!_]*.py"))):
        if path.parent == folder:
            key, module = path.stem, f"{package}.{path.stem}"
        else:
            variant = path.parent.name
            key, module = f"{path.stem}@{variant}", f"{package}.{variant}.{path.stem}"
        plugins[key] = Plugin(kind, key, module)
    # Stages come from here alone, so that a command need not look what is installed.
    points = _points() if kind in _GROUPS.values() else ()
    for point in points:
        if _GROUPS[point.group] == kind:
            plugin = Plugin(kind, point.name, point.module, point.attr or "", _told(point.dist))
            if not _KEY.fullmatch(plugin.key):
                raise plugin.wrong("and that is no key; allowed in one: letters, digits, _ . -")
            if plugin.key in plugins:
                other = plugins[plugin.key].distribution or PACKAGE
                raise plugin.wrong(f"but {other} has a file of that name; uninstall one of them")
            plugins[plugin.key] = plugin
    return dict(sorted(plugins.items(), key=lambda item: (item[1].distribution != "", item[0])))


def own(kind: Kind) -> list[str]:
    """The keys of the files of a kind that lie in this package."""
    return [key for key, plugin in named(kind).items() if not plugin.distribution]


def module_of(kind: Kind, key: str) -> str:
    """The module that holds a named file; of an unknown key the one that would hold it here."""
    plugin = named(kind).get(key)
    if plugin is not None:
        return plugin.module
    name, _, variant = key.partition("@")
    return ".".join(filter(None, (PACKAGE, _FOLDERS[kind], variant, name)))


def module_of_domain(domain: str, stage: str) -> str:
    """The module that does a stage's work in a domain, where the stage has one."""
    return f"{PACKAGE}.domains.{_OF_DOMAINS[domain]}.{stage}"


def modules_found_by(package: str) -> list[str]:
    """The modules that a package finds by itself, no import naming them, such as tables."""
    for kind in ("metrics", "tables", "figures"):
        if package == f"{PACKAGE}.{_FOLDERS[kind]}":
            return [plugin.module for plugin in named(kind).values()]
    if package == PAGE:
        # Files of another language, which the report is made of.
        folder = _ROOT.joinpath(*package.split(".")[1:])
        return [f"{PAGE}/{path.name}" for path in sorted(folder.glob("[!_]*.*"))]
    return []


def path_of(module: str) -> Path | None:
    """The file of a module of this package, or of one that has entry points; None of any other.

    `PAGE/NAME` is a file of the page. Nothing is imported.
    """
    package, _, file = module.partition("/")
    top, *rest = package.split(".")
    if not top:
        return None
    if file:
        return _ROOT.joinpath(*rest, file)
    if top == PACKAGE:
        base = _ROOT.joinpath(*rest)
        files = (base / "__init__.py", base.with_suffix(".py"))
        return next((path for path in files if path.is_file()), None)
    return _path_outside(module) if top in _tops() else None


def imported_by(node: ast.AST, module: str) -> list[str]:
    """The modules that an import in a module's source names, and what may be one.

    Also `import_module` of a literal name.
    """
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        origin = import_origin(node, module)
        # `from package import name`: the name may be a module or not.
        return [origin, *(f"{origin}.{alias.name}" for alias in node.names)]
    if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
        called = node.func.attr if isinstance(node.func, ast.Attribute) else None
        called = node.func.id if isinstance(node.func, ast.Name) else called
        name = node.args[0].value
        if called == "import_module" and isinstance(name, str) and not name.startswith("."):
            return [name]
    return []


def import_origin(node: ast.ImportFrom, module: str) -> str:
    """The module that an import in a module's source is from, by its absolute name."""
    if not node.level:
        return node.module or ""
    path = path_of(module)
    inside = path is not None and path.name == "__init__.py"
    package = module if inside else module.rpartition(".")[0]
    return resolve_name("." * node.level + (node.module or ""), package)


def versions() -> dict[str, str]:
    """The other packages with entry points, with their versions."""
    return {point.dist.name: point.dist.version for point in _points() if point.dist}


def load(kind: Kind, key: str) -> Any:
    """Import a named file; gives the module, or what an entry point names in it.

    Raises UserError, with file and line, for what the file raises, and for an entry point that
    names nothing.
    """
    plugin = named(kind)[key]
    path = path_of(plugin.module)
    if path is None:
        raise plugin.wrong("which is no module")
    clearbench.go_by_content(plugin.module.partition(".")[0])
    try:
        module = import_module(plugin.module)
    except UserError:
        raise
    except Exception as error:
        raise mistake(plugin.what, str(path), 1, "", error) from error
    try:
        return reduce(getattr, filter(None, plugin.name.split(".")), module)
    except AttributeError:
        raise plugin.wrong(f"which {path} does not have") from None


def mistake(
    what: str, file: str, line: int, text: str, error: BaseException | None = None
) -> UserError:
    """The line for `what` (`method npo`), whose code begins in a file at a line.

    Of an `error` that it raised, it names the last line of the file that led there, and the error
    in place of a `text`.
    """
    if isinstance(error, SyntaxError) and error.filename == file:
        line, text = error.lineno or line, f"is not Python: {error.msg}"
    elif error is not None:
        own = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == file]
        line = (own[-1].lineno if own else None) or line
        said = " ".join(str(error).split())
        text = f"raises {type(error).__name__}{': ' if said else ''}{said}"
    path = Path(file)
    if path.is_relative_to(Path.cwd()):
        path = path.relative_to(Path.cwd())
    return UserError(f"{path}, line {line}: {what}: {text}")


def forget() -> None:
    """Look up anew what is installed."""
    for known in (named, _points, _tops, _path_outside):
        known.cache_clear()


@cache
def _points() -> tuple[EntryPoint, ...]:
    """The entry points of other packages, in an order that does not depend on the path.

    Of a package that lies on it twice, those of the one that imports find.
    """
    installed = entry_points()
    points = [point for group in _GROUPS for point in installed.select(group=group)]
    return tuple(sorted(points, key=lambda point: (_told(point.dist), point.group, point.name)))


def _told(distribution: Distribution | None) -> str:
    return f"{distribution.name} {distribution.version}" if distribution else "a package"


@cache
def _tops() -> frozenset[str]:
    """The outermost modules of the packages that have entry points."""
    modules: set[str] = set()
    for point in _points():
        modules.add(point.module.partition(".")[0])
        if point.dist:
            modules.update(_outermost(point.dist))
    return frozenset(modules - {PACKAGE})


def _outermost(distribution: Distribution) -> Iterator[str]:
    yield from (distribution.read_text("top_level.txt") or "").split()
    for file in distribution.files or ():
        if file.suffix == ".py" and file.parts[0] != "..":
            yield file.parts[0].removesuffix(".py")


@cache
def _path_outside(module: str) -> Path | None:
    # Of an outermost module nothing else is imported to find it.
    top, *rest = module.split(".")
    try:
        spec = find_spec(top)
    except ValueError:
        spec = PathFinder.find_spec(top)
    for part in rest:
        if spec is None or spec.submodule_search_locations is None:
            return None
        spec = PathFinder.find_spec(f"{spec.name}.{part}", spec.submodule_search_locations)
    return Path(spec.origin) if spec and spec.origin and spec.has_location else None
