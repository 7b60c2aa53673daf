"""CLEAR's layout: portraits with captions and names, and TOFU's texts about the same persons.

Read are the image configurations `full`, `forgetXX`, `retainXX`, `forgetXX_perturbed`,
`retain_perturbed`, `real_faces` and `real_world`, and of the text source `full`, `forgetXX`,
`retainXX`, `forgetXX_perturbed` and `retain_perturbed`. What the hub does not have: an image
configuration `pretrain` (image or null, question, answer), which is what a base model learns; of
both, `validationXX_perturbed` about retained persons who stand for the forget set where something
is chosen, and `holdout_perturbed` about persons who are in no other.

With the option `face_qa`, questions of the texts are asked by picture too (`data.face_questions`).
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal
from zlib import crc32

from pydantic import Field

from clearbench.config.strict import Positive, Strict
from clearbench.data.contents import Contents, ImageTable
from clearbench.data.face_questions import FaceQuestions, by_picture
from clearbench.data.findings import TOLERATE, Findings, Irregularity
from clearbench.data.names import Names
from clearbench.data.parts import (
    FORGET_SIZES,
    Key,
    check_perturbed,
    check_retained,
    key_of,
    read_keys,
    read_parts,
)
from clearbench.data.questions import CAPTION_QUESTIONS, FACE_QUESTION
from clearbench.data.sources import Kind, Source
from clearbench.data.store import EvalSample, TrainSample
from clearbench.data.tasks import (
    CAPTIONS,
    CLEAR,
    FACE_NAMING,
    FACE_QA,
    HOLDOUT,
    REAL_FACES,
    REAL_WORLD,
    TEXT_QA,
    VALIDATED,
)
from clearbench.data.texts import PAIR, Persons, persons_of, text_evaluation, wrong_answers
from clearbench.errors import UserError

_PICTURED: dict[str, Kind] = {"name": "text?", "caption": "text"}
_PERTURBED: dict[str, Kind] = {
    "image": "image",
    **_PICTURED,
    "paraphrased_caption": "text",
    "perturbed_captions": "texts",
    "perturbed_names": "texts",
}


TASKS = (*CLEAR, FACE_QA)
_HELD_OUT = "holdout_perturbed"


class Options(Strict):
    """Options of the layout."""

    visual_tasks: frozenset[Literal["captions", "face_naming"]] = Field(
        frozenset({"captions"}),
        min_length=1,
        strict=False,
        description="what an image row teaches: captions, as in CLEAR, and face_naming",
    )
    questions_per_person: Positive = Field(
        20,
        description="consecutive rows of the texts about one person, who is the only one with an"
        " image that they name",
    )
    face_qa: FaceQuestions | None = Field(
        None, description="what the texts ask by name is asked by picture too; null for nothing"
    )
    tolerate: frozenset[Irregularity] = TOLERATE


def read(images: Source | None, texts: Source | None, options: Options) -> Contents:
    """Read both parts of the dataset."""
    if images is None or texts is None:
        missing = "images" if images is None else "texts"
        raise UserError(f"{missing}: missing; the layout clear needs images and texts")
    findings = Findings(options.tolerate)
    table = ImageTable()
    visual = _visual_rows(images, table, options, findings)
    names = Names(sample.person for sample in visual if sample.person)
    read_texts = _text_rows(texts, names, options, findings)
    persons = persons_of(read_texts)
    evaluation: list[EvalSample] = []
    for size in FORGET_SIZES:
        part, config = f"forget{size:02d}", f"forget{size:02d}_perturbed"
        check_perturbed(images, part, config, _PICTURED, findings)
        check_perturbed(texts, part, config, PAIR, findings)
        evaluation += _visual_evaluation(images, config, "forget", size, names, table, findings)
        evaluation += text_evaluation(texts, config, "forget", size, persons, findings)
    check_retained(images, _PICTURED)
    check_retained(texts, PAIR)
    evaluation += _visual_evaluation(
        images, "retain_perturbed", "retain", None, names, table, findings
    )
    evaluation += text_evaluation(texts, "retain_perturbed", "retain", None, persons, findings)
    evaluation += _real_evaluation(images, REAL_FACES.name, table, findings)
    evaluation += _real_evaluation(images, REAL_WORLD.name, table, findings)
    base = _base_rows(images, table) if "pretrain" in images else []
    for size in FORGET_SIZES:
        part, config = VALIDATED, f"{VALIDATED}{size:02d}_perturbed"
        if config in images and config in texts:
            evaluation += _visual_evaluation(images, config, part, size, names, table, findings)
            evaluation += text_evaluation(texts, config, part, size, persons, findings)
    if _HELD_OUT in images:
        # The last to be read, so that they change the number of no other's image.
        persons = _persons_held_out(images, texts, options, findings)
        evaluation += _visual_evaluation(images, _HELD_OUT, HOLDOUT, None, names, table, findings)
        evaluation += text_evaluation(texts, _HELD_OUT, HOLDOUT, None, persons, findings)
    train = [*visual, *read_texts]
    if options.face_qa is not None:
        learnt, asked = by_picture(train, evaluation, options.face_qa)
        train, evaluation = [*train, *learnt], [*evaluation, *asked]
    return Contents(table.images, base, train, evaluation, findings.notes)


def _visual_rows(
    source: Source, table: ImageTable, options: Options, findings: Findings
) -> list[TrainSample]:
    rows: list[tuple[int, int, Key]] = []
    for number, row in enumerate(source.rows("full", {"image": "image?", **_PICTURED})):
        where = source.where("full", number)
        if row["image"] is None:
            findings.report("unpictured", f"{where}: {row['name']} has no image here")
            continue
        if row["name"] is None:
            findings.report("unnamed", f"{where}: name is empty; it needs the person's name")
        rows.append((number, table.add(row["image"], where), key_of(row, _PICTURED)))
    keys = [key for _, _, key in rows]
    if not any(name for name, _ in keys):
        raise UserError(f"{source.where('full')}: no row has both image and name; it needs some")
    names = Names(name for name, _ in keys if name)
    _check_persons(source, names, findings)
    samples = []
    for (number, image, (name, caption)), part in zip(
        rows, read_parts(source, _PICTURED, keys, findings), strict=True
    ):
        answers = {
            CAPTIONS.name: (_caption_question(caption), caption),
            FACE_NAMING.name: (FACE_QUESTION, name),
        }
        for task, (question, answer) in answers.items():
            if task in options.visual_tasks and answer is not None:
                identifier = f"full/{number}/{task}"
                person = name and names.first(name)
                samples.append(
                    TrainSample(identifier, task, "visual", person, question, answer, image, part)
                )
    return samples


def _check_persons(source: Source, pictured: Names, findings: Findings) -> None:
    """Every person whom a part names must have an image in the full set."""
    for config in (f"{part}{size:02d}" for s in FORGET_SIZES for part, size in _sizes(s)):
        named = {key[0] for key in read_keys(source, config, {"name": "text?"})}
        for name in sorted(name for name in named if name and name not in pictured):
            findings.report("unpictured", f"{source.where(config)}: {name} has no image in full")


def _sizes(forget_size: int) -> tuple[tuple[str, int], ...]:
    return ("forget", forget_size), ("retain", 100 - forget_size)


def _text_rows(
    source: Source, names: Names, options: Options, findings: Findings
) -> list[TrainSample]:
    rows = list(source.rows("full", PAIR))
    parts = read_parts(source, PAIR, [key_of(row, PAIR) for row in rows], findings)
    persons = _named_in(source, "full", rows, names, options, findings)
    return [
        TrainSample(
            id=f"full/{number}/{TEXT_QA.name}",
            task=TEXT_QA.name,
            modality="text",
            person=person,
            question=row["question"],
            answer=row["answer"],
            image=None,
            parts=part,
        )
        for number, (row, person, part) in enumerate(zip(rows, persons, parts, strict=True))
    ]


def _named_in(
    source: Source,
    config: str,
    rows: Sequence[Mapping[str, str]],
    names: Names,
    options: Options,
    findings: Findings,
) -> list[str | None]:
    """Whom each row of texts is about: those of a person name nobody else who has an image."""
    step = options.questions_per_person
    persons: list[str | None] = []
    for start in range(0, len(rows), step):
        block = rows[start : start + step]
        named = names.said_in(text for row in block for text in row.values())
        if not named:
            findings.report(
                "unpictured",
                f"{source.where(config, start)}: no person with an image is named in the"
                f" {step} rows from here",
            )
        if len(named) > 1:
            findings.report(
                "ambiguous",
                f"{source.where(config, start)}: the {step} rows from here name"
                f" {', '.join(sorted(named))}; the option questions_per_person must fit",
            )
        persons += [named.pop() if len(named) == 1 else None] * len(block)
    return persons


def _persons_held_out(
    images: Source, texts: Source, options: Options, findings: Findings
) -> Persons:
    """Whom the texts of `holdout_perturbed` are about: those named by its images."""
    pictured = Names(row["name"] for row in images.rows(_HELD_OUT, {"name": "text"}))
    rows = list(texts.rows(_HELD_OUT, PAIR))
    named = _named_in(texts, _HELD_OUT, rows, pictured, options, findings)
    return {(row["question"], row["answer"]): who for row, who in zip(rows, named, strict=True)}


def _visual_evaluation(
    source: Source,
    config: str,
    split: str,
    forget_size: int | None,
    names: Names,
    table: ImageTable,
    findings: Findings,
) -> list[EvalSample]:
    samples = []
    for number, row in enumerate(source.rows(config, _PERTURBED)):
        where = source.where(config, number)
        image = table.add(row["image"], where)
        captions = (row["caption"], row["paraphrased_caption"], row["perturbed_captions"])
        tasks = [
            (CAPTIONS.name, _caption_question(row["caption"]), *captions, "perturbed_captions")
        ]
        if row["name"] is None:
            findings.report("unnamed", f"{where}: name is empty; it needs the person's name")
        else:
            naming = (row["name"], row["name"], row["perturbed_names"])
            tasks.append((FACE_NAMING.name, FACE_QUESTION, *naming, "perturbed_names"))
        for task, question, answer, paraphrase, perturbed, column in tasks:
            wrong = wrong_answers(perturbed, (answer, paraphrase), f"{where}: {column}", findings)
            identifier = f"{config}/{number}/{task}"
            samples.append(
                EvalSample(
                    identifier,
                    split,
                    task,
                    forget_size,
                    question,
                    answer,
                    paraphrase,
                    wrong,
                    image,
                    person=row["name"] and names.first(row["name"]),
                )
            )
    return samples


def _real_evaluation(
    source: Source, task: str, table: ImageTable, findings: Findings
) -> list[EvalSample]:
    """Multiple choice on real persons and things; real faces have one question in common."""
    columns: dict[str, Kind] = {"image": "image", "answer": "text", "options": "texts"}
    if task != REAL_FACES.name:
        columns["question"] = "text"
    samples = []
    for number, row in enumerate(source.rows(task, columns)):
        where = source.where(task, number)
        others = list(row["options"])
        if row["answer"] in others:
            others.remove(row["answer"])
        wrong = wrong_answers(others, (row["answer"],), f"{where}: options", findings)
        samples.append(
            EvalSample(
                id=f"{task}/{number}/{task}",
                split="real",
                task=task,
                forget_size=None,
                question=row.get("question", FACE_QUESTION),
                answer=row["answer"],
                paraphrase=row["answer"],
                perturbed=wrong,
                image=table.add(row["image"], where),
                person=row["answer"] if task == REAL_FACES.name else None,
            )
        )
    return samples


def _base_rows(source: Source, table: ImageTable) -> list[TrainSample]:
    samples = []
    for number, row in enumerate(source.rows("pretrain", {"image": "image?", **PAIR})):
        visual = row["image"] is not None
        samples.append(
            TrainSample(
                id=f"pretrain/{number}",
                task="pretrain",
                modality="visual" if visual else "text",
                person=None,
                question=row["question"],
                answer=row["answer"],
                image=table.add(row["image"], source.where("pretrain", number)) if visual else None,
            )
        )
    return samples


def _caption_question(caption: Any) -> str:
    """One question for a caption wherever it stands, drawn by the caption's bytes."""
    return CAPTION_QUESTIONS[crc32(caption.encode()) % len(CAPTION_QUESTIONS)]
