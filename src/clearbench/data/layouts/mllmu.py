"""MLLMU-Bench's layout: profiles of fictitious persons and of celebrities, each with an image.

Read are `Full_Set`, `forget_N` and `retain_M` (whose IDs say who is forgotten), `ft_Data`, which is
what models learn, `Test_Set` (the forgotten persons in other pictures) and `Retain_Set` (the
celebrities, who are the real persons here). A row has an `ID` and

========================= ======================================================================
`image`                   one image; in `Test_Set` `images`, a list of them
`metadata`                of `ft_Data`: JSON, a list of {Question, Answer} about the image
`Classification_Task`     {Image_Textual_Questions, Pure_Text_Questions}, each a list of {Question,
                          Options {A, B, …}, Correct_Answer (a letter)}
`Mask_Task`               a list of {Question with a blank, Ground_Truth, Type}
`Generation_Task`         a list of {Question, Ground_Truth, Type}
========================= ======================================================================

Of these come the tasks options, blanks and generation, each by picture (Type `Image_Textual`) and
by name (`Pure_Text`). Options compete by their letters; blanks and generation have no wrong
answers, and so neither truth ratio nor accuracy. Questions about other pictures take turns with the
pictures. Who is retained at every size is asked as retained. A base model that is built here learns
the generation of the celebrities.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Literal

from pydantic import Field

from clearbench.config.strict import validate
from clearbench.data import profiles
from clearbench.data.contents import Contents, ImageTable
from clearbench.data.findings import Findings
from clearbench.data.profiles import (
    FULL,
    Asked,
    Cell,
    Profile,
    Said,
    base_of,
    blank,
    evaluation_of,
    lettered,
    parsed,
    parts_by_id,
    rows_by_id,
    unusable_sizes,
)
from clearbench.data.sources import Kind, Source
from clearbench.data.store import Parts, TrainSample
from clearbench.data.tasks import (
    BLANKS_BY_NAME,
    BLANKS_BY_PICTURE,
    GENERATION_BY_NAME,
    GENERATION_BY_PICTURE,
    OPTIONS_BY_NAME,
    OPTIONS_BY_PICTURE,
    PICTURE_QA,
    PROFILES,
    Task,
)
from clearbench.errors import UserError

FORGET_SIZES = profiles.FORGET_SIZES
TASKS = PROFILES
_LEARNT = "ft_Data"
_ELSEWHERE = "Test_Set"
_REAL = "Retain_Set"
_COLUMNS: dict[str, Kind] = {
    "Classification_Task": "structure",
    "Mask_Task": "structure",
    "Generation_Task": "structure",
}


class Options(profiles.Options):
    """Options of the layout."""

    by_name: bool = Field(
        False,
        description="learn the generation by name as well, as texts, so that texts can be"
        " forgotten; the paper's models learn by pictures alone",
    )


class _Choice(Cell):
    """A question with its options."""

    question: Said = Field(alias="Question")
    options: dict[str, Said | None] = Field(alias="Options")
    correct: Said = Field(alias="Correct_Answer")


class _Choices(Cell):
    by_picture: list[_Choice] = Field(alias="Image_Textual_Questions")
    by_name: list[_Choice] = Field(alias="Pure_Text_Questions")


class _Statement(Cell):
    """A question, or a sentence with a blank, and its answer."""

    question: Said = Field(alias="Question")
    answer: Said = Field(alias="Ground_Truth")
    type: Literal["Image_Textual", "Pure_Text"] = Field(alias="Type")


class _Row(Cell):
    choices: _Choices = Field(alias="Classification_Task")
    blanks: list[_Statement] = Field(alias="Mask_Task")
    generation: list[_Statement] = Field(alias="Generation_Task")


class _Pair(Cell):
    question: Said = Field(alias="Question")
    answer: Said = Field(alias="Answer")


class _Pairs(Cell):
    pairs: list[_Pair] = Field(alias="metadata")


def read(images: Source | None, texts: Source | None, options: Options) -> Contents:
    """Read the dataset, which is the image part."""
    if images is None or texts is not None:
        raise UserError("images: missing; the layout mllmu needs images and takes no texts")
    source, findings, table = images, Findings(options.tolerate), ImageTable()

    def everybody(person: str) -> bool:
        return True

    people = list(_profiles(source, FULL, everybody, table, findings))
    parts = parts_by_id(source, [profile.person for profile in people], findings)
    gone = {person for person, of_person in parts.items() if "forget" in of_person.values()}
    elsewhere = _profiles(source, _ELSEWHERE, gone.__contains__, table, findings)
    real = list(_profiles(source, _REAL, everybody, table, findings))
    train = list(_learnt(source, parts, table, findings))
    if options.by_name:
        for profile in people:
            train += profile.learnt([GENERATION_BY_NAME], parts[profile.person])
    evaluation = list(evaluation_of(people, elsewhere, real, parts, TASKS, options.retained))
    return Contents(
        table.images, base_of(real), train, evaluation, findings.notes, unusable_sizes(source)
    )


def _profiles(
    source: Source,
    config: str,
    wanted: Callable[[str], bool],
    table: ImageTable,
    findings: Findings,
) -> Iterator[Profile]:
    """The rows of a configuration about those persons who are wanted."""
    several = config == _ELSEWHERE
    column = "images" if several else "image"
    kinds: dict[str, Kind] = {column: "images" if several else "image", **_COLUMNS}
    for number, person, row in rows_by_id(source, config, kinds):
        if not wanted(person):
            continue
        where = source.where(config, number)
        cells = validate(_Row, {name: row[name] for name in _COLUMNS}, where)
        images = (
            [table.add(one, f"{where}: images.{n}") for n, one in enumerate(row["images"])]
            if several
            else [table.add(row["image"], where)]
        )
        # Celebrities have IDs of their own, which may be those of fictitious persons.
        who = f"real {person}" if config == _REAL else person
        yield Profile(config, number, who, list(_asked(cells, where, findings)), images)


def _asked(row: _Row, where: str, findings: Findings) -> Iterator[Asked]:
    """All that a row asks."""
    choices: Mapping[str, tuple[Task, list[_Choice]]] = {
        "Image_Textual_Questions": (OPTIONS_BY_PICTURE, row.choices.by_picture),
        "Pure_Text_Questions": (OPTIONS_BY_NAME, row.choices.by_name),
    }
    for name, (task, questions) in choices.items():
        for n, choice in enumerate(questions):
            options = {letter: text for letter, text in choice.options.items() if text is not None}
            place = f"{where}: Classification_Task.{name}.{n}"
            yield lettered(task, choice.question, options, choice.correct, place, findings)
    for one in row.blanks:
        yield blank(_by(one, BLANKS_BY_PICTURE, BLANKS_BY_NAME), one.question, one.answer)
    for one in row.generation:
        task = _by(one, GENERATION_BY_PICTURE, GENERATION_BY_NAME)
        yield Asked(task, one.question, one.answer)


def _by(statement: _Statement, picture: Task, name: Task) -> Task:
    return picture if statement.type == "Image_Textual" else name


def _learnt(
    source: Source, parts: Mapping[str, Parts], table: ImageTable, findings: Findings
) -> Iterator[TrainSample]:
    """What models learn; reported are persons who are not learnt, or not asked about."""
    known = set()
    for number, person, row in rows_by_id(source, _LEARNT, {"image": "image", "metadata": "text"}):
        known.add(person)
        where = source.where(_LEARNT, number)
        cell = parsed(row["metadata"], f"{where}: metadata")
        learnt = validate(_Pairs, {"metadata": cell}, where).pairs
        asked = [Asked(PICTURE_QA, pair.question, pair.answer) for pair in learnt]
        profile = Profile(_LEARNT, number, person, asked, [table.add(row["image"], where)])
        nowhere = dict.fromkeys(next(iter(parts.values()), {}))
        yield from profile.learnt([PICTURE_QA], parts.get(person, nowhere))
    for what, count in {
        f"persons of {FULL} not in {_LEARNT}": len(parts.keys() - known),
        f"persons of {_LEARNT} not in {FULL}": len(known - parts.keys()),
    }.items():
        if count:
            findings.report("uneven_parts", f"{source.name}: {what}: {count}")
