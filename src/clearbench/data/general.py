"""General ability: questions about pictures of anything, of which no model learns or forgets any.

A folder has pictures, at any depth, and questions in one layout or in both:

`*.jsonl`
    POPE's, a question a line: `question_id`, `image` (the name of a picture's file), `text` and
    `label` (yes or no)
`*questions.json` and `*annotations.json`
    VQAv2's: `questions` (`question_id`, `image_id`, `question`) and `annotations` (`question_id`,
    `multiple_choice_answer`, `answers`: ten, each with `answer`); a picture's file is named for
    something that ends in the `image_id`, as `COCO_val2014_000000000042.jpg`

Keys beyond these are not read. The samples are of the split `real` and in no headline number.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from re import search
from typing import Annotated, Any, Literal

from pydantic import AfterValidator

from clearbench.config.strict import validate
from clearbench.data.contents import Contents, ImageTable
from clearbench.data.persons import spread
from clearbench.data.profiles import Cell, Said
from clearbench.data.store import EvalSample
from clearbench.data.tasks import SHORT_ANSWERS, YES_OR_NO, Task
from clearbench.errors import UserError

SAY_YES_OR_NO = "{}\nAnswer with yes or no."
SAY_IT_SHORT = "{}\nAnswer with a word or a short phrase."
YES, NO = "Yes", "No"
DRAWN = "general"
"""The folder of such questions in what a generator draws."""
PEOPLE = 10
"""Who answered each question of VQAv2."""

_PICTURES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif"})


class _YesOrNo(Cell):
    question_id: int | str
    image: Said
    text: Said
    label: Literal["yes", "no"]


class _Question(Cell):
    question_id: int
    image_id: int
    question: Said


class _Answer(Cell):
    answer: str


def _of_all(answers: list[_Answer]) -> list[_Answer]:
    if len(answers) != PEOPLE:
        raise ValueError(f"holds {len(answers)}; it needs those of {PEOPLE} people")
    return answers


class _Annotation(Cell):
    question_id: int
    multiple_choice_answer: Said
    answers: Annotated[list[_Answer], AfterValidator(_of_all)]


class _Questions(Cell):
    questions: list[dict[str, Any]]


class _Annotations(Cell):
    annotations: list[dict[str, Any]]


def with_general(contents: Contents, folder: Path, most: int | None = None) -> Contents:
    """The contents with the questions of a folder, so many of a file at the most, spread over it.

    Raises UserError, with file and place, for what is missing or wrong.
    """
    table = ImageTable(contents.images)
    asked = [*_asked_in(folder, most, table)]
    if not asked:
        raise UserError(
            f"{folder}: no questions here; it needs *.jsonl as POPE has them, or *questions.json"
            " and *annotations.json as VQAv2 has them"
        )
    return replace(contents, images=table.images, evaluation=[*contents.evaluation, *asked])


def _asked_in(folder: Path, most: int | None, table: ImageTable) -> Iterator[EvalSample]:
    pictures = _Pictures(folder)
    for file in sorted(folder.glob("*.jsonl")):
        lines = enumerate(_text(file).splitlines(), start=1)
        rows = [(f"{file}, line {number}", line) for number, line in lines if line.strip()]
        for where, line in _some(rows, most):
            one = validate(_YesOrNo, _parsed(line, where), where)
            key = table.add(pictures.named(one.image, where), where)
            answer, other = (YES, NO) if one.label == "yes" else (NO, YES)
            yield _asked(
                YES_OR_NO,
                f"{file.stem}/{one.question_id}",
                SAY_YES_OR_NO.format(one.text),
                answer,
                key,
                perturbed=(other,),
            )
    annotations = _annotations(folder)
    for file in sorted(folder.glob("*questions.json")):
        listed = validate(_Questions, _parsed(_text(file), str(file)), str(file)).questions
        places = [(f"{file}: questions.{number}", row) for number, row in enumerate(listed)]
        for where, row in _some(places, most):
            question = validate(_Question, row, where)
            if question.question_id not in annotations:
                raise UserError(
                    f"{where}: question_id: {question.question_id}: no *annotations.json here has"
                    " it"
                )
            place, told = annotations[question.question_id]
            said = validate(_Annotation, told, place)
            yield _asked(
                SHORT_ANSWERS,
                f"{file.stem}/{question.question_id}",
                SAY_IT_SHORT.format(question.question),
                said.multiple_choice_answer,
                table.add(pictures.numbered(question.image_id, where), where),
                answers=tuple(one.answer for one in said.answers),
            )


def _asked(
    task: Task,
    name: str,
    question: str,
    answer: str,
    image: int,
    perturbed: tuple[str, ...] = (),
    answers: tuple[str, ...] = (),
) -> EvalSample:
    return EvalSample(
        id=f"{name}/{task.name}",
        split="real",
        task=task.name,
        forget_size=None,
        question=question,
        answer=answer,
        paraphrase=answer,
        perturbed=perturbed,
        image=image,
        answers=answers,
    )


def _some(rows: list[tuple[str, Any]], most: int | None) -> list[tuple[str, Any]]:
    return rows if most is None else spread(rows, min(most, len(rows)))


def _annotations(folder: Path) -> Mapping[int, tuple[str, dict[str, Any]]]:
    """The annotations of all files by the question's id, each with its place; checked when read."""
    by_question = {}
    for file in sorted(folder.glob("*annotations.json")):
        listed = validate(_Annotations, _parsed(_text(file), str(file)), str(file)).annotations
        for number, row in enumerate(listed):
            by_question[row.get("question_id", -1)] = (f"{file}: annotations.{number}", row)
    return by_question


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except (OSError, ValueError) as error:
        raise UserError(f"{file}: can't be read ({error}); it needs text in UTF-8") from None


def _parsed(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise UserError(f"{where}: not JSON ({error})") from None


class _Pictures:
    """The pictures below a folder, by the names of their files and by the numbers these end in."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._paths: dict[str | int, list[Path]] = {}
        for path in sorted(folder.rglob("*")):
            if path.suffix.lower() in _PICTURES:
                self._paths.setdefault(path.name, []).append(path)
                if number := search(r"\d+$", path.stem):
                    self._paths.setdefault(int(number[0]), []).append(path)

    def named(self, name: str, where: str) -> bytes:
        """The picture whose file has a name; UserError where there is none, or are several."""
        return self._only(name, f"{where}: image: {name}")

    def numbered(self, number: int, where: str) -> bytes:
        """The picture whose file's name ends in a number."""
        return self._only(number, f"{where}: image_id: {number}")

    def _only(self, key: str | int, where: str) -> bytes:
        paths = self._paths.get(key, [])
        if not paths:
            raise UserError(f"{where}: no picture of this name below {self._folder}")
        if len(paths) > 1:
            raise UserError(f"{where}: may be {paths[0]} or {paths[1]}; leave one of them there")
        return paths[0].read_bytes()
