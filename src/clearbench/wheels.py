"""Models that come in wheels of the Python package index: their names, and where they lie here.

A job reads what `clearbench fetch` has brought and converted (`fetching.py`), and fetches nothing.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from clearbench.errors import UserError

_PREFIX = "pip:"
_NAME = re.compile(
    rf"{_PREFIX}(?P<package>\w[\w.-]*)==(?P<version>\w[\w.!+-]*)/(?P<file>[^:]*[^:/]\.gguf)"
)


@dataclass(frozen=True)
class Wheel:
    """A file of a wheel: `file` is its path inside, `sha256` that of the whole wheel."""

    package: str
    version: str
    file: str
    sha256: str

    @classmethod
    def named(cls, name: str, revision: str | None) -> Self:
        """The wheel of a model's name, its checksum for a revision; UserError in one line."""
        found = _NAME.fullmatch(name)
        if found is None:
            raise UserError(f"model {name}: no file of a wheel; it needs {SPELLING}")
        if revision is None or re.fullmatch("[0-9a-f]{64}", revision) is None:
            raise UserError(
                f"model {name}: revision {revision or 'missing'}; a wheel needs its sha256 there,"
                " 64 hexadecimal digits"
            )
        return cls(**found.groupdict(), sha256=revision)

    @property
    def folder(self) -> Path:
        """Where the converted model lies, by the name of its wheel's checksum."""
        from huggingface_hub import constants

        release = f"{self.package}-{self.version}"
        cache = Path(constants.HF_HOME, "clearbench", "wheels")
        return cache / release / Path(self.file).stem / self.sha256


SPELLING = f"{_PREFIX}PACKAGE==VERSION/FILE.gguf"
"""How a model is named that comes in a wheel."""


def is_wheel(name: str) -> bool:
    """Whether a name is one of a file in a wheel."""
    return name.startswith(_PREFIX)


def place(name: str, revision: str | None) -> Path:
    """Where the converted model of a name lies, or will."""
    return Wheel.named(name, revision).folder


def snapshot(name: str, revision: str | None) -> Path:
    """The folder of a model that was fetched; UserError in one line where it was not."""
    folder = place(name, revision)
    if not folder.is_dir():
        raise UserError(
            f"model {name}: not in {folder.parent}; run `clearbench fetch` on a machine that pip"
            " brings packages to, with this HF_HOME"
        )
    return folder
