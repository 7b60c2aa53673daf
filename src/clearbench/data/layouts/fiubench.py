"""FIUBench's layout: synthetic faces, each with questions about a person who was made up.

Read are, in the dataset's folder,

============== =================================================================================
`full.json`    a list of persons: `unique_id`, `image_path` and `qa_list`, a list of {question,
               answer, paraphrased_answer, perturbed_answer (a list)}
`split.json`   lists of IDs: `forget1`, `forget5`, `forget10`, and who is asked as retained
`SFHQ`         the pictures by the file names of `image_path`, in a folder or a zip file
============== =================================================================================

Every question is about the picture. Who is in any forget set is retained at no size, as in the
published code: gold of one size has met nobody of the others. There are no texts without a picture
and nothing of the real world, so that no base model can be built here.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any
from zipfile import BadZipFile, ZipFile

from pydantic import Field, RootModel

from clearbench.config.strict import Positive, Strict, validate
from clearbench.data.contents import Contents, ImageTable
from clearbench.data.findings import TOLERATE, Findings, Irregularity
from clearbench.data.parts import FORGET_SIZES
from clearbench.data.profiles import Asked, Cell, Profile, Said
from clearbench.data.sources import Source
from clearbench.data.store import Parts
from clearbench.data.tasks import PICTURE_QA
from clearbench.data.texts import wrong_answers
from clearbench.errors import UserError

TASKS = (PICTURE_QA,)
_FULL, _SPLIT, _PICTURES = "full.json", "split.json", "SFHQ"


class Options(Strict):
    """Options of the layout."""

    persons: Positive = Field(400, description="how many of full.json there are, the first ones")
    asked: str = Field(
        "retain15", description="the list of split.json whose persons are asked as retained"
    )
    tolerate: frozenset[Irregularity] = TOLERATE


class _Question(Cell):
    question: Said
    answer: Said
    paraphrase: Said = Field(alias="paraphrased_answer")
    perturbed: list[Said] = Field(alias="perturbed_answer", min_length=1)


class _Person(Cell):
    person: Said = Field(alias="unique_id")
    picture: Said = Field(alias="image_path")
    questions: list[_Question] = Field(alias="qa_list", min_length=1)


class _Lists(RootModel[dict[str, list[str]]]):
    """Lists of IDs by their names."""


def read(images: Source | None, texts: Source | None, options: Options) -> Contents:
    """Read the folder, which is the image part."""
    if images is None or texts is not None:
        raise UserError("images: missing; the layout fiubench needs images and takes no texts")
    source, findings, table = images, Findings(options.tolerate), ImageTable()
    people = list(_profiles(source, options.persons, table, findings))
    where = f"{source.name}: {_SPLIT}"
    lists = validate(_Lists, _json(source, _SPLIT), where).root
    parts = _parts([profile.person for profile in people], lists, where, findings)
    train = [
        sample for profile in people for sample in profile.learnt(TASKS, parts[profile.person])
    ]
    evaluation = [
        sample
        for size in _sizes(lists)
        for profile in people
        if parts[profile.person][size] == "forget"
        for sample in profile.evaluated("forget", TASKS, size)
    ]
    asked = _retained(lists, parts, options.asked, where)
    for profile in people:
        if profile.person in asked:
            evaluation += profile.evaluated("retain", TASKS)
    unusable = {
        size: f"{where} has no list forget{size}"
        for size in FORGET_SIZES
        if size not in _sizes(lists)
    }
    return Contents(table.images, [], train, evaluation, findings.notes, unusable)


def _profiles(
    source: Source, count: int, table: ImageTable, findings: Findings
) -> Iterator[Profile]:
    rows = _json(source, _FULL)
    if not isinstance(rows, list):
        raise UserError(f"{source.name}: {_FULL}: is no list; it needs one of persons")
    picture_of = _pictures(source)
    seen: dict[str, int] = {}
    for number, row in enumerate(rows[:count]):
        where = f"{source.name}: {_FULL}: row {number}"
        cells = validate(_Person, row, where)
        if cells.person in seen:
            raise UserError(
                f"{where}: unique_id: {cells.person} is that of row {seen[cells.person]}; each row"
                " needs an ID of its own"
            )
        seen[cells.person] = number
        encoded = picture_of(PurePosixPath(cells.picture).name)
        if encoded is None:
            raise UserError(f"{where}: image_path: {cells.picture}: no such file in {_PICTURES}")
        image = table.add(encoded, f"{where}: image_path")
        asked = [
            Asked(
                PICTURE_QA,
                one.question,
                one.answer,
                wrong_answers(
                    one.perturbed,
                    (one.answer, one.paraphrase),
                    f"{where}: qa_list.{n}.perturbed_answer",
                    findings,
                ),
                paraphrase=one.paraphrase,
            )
            for n, one in enumerate(cells.questions)
        ]
        yield Profile("full", number, cells.person, asked, [image])


def _json(source: Source, name: str) -> Any:
    file = source.folder / name
    if not file.is_file():
        raise UserError(f"{source.name}: {name}: no such file; it needs {_FULL} and {_SPLIT}")
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{source.name}: {name}: is no JSON ({error})") from None


def _pictures(source: Source) -> Callable[[str], bytes | None]:
    """What gives a picture's bytes by its file name; None where there is none."""
    folder, archive = source.folder / _PICTURES, source.folder / f"{_PICTURES}.zip"
    if folder.is_dir():
        files = {path.name: path for path in folder.rglob("*") if path.is_file()}
        return lambda name: files[name].read_bytes() if name in files else None
    if not archive.is_file():
        raise UserError(
            f"{source.name}: has neither {_PICTURES} nor {archive.name}; it needs the pictures"
        )
    return _zipped(archive, f"{source.name}: {archive.name}")


def _zipped(archive: Path, where: str) -> Callable[[str], bytes | None]:
    try:
        opened = ZipFile(archive)
    except BadZipFile as error:
        raise UserError(f"{where}: can't be read ({error}); it needs a whole zip file") from None
    members = {PurePosixPath(name).name: name for name in opened.namelist()}

    def picture(name: str) -> bytes | None:
        try:
            return opened.read(members[name]) if name in members else None
        except BadZipFile as error:
            raise UserError(f"{where}: {name}: can't be read ({error})") from None

    return picture


def _sizes(lists: Mapping[str, list[str]]) -> list[int]:
    """The forget sizes that there are lists for."""
    return [size for size in FORGET_SIZES if f"forget{size}" in lists]


def _parts(
    persons: list[str], lists: Mapping[str, list[str]], where: str, findings: Findings
) -> dict[str, Parts]:
    """The parts of each person; reported is who is in a forget set and not in the full one."""
    sets = {size: {*lists[f"forget{size}"]} for size in _sizes(lists)}
    for size, forgotten in sets.items():
        lacking = len(forgotten - {*persons})
        if lacking:
            findings.report(
                "uneven_parts", f"{where}: persons of forget{size} not in {_FULL}: {lacking}"
            )
    gone = {who for name, ids in lists.items() if re.fullmatch(r"forget\d+", name) for who in ids}
    return {
        person: {
            size: "forget" if person in forgotten else None if person in gone else "retain"
            for size, forgotten in sets.items()
        }
        for person in persons
    }


def _retained(
    lists: Mapping[str, list[str]], parts: Mapping[str, Parts], name: str, where: str
) -> set[str]:
    """Who is asked as retained; UserError where a list lacks, or somebody of it is forgotten."""
    if name not in lists:
        raise UserError(
            f"options.asked: {name} is no list of {where}; there are: {', '.join(lists)}"
        )
    for who in lists[name]:
        if {*parts.get(who, {}).values()} - {"retain"}:
            raise UserError(
                f"{where}: {name}: {who} is in a forget set; who is asked as retained is in none"
            )
    return {*lists[name]}
