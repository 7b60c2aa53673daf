"""clearbench: the CLEAR benchmark of multimodal unlearning as a provable workflow.

Data flows one way: `stages` read files, call `data`, `models`, `methods`, `training`, `evaluation`,
`metrics` and `tables`, and write files. No stage imports another stage.

Bytecode goes by content: an edited module is compiled anew, whatever time its file has. Python
takes a compiled module for current that has the size and the time of its source; an edit that keeps
both, as `2` to `3` in an archive of files of 1970, would run as the old code, under the fingerprint
of the new. The packages that bring methods, metrics, layouts and tables are loaded in the same way.
"""

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar
from zlib import crc32


class _Loader(SourceFileLoader):
    def path_stats(self, path: str) -> dict[str, Any]:
        """A source's checksum in place of its time."""
        source = self.get_data(path)
        return {"mtime": crc32(source), "size": len(source)}


class _Finder(MetaPathFinder):
    """Finds the modules of some packages where Python does, and loads them by their content."""

    packages: ClassVar[set[str]] = {__name__}

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name.partition(".")[0] not in self.packages:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and type(spec.loader) is SourceFileLoader:
            spec.loader = _Loader(spec.loader.name, spec.loader.path)
        return spec


def go_by_content(package: str) -> None:
    """Load the modules of another package by their content as well."""
    _Finder.packages.add(package)


sys.meta_path.insert(0, _Finder())

__version__: str

if not TYPE_CHECKING:

    def __getattr__(name: str) -> str:
        """The version that is installed, which pyproject.toml alone says; read when asked for."""
        if name == "__version__":
            from importlib.metadata import version

            return version(__name__)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
