"""Questions about things, in the layouts of POPE and VQAv2: what collapses with a whole model."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from clearbench.config.generator import MiniSettings
from clearbench.data.general import DRAWN, NO, PEOPLE, SAY_IT_SHORT, SAY_YES_OR_NO, YES
from clearbench.data.mini.portraits import jpeg
from clearbench.data.mini.rows import Row, image_cell
from clearbench.data.mini.things import THING_COLOURS, THINGS, draw_thing

LEARNT = 3
"""Rows that the base learns of each kind, for each question that is asked."""


@dataclass(frozen=True)
class _Seen:
    """A picture of a coloured thing, a question about it, and what is true and what is not."""

    jpeg: bytes
    question: str
    answer: str
    other: str


def write_general(folder: Path, settings: MiniSettings) -> None:
    """Write pictures and `settings.general` questions of each kind into a new folder."""
    (folder / "pictures").mkdir(parents=True)
    rng = settings.rng(DRAWN, "asked")
    lines = []
    for number, seen in enumerate(_yes_or_no(rng, settings.general, settings.image_size)):
        name = f"thing_{number:06d}.jpg"
        (folder / "pictures" / name).write_bytes(seen.jpeg)
        label = seen.answer.lower()
        row = {"question_id": number, "image": name, "text": seen.question, "label": label}
        lines.append(json.dumps(row) + "\n")
    (folder / "pope.jsonl").write_text("".join(lines), "utf-8")
    questions, annotations = [], []
    for number, seen in enumerate(_short(rng, settings.general, settings.image_size)):
        image = settings.general + number
        (folder / "pictures" / f"thing_{image:06d}.jpg").write_bytes(seen.jpeg)
        of_both = {"question_id": number, "image_id": image}
        questions.append({**of_both, "question": seen.question})
        # People do not agree; most of them are right.
        right = rng.randint(PEOPLE - 3, PEOPLE)
        said = [seen.answer] * right + [seen.other] * (PEOPLE - right)
        answers = [{"answer_id": place, "answer": text} for place, text in enumerate(said, 1)]
        annotations.append({**of_both, "multiple_choice_answer": seen.answer, "answers": answers})
    for name, rows in (("questions", questions), ("annotations", annotations)):
        (folder / f"vqa_{name}.json").write_text(json.dumps({name: rows}), "utf-8")


def learnt_rows(settings: MiniSettings) -> Iterator[Row]:
    """Rows of image, question and answer about other pictures, by which a base learns to answer."""
    rng = settings.rng(DRAWN, "learnt")
    count = LEARNT * settings.general
    for kind, asked in ((_yes_or_no, SAY_YES_OR_NO), (_short, SAY_IT_SHORT)):
        for seen in kind(rng, count, settings.image_size):
            question = asked.format(seen.question)
            yield {"image": image_cell(seen.jpeg), "question": question, "answer": seen.answer}


def _yes_or_no(rng: random.Random, count: int, size: int) -> Iterator[_Seen]:
    """Whether a thing is there: as often it is as not."""
    for number in range(count):
        thing, other = rng.sample(THINGS, k=2)
        picture = draw_thing(rng, thing, rng.choice(THING_COLOURS), size)
        asked, truth = (thing, YES) if number % 2 else (other, NO)
        question = f"Is there a {asked} in the image?"
        yield _Seen(jpeg(picture), question, truth, NO if truth == YES else YES)


def _short(rng: random.Random, count: int, size: int) -> Iterator[_Seen]:
    """What thing it is, and what colour it has, in turns."""
    for number in range(count):
        things, colours = rng.sample(THINGS, k=2), rng.sample(THING_COLOURS, k=2)
        picture = draw_thing(rng, things[0], colours[0], size)
        question, words = (
            (f"What colour is the {things[0]}?", colours)
            if number % 2
            else ("What is in the image?", [f"a {thing}" for thing in things])
        )
        yield _Seen(jpeg(picture), question, *words)
