"""UMU-Bench's layout: the persons of MLLMU-Bench, each asked the same by picture and by name.

Read are `Full_Set`, `forget_N` and `retain_M` (whose IDs say who is forgotten), and
`Real_Person_Set` (the celebrities, who are the real persons here). A row has an `ID`, an `image`
and, as texts in JSON or as literals of Python,

============== =================================================================================
`MM_QA`        {question {key: text}, answer {key: text}} about the image, which models learn
`UM_QA`        the same by name, which models learn as texts
`Classify`     {unimodal, muitimodal}, each {key: {question, options {A, B, …}, answer}}, where an
               answer is a letter, or begins with one and a point
`Cloze`        {unimodal, muitimodal}, each {key: {question, answer}}
`Generation`   the same
============== =================================================================================

Of the last three come the tasks options, blanks and generation, `muitimodal` by picture and
`unimodal` by name. What has one key asks the same, and is a pair, whose ids end alike. Options
compete by their texts. Who is retained at every size is asked as retained. A base model that is
built here learns the generation of the celebrities.
"""

from collections.abc import Iterator, Mapping
from typing import Generic, TypeVar

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
    listed,
    parsed,
    parts_by_id,
    rows_by_id,
    unusable_sizes,
)
from clearbench.data.sources import Kind, Source
from clearbench.data.tasks import (
    BLANKS_BY_NAME,
    BLANKS_BY_PICTURE,
    GENERATION_BY_NAME,
    GENERATION_BY_PICTURE,
    OPTIONS_BY_NAME,
    OPTIONS_BY_PICTURE,
    PICTURE_QA,
    PROFILES,
    TEXT_QA,
    Task,
)
from clearbench.errors import UserError

FORGET_SIZES = profiles.FORGET_SIZES
Options = profiles.Options
TASKS = PROFILES
_REAL = "Real_Person_Set"
_LEARNT = {"MM_QA": PICTURE_QA, "UM_QA": TEXT_QA}
_ASKED = ("Classify", "Cloze", "Generation")


class _Question(Cell):
    question: Said
    answer: Said


class _Choice(_Question):
    options: dict[str, Said | None]


_Kind = TypeVar("_Kind", bound=_Question)


class _Both(Cell, Generic[_Kind]):
    """The same questions by name and by picture, by their keys."""

    by_name: dict[str, _Kind] = Field(alias="unimodal")
    by_picture: dict[str, _Kind] = Field(alias="muitimodal")


class _Row(Cell):
    choices: _Both[_Choice] = Field(alias="Classify")
    blanks: _Both[_Question] = Field(alias="Cloze")
    generation: _Both[_Question] = Field(alias="Generation")


class _Pairs(Cell):
    """Questions and answers by their keys."""

    questions: dict[str, Said] = Field(alias="question")
    answers: dict[str, Said] = Field(alias="answer")


def read(images: Source | None, texts: Source | None, options: Options) -> Contents:
    """Read the dataset, which is the image part."""
    if images is None or texts is not None:
        raise UserError("images: missing; the layout umu needs images and takes no texts")
    source, findings, table = images, Findings(options.tolerate), ImageTable()
    read_all = list(_profiles(source, FULL, [*_ASKED, *_LEARNT], table, findings))
    parts = parts_by_id(source, [profile.person for profile in read_all], findings)
    train = [
        sample
        for profile in read_all
        for sample in profile.learnt(_LEARNT.values(), parts[profile.person])
    ]
    real = list(_profiles(source, _REAL, _ASKED, table, findings))
    evaluation = list(evaluation_of(read_all, [], real, parts, TASKS, options.retained))
    return Contents(
        table.images, base_of(real), train, evaluation, findings.notes, unusable_sizes(source)
    )


def _profiles(
    source: Source,
    config: str,
    columns: list[str] | tuple[str, ...],
    table: ImageTable,
    findings: Findings,
) -> Iterator[Profile]:
    """The rows of a configuration with what they ask, and what is learnt of them."""
    kinds: dict[str, Kind] = {"image": "image", **dict.fromkeys(columns, "text")}
    for number, person, row in rows_by_id(source, config, kinds):
        where = source.where(config, number)
        cells = {name: parsed(row[name], f"{where}: {name}") for name in columns}
        asked = list(_asked(validate(_Row, cells, where), where, findings))
        for name, task in _LEARNT.items():
            if name in cells:
                asked += _learnt(cells[name], task, f"{where}: {name}")
        # Celebrities have IDs of their own, which may be those of fictitious persons.
        who = f"real {person}" if config == _REAL else person
        yield Profile(config, number, who, asked, [table.add(row["image"], where)])


def _asked(row: _Row, where: str, findings: Findings) -> Iterator[Asked]:
    """All that a row asks in the tasks."""
    choices: Mapping[str, tuple[Task, dict[str, _Choice]]] = {
        "muitimodal": (OPTIONS_BY_PICTURE, row.choices.by_picture),
        "unimodal": (OPTIONS_BY_NAME, row.choices.by_name),
    }
    for name, (task, questions) in choices.items():
        for key, one in questions.items():
            options = {letter: text for letter, text in one.options.items() if text is not None}
            place = f"{where}: Classify.{name}.{key}"
            letter = one.answer.partition(".")[0].strip()
            yield listed(task, one.question, options, letter, place, findings, key)
    for task, blanks in (
        (BLANKS_BY_PICTURE, row.blanks.by_picture),
        (BLANKS_BY_NAME, row.blanks.by_name),
    ):
        for key, filled in blanks.items():
            yield blank(task, filled.question, filled.answer, key)
    for task, open_ones in (
        (GENERATION_BY_PICTURE, row.generation.by_picture),
        (GENERATION_BY_NAME, row.generation.by_name),
    ):
        for key, open_one in open_ones.items():
            yield Asked(task, open_one.question, open_one.answer, pair=key)


def _learnt(cell: object, task: Task, where: str) -> Iterator[Asked]:
    """Questions with their answers, which are told apart by their keys."""
    pairs = validate(_Pairs, cell, where)
    for key in [*pairs.questions, *pairs.answers]:
        for column, known in (("question", pairs.questions), ("answer", pairs.answers)):
            if key not in known:
                raise UserError(f"{where}.{column}.{key}: missing; the other has it")
    for key, question in pairs.questions.items():
        yield Asked(task, question, pairs.answers[key], pair=key)
