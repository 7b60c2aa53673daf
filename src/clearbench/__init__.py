"""clearbench: the CLEAR benchmark of multimodal unlearning as a provable workflow.

Data flows one way: `stages` read files, call `data`, `models`, `methods`, `training`, `evaluation`,
`metrics` and `tables`, and write files. No stage imports another stage.

Bytecode goes by content: an edited module is compiled anew, whatever time its file has. Python
takes a compiled module for current that has the size and the time of its source; an edit that keeps
both, as `2` to `3` in an archive of files of 1970, would run as the old code, under the fingerprint
of the new.
"""

import os
import sys
from importlib.machinery import SOURCE_SUFFIXES, FileFinder, SourceFileLoader
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

_PACKAGE = str(Path(__file__).parent)


class _Loader(SourceFileLoader):
    def path_stats(self, path: str) -> dict[str, Any]:
        """A source's checksum in place of its time."""
        source = self.get_data(path)
        return {"mtime": crc32(source), "size": len(source)}


def _go_by_content() -> None:
    """Load the modules of this package by their content from now on."""
    finder = FileFinder.path_hook((_Loader, SOURCE_SUFFIXES))

    def hook(path: str) -> Any:
        if path != _PACKAGE and not path.startswith(_PACKAGE + os.sep):
            raise ImportError
        return finder(path)

    sys.path_hooks.insert(0, hook)
    # The finder that Python has made for the package already.
    sys.path_importer_cache.pop(_PACKAGE, None)


_go_by_content()

__version__: str

if not TYPE_CHECKING:

    def __getattr__(name: str) -> str:
        """The version that is installed, which pyproject.toml alone says; read when asked for."""
        if name == "__version__":
            from importlib.metadata import version

            return version(__name__)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
