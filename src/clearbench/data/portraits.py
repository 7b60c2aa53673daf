"""A folder of portraits: in it a folder a person, in that the person's pictures.

Any size, grey or in colours. What is hidden or no picture is passed over, and told. Names are in
the order that people count in: `s2` before `s10`.
"""

import io
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from PIL import Image

from clearbench.data.folder import FaultyRows
from clearbench.data.images import rgb
from clearbench.data.normal_form import normal_form
from clearbench.errors import UserError

PICTURES = (
    *(".pgm", ".ppm", ".pnm", ".png", ".jpg", ".jpeg"),
    *(".bmp", ".gif", ".tif", ".tiff", ".webp"),
)
"""The ends of the names of pictures, in small letters."""

_GREY = ("1", "L", "LA", "I", "F")
_SHOWN = 3


@dataclass(frozen=True)
class Portrait:
    """A picture as it came: its path in the folder, and width and height in pixels."""

    file: str
    encoded: bytes
    size: tuple[int, int]
    grey: bool


@dataclass(frozen=True)
class Album:
    """The portraits of each person, by the folder's name; `notes` are what was passed over."""

    persons: Mapping[str, Sequence[Portrait]]
    notes: Sequence[str]

    @property
    def size(self) -> tuple[int, int]:
        """The commonest width and height."""
        return self._sizes.most_common(1)[0][0]

    @property
    def grey(self) -> bool:
        """Whether most are grey."""
        portraits = [portrait for some in self.persons.values() for portrait in some]
        return 2 * sum(portrait.grey for portrait in portraits) > len(portraits)

    @property
    def _sizes(self) -> Counter[tuple[int, int]]:
        return Counter(p.size for some in self.persons.values() for p in some)


def is_album(folder: Path) -> bool:
    """Whether pictures lie in folders of a folder, as `read_album` takes them."""
    return any(is_picture(path) for path in folder.glob("*/*"))


def is_picture(path: Path) -> bool:
    """Whether a file has the name of a picture, and is not hidden."""
    return path.suffix.lower() in PICTURES and not path.name.startswith(".")


def read_album(folder: Path, name: str, least: int) -> Album:
    """The portraits of a folder, which messages call by `name`; of each person `least` or more.

    Raises FaultyRows with all that is wrong, a line each.
    """
    passed: list[str] = []
    problems: list[str] = []
    persons: dict[str, list[Portrait]] = {}
    for path in _seen(folder):
        if path.is_dir():
            persons[path.name] = list(_portraits(path, name, passed, problems))
        elif is_picture(path):
            problems.append(f"{name}: {path.name}: of nobody; it needs to lie in a person's folder")
        else:
            passed.append(path.name)
    if not persons and not problems:
        raise UserError(
            f"{name}: has no folders; it needs one for each person, with pictures in it"
        )
    problems += _repeated(persons, name)
    if not problems:
        # What can't be read was told already.
        problems += [
            f"{name}: {person}: portraits: {len(some)}; it needs {least} or more"
            for person, some in persons.items()
            if len(some) < least
        ]
    if problems:
        raise FaultyRows(problems)
    album = Album(persons, list(_passed_over(passed, name)))
    return Album(persons, [*album.notes, *_uneven(album, name)])


def _seen(folder: Path) -> list[Path]:
    """What is in a folder and not hidden, in the order that people count in."""
    return sorted((p for p in folder.iterdir() if not p.name.startswith(".")), key=_counted)


def _counted(path: Path) -> tuple[list[tuple[int, str]], str]:
    parts = re.findall(r"\d+|\D+", unicodedata.normalize("NFC", path.name))
    digits = [part.isascii() and part.isdecimal() for part in parts]
    numbered = zip(digits, parts, strict=True)
    return [(int(part), "") if digit else (-1, part) for digit, part in numbered], path.name


def _portraits(
    folder: Path, name: str, passed: list[str], problems: list[str]
) -> Iterator[Portrait]:
    for path in _seen(folder):
        file = f"{folder.name}/{path.name}"
        if path.is_dir():
            problems.append(
                f"{name}: {file}: a folder in a person's; it needs the pictures themselves there"
            )
        elif not is_picture(path):
            passed.append(file)
        else:
            try:
                encoded = path.read_bytes()
                rgb(encoded, quick=1)
            except (OSError, ValueError) as error:
                told = error.strerror if isinstance(error, OSError) else error
                problems.append(f"{name}: {file}: can't be read ({told}); it needs a whole image")
                continue
            with Image.open(io.BytesIO(encoded)) as image:
                grey = image.mode in _GREY or image.mode.startswith("I;")
                yield Portrait(file, encoded, image.size, grey)


def _repeated(persons: Mapping[str, Sequence[Portrait]], name: str) -> Iterator[str]:
    """Persons of one name, and pictures that are there twice."""
    names: dict[str, str] = {}
    pictures: dict[bytes, str] = {}
    for person, some in persons.items():
        first = names.setdefault(normal_form(shown(person)), person)
        if first != person:
            yield f"{name}: {person}: the same name as {first}; it needs one of its own"
        for portrait in some:
            file = pictures.setdefault(sha256(portrait.encoded).digest(), portrait.file)
            if file != portrait.file:
                yield f"{name}: {portrait.file}: the same file as {file}; it needs to be there once"


def shown(folder: str) -> str:
    """The name that a person's folder says, with blanks for underscores."""
    return " ".join(unicodedata.normalize("NFC", folder).replace("_", " ").split())


def _passed_over(files: Sequence[str], name: str) -> Iterator[str]:
    if files:
        more = "" if len(files) <= _SHOWN else ", …"
        yield f"{name}: no pictures, passed over: {len(files)} ({', '.join(files[:_SHOWN])}{more})"


def _uneven(album: Album, name: str) -> Iterator[str]:
    sizes = album._sizes.most_common()
    if len(sizes) > 1:
        some = ", ".join(f"{width} x {height} ({n})" for (width, height), n in sizes[:_SHOWN])
        more = "" if len(sizes) <= _SHOWN else ", …"
        yield f"{name}: pictures of {len(sizes)} sizes, which models see alike: {some}{more}"
