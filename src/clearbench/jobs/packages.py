"""The packages that a job imports, beside those of the lock."""

import os
import re
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from clearbench import plugins
from clearbench.config.checkout import of_workflow

LOCKS = Path("envs")
"""The folder of the locks in the workflow."""

KINDS = ("cpu", "cuda")

_PIN = re.compile(
    r"^([A-Za-z0-9][A-Za-z0-9._-]*)[ \t]*(?:\[[^]]*\])?[ \t]*==[ \t]*([^\s;#\\]+)", re.M
)
_PACKAGE = "clearbench"
_OF_NO_JOB = ("snakemake", "rocrate")
"""Beginnings of the names of what only starts jobs or tells of them, and changes no bytes."""

_NAMED = 3


@cache
def pins(kind: str) -> dict[str, str]:
    """The versions of a lock by package, names as PEP 503 has them; none without the file."""
    path = of_workflow(LOCKS) / f"{kind}.lock"
    if not path.is_file():
        return {}
    pairs = _PIN.findall(path.read_text(encoding="utf-8"))
    return {canonicalize_name(name): version for name, version in pairs}


def lock_kind() -> str:
    """Which lock counts here: that of the CUDA libraries where one of these is installed."""
    only_cuda = pins("cuda").keys() - pins("cpu").keys()
    return "cuda" if any(installed(name) for name in only_cuda) else "cpu"


@cache
def installed(package: str) -> str | None:
    """The version of a package that an import finds first; None where there is none."""
    match = re.search(r"^Version: *(\S+)", _header(package), re.M)
    return match[1] if match else None


def versions() -> dict[str, str]:
    """The locked packages that are here, and those that jobs import, with their versions.

    Also those that bring methods, metrics, layouts or tables.
    """
    names = {*pins("cuda"), *pins("cpu"), *_imported(), *map(canonicalize_name, plugins.versions())}
    return {name: version for name in sorted(names) if (version := installed(name))}


def unlocked() -> dict[str, str]:
    """What jobs import here that the lock says otherwise, by package: what is here, and the lock's.

    Local versions, as the `+cpu` of 2.13.0+cpu, count where the lock has one. Nothing without a
    lock; and of packages that no job imports, or that the lock does not have, nothing is said.
    """
    locked = pins(lock_kind())
    differing = {}
    for name in sorted(_imported() & locked.keys()):
        version = installed(name)
        if version is None or not _same(version, locked[name]):
            differing[name] = f"{version or 'missing'} (locked: {locked[name]})"
    for name, folder in _hidden() if locked else ():
        if name in locked:
            differing[name] = f"of {folder}, not as installed (locked: {locked[name]})"
    return differing


def remark(differing: Mapping[str, str]) -> str:
    """One line on packages that are not the lock's."""
    names = [f"{name} {here}" for name, here in differing.items()]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return (
        f"packages are not those of {LOCKS / lock_kind()}.lock: {', '.join(names[:_NAMED])}{more}"
    )


@cache
def _imported() -> frozenset[str]:
    """The packages that jobs import: what clearbench asks for, what that asks for, and so on."""
    packages: set[str] = set()
    waiting = [name for name in _asked(_PACKAGE) if not name.startswith(_OF_NO_JOB)]
    while waiting:
        name = waiting.pop()
        if name not in packages:
            packages.add(name)
            waiting.extend(_asked(name))
    return frozenset(packages)


def _asked(package: str) -> Iterator[str]:
    """What a package asks for on this Python and platform, without extras."""
    for text in re.findall(r"^Requires-Dist: *(.+)", _header(package), re.M):
        # Most lines are of extras, and to read one takes its time.
        if "extra ==" in text:
            continue
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield canonicalize_name(requirement.name)


@cache
def _header(package: str) -> str:
    """What a package says of itself above its description, which is long; empty without one."""
    try:
        distribution = metadata.distribution(package)
    except metadata.PackageNotFoundError:
        return ""
    text = distribution.read_text("METADATA") or distribution.read_text("PKG-INFO") or ""
    return text.replace("\r\n", "\n").partition("\n\n")[0]


def _same(version: str, locked: str) -> bool:
    try:
        here, wanted = Version(version), Version(locked)
    except InvalidVersion:
        return version == locked
    return here == wanted or (wanted.local is None and Version(here.public) == wanted)


def _hidden() -> Iterator[tuple[str, Path]]:
    """Packages whose modules an earlier folder of the path hides that has no such package."""
    library = {Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib")}
    folders = list(dict.fromkeys(Path(entry or ".").resolve() for entry in sys.path))
    for position, folder in enumerate(folders):
        if folder in library or folder.parent in library:
            continue
        for later in folders[position + 1 :]:
            if later not in library:
                both = {name for name in _modules(folder) if _has(later, name)} - {_PACKAGE}
                yield from ((owner, folder) for owner in _owners(both, folder, later))


def _owners(modules: set[str], folder: Path, later: Path) -> Iterator[str]:
    """The packages of a folder with one of some modules that are imported from an earlier one."""
    if not modules:
        return
    own = {canonicalize_name(d.name) for d in metadata.distributions(path=[str(folder)])}
    for distribution in metadata.distributions(path=[str(later)]):
        name = canonicalize_name(distribution.name)
        if name in own or name not in _imported():
            continue
        if any(
            Path(file.parts[0]).name.split(".")[0] in modules for file in distribution.files or ()
        ):
            yield name


@cache
def _modules(folder: Path) -> frozenset[str]:
    """The modules and packages directly in a folder."""
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return frozenset()
    files = {entry.name.split(".")[0] for entry in entries if entry.name.endswith((".py", ".so"))}
    return frozenset(files | {e.name for e in entries if _is_file(folder / e.name / "__init__.py")})


def _has(folder: Path, module: str) -> bool:
    return _is_file(folder / module / "__init__.py") or _is_file(folder / f"{module}.py")


def _is_file(path: Path) -> bool:
    """Whether there is such a file; what may not be looked into, nothing is imported from."""
    try:
        return path.is_file()
    except OSError:
        return False
