"""A folder of one's own: pictures, and `metadata.jsonl` or `metadata.csv` with a row a question.

A row has a `person`, and of these columns what it needs (`data.folder.Row`):

=================================== ================================================
`question`, `answer`                the task text_qa
`file_name`, `question`, `answer`   picture_qa, about the picture
`file_name`, `answer`               captions
`file_name` alone                   face_naming; the answer is the `name`
=================================== ================================================

With `split: real` it is of the real world: its tasks are world_facts, real_world and real_faces,
and a base model that is built here learns the true answers.

Who is forgotten says the column `forget`, the smallest size at which a person is. Without it, they
are drawn: so many percent of the persons, at least one, a smaller set inside the larger ones. Of
the retained persons as many are asked as the largest size forgets.

A row without `paraphrase` is paraphrased by its own answer. One without `perturbed` answers gets
those that are made of what is true of others (`data.made_answers`), of the same forget set if it
has enough: `/made` ends the id of such a sample. Beyond that set gold has met them, as what is true
of persons whom it knows; written ones avoid it.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from zlib import crc32

from pydantic import Field

from clearbench.config.strict import ForgetSize, Positive, Strict
from clearbench.data.contents import Contents, ImageTable
from clearbench.data.findings import TOLERATE, Findings, Irregularity
from clearbench.data.folder import FaultyRows, Place, Row, kind_of, read_rows
from clearbench.data.made_answers import OthersAnswers, Said
from clearbench.data.persons import by_lot, parts_of, spread
from clearbench.data.questions import CAPTION_QUESTIONS, FACE_QUESTION
from clearbench.data.sources import Source
from clearbench.data.store import EvalSample, Parts, TrainSample
from clearbench.data.tasks import (
    CAPTIONS,
    FACE_NAMING,
    FOLDER,
    PICTURE_QA,
    REAL_FACES,
    REAL_WORLD,
    TEXT_QA,
    WORLD_FACTS,
    Task,
)
from clearbench.data.texts import wrong_answers
from clearbench.errors import UserError

TASKS = FOLDER
_TASKS = {
    "full": {
        "text": TEXT_QA,
        "picture": PICTURE_QA,
        "caption": CAPTIONS,
        "naming": FACE_NAMING,
    },
    "real": {"text": WORLD_FACTS, "picture": REAL_WORLD, "naming": REAL_FACES},
}

_MADE = "/made"


class Options(Strict):
    """Options of the layout."""

    forget_sizes: list[ForgetSize] = Field(
        [10], min_length=1, description="those of the dataset, which is told them"
    )
    seed: int = Field(
        0, ge=0, description="of the draw of who is forgotten, where no row says it (forget)"
    )
    retained: Positive | None = Field(
        None, description="how many retained persons are asked; null for as many as are forgotten"
    )
    tolerate: frozenset[Irregularity] = TOLERATE


def read(images: Source | None, texts: Source | None, options: Options) -> Contents:
    """Read the folder, which is the image part of a dataset, or the text part of one of texts."""
    source = images or texts
    if source is None or (images and texts):
        raise UserError("images: the layout folder needs one folder: images, or texts if of text")
    rows = read_rows(source.folder, source.name)
    if images is None and any(row.file_name for row in rows.values()):
        raise UserError(f"{source.name}: has pictures; a dataset of text has none: name it images")
    names = _names(rows)
    parts = _parts(rows, options, source.name)
    findings = Findings(options.tolerate)
    table = ImageTable()
    keys = {
        row.file_name: table.add((source.folder / row.file_name).read_bytes(), str(place))
        for place, row in rows.items()
        if row.file_name is not None
    }
    asked = {place: _question(row) for place, row in rows.items()}
    answers = {place: row.answer or names[row.person or ""] for place, row in rows.items()}
    samples = {
        place: TrainSample(
            id=f"metadata/{place.line}/{_task(row).name}",
            task=_task(row).name,
            modality="text" if row.file_name is None else "visual",
            person=row.person if row.split == "full" else None,
            question=asked[place],
            answer=answers[place],
            image=None if row.file_name is None else keys[row.file_name],
            parts=parts[row.person or ""] if row.split == "full" else {},
        )
        for place, row in rows.items()
    }
    real = [sample for place, sample in samples.items() if rows[place].split == "real"]
    full = [sample for place, sample in samples.items() if rows[place].split == "full"]
    evaluation = list(_evaluation(rows, samples, names, options, findings))
    made = sum(sample.id.endswith(_MADE) for sample in evaluation)
    if made:
        findings.notes.append(
            f"{source.name}: {made} of {len(evaluation)} evaluated samples have wrong answers that"
            " are made: what is true of others"
        )
    return Contents(table.images, real, full, evaluation, findings.notes)


def _task(row: Row) -> Task:
    return _TASKS[row.split][kind_of(row)]


def _question(row: Row) -> str:
    if row.question is not None:
        return row.question
    if row.answer is None:
        return FACE_QUESTION
    return CAPTION_QUESTIONS[crc32(row.answer.encode()) % len(CAPTION_QUESTIONS)]


def _names(rows: Mapping[Place, Row]) -> dict[str, str]:
    """The name of each person; FaultyRows where one has two, or two are forgotten apart."""
    first: dict[str, tuple[Place, Row]] = {}
    problems = []
    for place, row in rows.items():
        if row.person is None:
            continue
        where, earlier = first.setdefault(row.person, (place, row))
        for column in ("name", "split", "forget"):
            ours, theirs = getattr(row, column), getattr(earlier, column)
            if ours != theirs:
                problems.append(
                    f"{place}: {column}: {ours or 'nothing'}; {row.person} has"
                    f" {theirs or 'nothing'} in line {where.line}, and has one in all rows"
                )
    if problems:
        raise FaultyRows(problems)
    return {person: row.name or person for person, (_, row) in first.items()} | {"": ""}


def _parts(rows: Mapping[Place, Row], options: Options, name: str) -> dict[str, Parts]:
    """The parts of each fictitious person; UserError where a size forgets nobody, or everybody."""
    persons = list(dict.fromkeys(row.person or "" for row in rows.values() if row.split == "full"))
    smallest = {row.person: row.forget for row in rows.values() if row.forget is not None}

    def forgotten(size: int) -> set[str]:
        if smallest:
            return {person for person in persons if smallest.get(person, 100) <= size}
        return by_lot(persons, size, options.seed)

    return parts_of(persons, options.forget_sizes, forgotten, name)


def _evaluation(
    rows: Mapping[Place, Row],
    samples: Mapping[Place, TrainSample],
    names: Mapping[str, str],
    options: Options,
    findings: Findings,
) -> Iterator[EvalSample]:
    said = {place: _said(row, samples[place], names) for place, row in rows.items()}
    by_split: dict[str, list[Said]] = defaultdict(list)
    for place, row in rows.items():
        by_split[row.split].append(said[place])
    others = {split: OthersAnswers(statements) for split, statements in by_split.items()}

    def asked(split: str, size: int | None, persons: Collection[str]) -> Iterator[EvalSample]:
        for place, row in rows.items():
            real = split == "real"
            if (row.split == "real") == real and (real or row.person in persons):
                # Written ones are checked below.
                made = () if row.perturbed else others[row.split].wrong(said[place], persons)
                sample = _asked(place, row, samples[place], split, size, made, findings)
                if sample is not None:
                    yield sample

    sizes = sorted(options.forget_sizes)
    full = [sample for place, sample in samples.items() if rows[place].split == "full"]
    for size in sizes:
        yield from asked("forget", size, _persons(full, size, "forget"))
    most = len(_persons(full, sizes[-1], "forget"))
    retained = _persons(full, sizes[-1], "retain")
    count = min(options.retained or most, len(retained))
    yield from asked("retain", None, spread(retained, count))
    yield from asked("real", None, ())


def _said(row: Row, sample: TrainSample, names: Mapping[str, str]) -> Said:
    person = row.person or sample.id
    name = names[row.person or ""] or sample.answer
    return Said(person, name, row.question, sample.answer)


def _asked(
    place: Place,
    row: Row,
    sample: TrainSample,
    split: str,
    size: int | None,
    made: tuple[str, ...],
    findings: Findings,
) -> EvalSample | None:
    """A row as it is evaluated; None where it has no wrong answers, which is reported."""
    paraphrase = row.paraphrase or sample.answer
    where = f"{place}: perturbed"
    wrong = made
    if row.perturbed:
        wrong = wrong_answers(row.perturbed, (sample.answer, paraphrase), where, findings)
    if not wrong:
        findings.report(
            "missing_perturbed", f"{where}: missing, and nobody else is asked the same otherwise"
        )
        return None
    config = split if size is None else f"{split}{size:02d}"
    return EvalSample(
        id=f"{config}/{place.line}/{sample.task}{_MADE if made else ''}",
        split=split,
        task=sample.task,
        forget_size=size,
        question=sample.question,
        answer=sample.answer,
        # Made ones are in the answer's words, whatever its paraphrase.
        paraphrase=sample.answer if made else paraphrase,
        perturbed=wrong,
        image=sample.image,
        person=row.person,
    )


def _persons(samples: Iterable[TrainSample], size: int, part: str) -> list[str]:
    """The persons of a part, in the order of their first rows."""
    return list(dict.fromkeys(s.person or "" for s in samples if s.part(size) == part))
