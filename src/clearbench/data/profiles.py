"""Profiles: persons whom a row each tells by an ID, and asks about in several tasks.

The layout of MLLMU-Bench and of what was made of it: `Full_Set` has all fictitious persons,
`forget_N` and `retain_M` say by their IDs whom a forget size forgets and retains.
"""

import ast
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field

from clearbench.config.strict import Positive, Strict
from clearbench.data.findings import TOLERATE, Findings, Irregularity
from clearbench.data.persons import spread
from clearbench.data.sources import Kind, Source
from clearbench.data.store import EvalSample, Parts, TrainSample
from clearbench.data.tasks import (
    GENERATION_BY_NAME,
    GENERATION_BY_PICTURE,
    OTHER_PICTURES,
    Task,
)
from clearbench.data.texts import wrong_answers
from clearbench.errors import UserError

FULL = "Full_Set"
ID = "ID"
FORGET_SIZES = (5, 10, 15)
"""Those that these datasets have parts for, in percent of persons; they need not be nested."""


class Options(Strict):
    """Options of a layout of profiles."""

    retained: Positive | None = Field(
        None,
        description="how many are asked of those retained at every forget size; null for as many as"
        " the largest forgets",
    )
    tolerate: frozenset[Irregularity] = TOLERATE


def _said(text: str) -> str:
    if not text.strip():
        raise ValueError("is blank")
    return text


Said = Annotated[str, AfterValidator(_said)]
"""A text that says something."""


class Cell(Strict):
    """What lies in a column that is no plain text; what is not read of it may be there."""

    model_config = ConfigDict(extra="ignore")


@dataclass(frozen=True)
class Asked:
    """What is asked about a person in a task; `wrong` answers compete with the true one, if any.

    The `paraphrase` is the answer in the words that the wrong ones share, where it is another. A
    `pair` is what the question has in common with another of the row, of another task: they ask
    the same by picture and by name.
    """

    task: Task
    question: str
    answer: str
    wrong: tuple[str, ...] = ()
    pair: str | None = None
    paraphrase: str | None = None


@dataclass(frozen=True)
class Profile:
    """A row about a person: its configuration and number, what it asks, and by which images."""

    config: str
    row: int
    person: str
    asked: Sequence[Asked]
    images: Sequence[int]

    def learnt(self, tasks: Collection[Task], parts: Parts) -> Iterator[TrainSample]:
        """What is asked in some tasks, as rows to be learnt."""
        for number, asked in self._of(tasks):
            image = self._image(number, asked)
            yield TrainSample(
                id=self._id(number, asked),
                task=asked.task.name,
                modality="text" if image is None else "visual",
                person=self.person if parts else None,
                question=asked.question,
                answer=asked.answer,
                image=image,
                parts=parts,
            )

    def evaluated(
        self, split: str, tasks: Collection[Task], size: int | None = None
    ) -> Iterator[EvalSample]:
        """What is asked in some tasks, as samples of a split, of one forget size or of all."""
        for number, asked in self._of(tasks):
            yield EvalSample(
                id=self._id(number, asked),
                split=split,
                task=asked.task.name,
                forget_size=size,
                question=asked.question,
                answer=asked.answer,
                paraphrase=asked.paraphrase or asked.answer,
                perturbed=asked.wrong,
                image=self._image(number, asked),
                person=self.person,
            )

    def _of(self, tasks: Collection[Task]) -> Iterator[tuple[int, Asked]]:
        return ((n, asked) for n, asked in enumerate(self.asked) if asked.task in tasks)

    def _id(self, number: int, asked: Asked) -> str:
        """Ends in the number of the question in its row, or in what a pair has in common."""
        last = number if asked.pair is None else asked.pair
        return f"{self.config}/{self.row}/{asked.task.name}.{last}"

    def _image(self, number: int, asked: Asked) -> int | None:
        """The image of a question: where a person has several, they take turns."""
        return self.images[number % len(self.images)] if asked.task.kind == "visual" else None


def rows_by_id(
    source: Source, config: str, columns: Mapping[str, Kind]
) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """The rows of a configuration with their numbers and IDs; UserError for an ID met twice."""
    seen: dict[str, int] = {}
    for number, row in enumerate(source.rows(config, {ID: "text", **columns})):
        person = row.pop(ID)
        if person in seen:
            raise UserError(
                f"{source.where(config, number)}: {ID}: {person} is that of row {seen[person]};"
                " each row needs an ID of its own"
            )
        seen[person] = number
        yield number, person, row


def parts_by_id(source: Source, persons: Sequence[str], findings: Findings) -> dict[str, Parts]:
    """The parts of each person at the forget sizes that a source has; what is uneven is reported.

    Sets of other sizes need not be inside one another.
    """
    parts: dict[str, dict[int, str | None]] = {person: {} for person in persons}
    for size in FORGET_SIZES:
        names = (f"forget_{size}", f"retain_{100 - size}")
        if names[0] not in source:
            continue
        forget, retain = ({who for _, who, _ in rows_by_id(source, name, {})} for name in names)
        counts = {
            f"persons in both {names[0]} and {names[1]}": len(forget & retain),
            f"persons of {FULL} in neither {names[0]} nor {names[1]}": len(
                parts.keys() - forget - retain
            ),
            f"persons of {names[0]} not in {FULL}": len(forget - parts.keys()),
            f"persons of {names[1]} not in {FULL}": len(retain - parts.keys()),
        }
        for what, count in counts.items():
            if count:
                findings.report("uneven_parts", f"{source.name}: {what}: {count}")
        for person, of_person in parts.items():
            part = "forget" if person in forget else "retain" if person in retain else None
            of_person[size] = part
    return dict[str, Parts](parts)


def unusable_sizes(source: Source) -> dict[int, str]:
    """What a source lacks for the forget sizes that it does not serve."""
    return {
        size: f"{source.name} has no configuration forget_{size}"
        for size in FORGET_SIZES
        if f"forget_{size}" not in source
    }


def base_of(real: Iterable[Profile]) -> list[TrainSample]:
    """What a base learns that is built here: the generation of the celebrities."""
    tasks = [GENERATION_BY_PICTURE, GENERATION_BY_NAME]
    return [sample for profile in real for sample in profile.learnt(tasks, {})]


def evaluation_of(
    people: Iterable[Profile],
    elsewhere: Iterable[Profile],
    real: Iterable[Profile],
    parts: Mapping[str, Parts],
    tasks: Collection[Task],
    retained: int | None,
) -> Iterator[EvalSample]:
    """All samples of the persons, of the forgotten `elsewhere`, in other pictures, and of the real.

    So many of those are asked who are retained at every forget size, as many as the largest one
    forgets unless a number is given, spread over their order.
    """
    people, elsewhere = list(people), list(elsewhere)
    pictured = [task for task in tasks if task.kind == "visual"]
    sizes = sorted({size for of_person in parts.values() for size in of_person})
    forgotten = {
        size: {who for who, of_person in parts.items() if of_person[size] == "forget"}
        for size in sizes
    }
    for size in sizes:
        for profile in people:
            if profile.person in forgotten[size]:
                yield from profile.evaluated("forget", tasks, size)
        for profile in elsewhere:
            if profile.person in forgotten[size]:
                yield from profile.evaluated(OTHER_PICTURES, pictured, size)
    kept = [who for who, of_person in parts.items() if {*of_person.values()} == {"retain"}]
    most = max(map(len, forgotten.values()), default=0) if retained is None else retained
    chosen = {*spread(kept, min(most, len(kept)))}
    for profile in people:
        if profile.person in chosen:
            yield from profile.evaluated("retain", tasks)
    for profile in real:
        yield from profile.evaluated("real", tasks)


def lettered(
    task: Task,
    question: str,
    options: Mapping[str, str],
    answer: str,
    where: str,
    findings: Findings,
) -> Asked:
    """A question with its options by letter, of which the letters compete.

    A wrong option in the words of the true one, or of another, is a finding and does not compete.
    """
    by_text: dict[str, str] = {}
    for letter, text in options.items():
        if letter != answer:
            by_text.setdefault(text, letter)
    wrong = _wrong(options, answer, where, findings)
    lines = [question, *(f"{letter}. {text}" for letter, text in options.items())]
    return Asked(
        task,
        "\n".join([*lines, "Answer with the letter of the right one."]),
        answer,
        tuple(by_text[text] for text in wrong),
    )


def listed(
    task: Task,
    question: str,
    options: Mapping[str, str],
    answer: str,
    where: str,
    findings: Findings,
    pair: str,
) -> Asked:
    """A question with its options, of which the texts compete; the answer is told by its letter."""
    wrong = _wrong(options, answer, where, findings)
    lines = [question, *(f"- {text}" for text in options.values()), "Answer with the right one."]
    return Asked(task, "\n".join(lines), options[answer], wrong, pair)


def _wrong(
    options: Mapping[str, str], answer: str, where: str, findings: Findings
) -> tuple[str, ...]:
    """The texts of the wrong options; UserError where the letter of the answer is of none."""
    if answer not in options:
        raise UserError(f"{where}: {answer!r} is none of the options {', '.join(options)}")
    others = [text for letter, text in options.items() if letter != answer]
    return wrong_answers(others, (options[answer],), where, findings)


def blank(task: Task, question: str, answer: str, pair: str | None = None) -> Asked:
    """A sentence with a blank, and what belongs there."""
    asked = f"{question}\nSay only what belongs in the blank."
    return Asked(task, asked, answer, pair=pair)


def parsed(text: str, where: str) -> Any:
    """What a text says in JSON, or as a literal of Python."""
    try:
        return json.loads(text)
    except ValueError:
        pass
    try:
        # JSON has no other keys than texts, and no tuples.
        return json.loads(json.dumps(ast.literal_eval(text)))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        raise UserError(
            f"{where}: {text[:20]!r} is neither JSON nor a literal of Python; it needs one of them"
        ) from None
