"""A folder of one's own: pictures, and `metadata.jsonl` or `metadata.csv` with a row a question.

It is the convention that the `datasets` library calls `imagefolder`: a row names its picture by
`file_name`, as the folder has it.
"""

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from pydantic import Field

from clearbench.config.strict import ForgetSize, Strict, validate
from clearbench.data.images import rgb
from clearbench.errors import UserError

FILES = ("metadata.jsonl", "metadata.csv")


class Row(Strict):
    """A row of the metadata; the keys are the columns that there may be."""

    person: str | None = Field(None, description="whom the row is about; a key, not in texts")
    name: str | None = Field(None, description="the person's name in texts; the key if not given")
    file_name: str | None = Field(None, description="the picture, a path inside the folder")
    question: str | None = None
    answer: str | None = None
    paraphrase: str | None = Field(None, description="the answer in other words")
    perturbed: list[str] = Field(
        default_factory=list,
        description="wrong answers in the words of the paraphrase; in CSV a list as JSON has it",
    )
    split: Literal["full", "real"] = Field(
        "full", description="real: of the real world, which no model forgets"
    )
    forget: ForgetSize | None = Field(
        None, description="the smallest forget size at which the person is forgotten"
    )


@dataclass(frozen=True)
class Place:
    """Where a row stands: the name of its file, and its line there, from 1."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}: line {self.line}"


class FaultyRows(UserError):
    """All that is wrong with the rows of a folder; its message is the first of it."""

    def __init__(self, problems: Sequence[str]):
        more = len(problems) - 1
        rest = f" (and {more} more; `clearbench check-dataset` lists them)" if more else ""
        super().__init__(f"{problems[0]}{rest}")
        self.problems = list(problems)


def read_rows(folder: Path, name: str) -> dict[Place, Row]:
    """The rows of a folder, which messages call by `name`.

    Raises UserError where there is no file of rows, and FaultyRows with all that is wrong.
    """
    files = [folder / file for file in FILES if (folder / file).is_file()]
    if len(files) != 1:
        has = "both" if files else "neither"
        raise UserError(f"{name}: has {has} {' and '.join(FILES)}; it needs one of them")
    (file,) = files
    rows: dict[Place, Row] = {}
    problems: list[str] = []
    for place, cells in _cells(file, name):
        try:
            if isinstance(cells, UserError):
                raise cells
            row = validate(Row, cells, str(place))
            _check(row, str(place))
            rows[place] = row
        except UserError as error:
            problems.append(str(error))
    problems += _pictures_at_fault(folder, rows)
    if problems:
        raise FaultyRows(problems)
    if not rows:
        raise UserError(f"{name}: {file.name}: has no rows")
    return rows


def kind_of(row: Row) -> str:
    """What a row asks: `naming` and `caption` by a picture alone, `picture`, or `text`."""
    if row.file_name is None:
        return "text"
    if row.question is not None:
        return "picture"
    return "naming" if row.answer is None else "caption"


def _check(row: Row, where: str) -> None:
    """Raise UserError where the cells of a row do not belong together."""
    for column, text in row:
        texts = text if isinstance(text, list) else [text]
        if any(isinstance(one, str) and not one.strip() for one in texts):
            raise UserError(f"{where}: {column}: is blank; leave it out, or say something")
    kind = kind_of(row)
    if kind in ("text", "picture"):
        for column in ("question", "answer"):
            if getattr(row, column) is None:
                raise UserError(
                    f"{where}: {column}: missing; a row is a question and its answer, or a picture"
                    " (file_name) alone or with its caption as the answer"
                )
    if kind == "naming" and row.paraphrase is not None:
        raise UserError(f"{where}: paraphrase: of no answer; a picture alone asks for the name")
    needs_person = row.split == "full" or kind == "naming"
    if needs_person and row.person is None:
        raise UserError(f"{where}: person: missing; it needs whom the row is about")
    if row.split == "real" and row.forget is not None:
        raise UserError(f"{where}: forget: of the real world, which no model forgets")
    if row.split == "real" and kind == "caption":
        raise UserError(f"{where}: question: missing; it needs what is asked of the real world")


def _pictures_at_fault(folder: Path, rows: dict[Place, Row]) -> Iterator[str]:
    """What is wrong with the pictures that rows name, each picture once."""
    seen = set[str]()
    for place, row in rows.items():
        if row.file_name is None or row.file_name in seen:
            continue
        seen.add(row.file_name)
        where = f"{place}: file_name: {row.file_name}"
        path = PurePosixPath(row.file_name)
        if path.is_absolute() or ".." in path.parts:
            yield f"{where}: outside of the folder; it needs a path inside"
        elif not (folder / path).is_file():
            yield f"{where}: no such file"
        else:
            try:
                rgb((folder / path).read_bytes(), quick=1)
            except ValueError as error:
                yield f"{where}: can't be read ({error}); it needs a whole image"


def _cells(file: Path, name: str) -> Iterator[tuple[Place, dict[str, Any] | UserError]]:
    """The cells of each row by column, or what is wrong with a line; empty ones are left out."""
    shown = f"{name}: {file.name}"
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{shown}: is no UTF-8 (byte {error.start}); save it as UTF-8") from None
    if file.suffix == ".csv":
        yield from _csv_cells(text, shown)
        return
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        place = Place(shown, number)
        try:
            cells = json.loads(line)
        except ValueError as error:
            yield place, UserError(f"{place}: is no JSON ({error})")
            continue
        if isinstance(cells, dict):
            yield place, {column: cell for column, cell in cells.items() if cell is not None}
        else:
            yield place, UserError(f"{place}: is no object; it needs columns and their values")


def _csv_cells(text: str, shown: str) -> Iterator[tuple[Place, dict[str, Any] | UserError]]:
    reader = csv.DictReader(text.splitlines(keepends=True), strict=True)
    while True:
        place = Place(shown, reader.line_num + 1)
        try:
            row = next(reader, None)
        except csv.Error as error:
            yield place, UserError(f"{place}: is no CSV ({error})")
            return
        if row is None:
            return
        place = Place(shown, reader.line_num)
        if None in row:
            yield place, UserError(f"{place}: has more cells than there are columns")
            continue
        try:
            cells = {column: _typed(column, cell) for column, cell in row.items() if cell}
        except ValueError as error:
            yield place, UserError(f"{place}: {error}")
            continue
        yield place, cells


def _typed(column: str, cell: str) -> Any:
    """A cell of CSV as JSON would have it."""
    if column == "forget" and cell.isdecimal():
        return int(cell)
    if column == "perturbed":
        try:
            return json.loads(cell)
        except ValueError:
            raise ValueError(
                f'perturbed: {cell[:20]!r} is no list; it needs one as JSON has it: ["one", "two"]'
            ) from None
    return cell
