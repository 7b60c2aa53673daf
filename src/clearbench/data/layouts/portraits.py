"""Portraits of persons: in a folder one for each person, with that person's pictures.

As `s1/1.pgm` to `s40/10.pgm`; any names, sizes and formats, grey or in colours (`data.portraits`).
The persons are taken for real ones: their pictures and names are in no page and no crate unless
asked for, as of any dataset that does not say `fictitious: true`.

A photograph has no biography, so the suite makes up what is said of a person, from a seed:
captions, questions and answers, and the name too unless the folder's is asked for. The id of a
sample with anything made up ends in `/made-up`. What a base that is built here learns is drawn as
well: other persons, with pictures in the shape and colours of the portraits (`data.mini.lives`).

So many pictures of each person are held back, at even distances: no model is shown them, and the
split other_pictures asks who of the forgotten is on them. Who is forgotten is drawn, so many
percent of the persons, at least one, a smaller set inside the larger ones. Wrong answers are what
is true of others of the same forget set, and where it has too few, of persons of whom no model
hears.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal
from zlib import crc32

from pydantic import Field

from clearbench.config.strict import ForgetSize, Positive, Strict
from clearbench.data.contents import Contents, ImageTable
from clearbench.data.findings import TOLERATE, Irregularity
from clearbench.data.made_answers import MOST
from clearbench.data.mini.lives import Captioned, Lives, Look
from clearbench.data.mini.statements import Pair
from clearbench.data.mini.world import Person
from clearbench.data.normal_form import normal_form
from clearbench.data.persons import by_lot, parts_of, spread
from clearbench.data.portraits import Album, read_album, shown
from clearbench.data.questions import CAPTION_QUESTIONS, FACE_QUESTION
from clearbench.data.sources import Source
from clearbench.data.store import EvalSample, Parts, TrainSample
from clearbench.data.tasks import (
    CAPTIONS,
    FACE_NAMING,
    OTHER_PICTURES,
    REAL_FACES,
    TEXT_QA,
    Task,
)
from clearbench.errors import UserError

TASKS = (CAPTIONS, FACE_NAMING, TEXT_QA, REAL_FACES)

_LEARNT = 2
"""Of fewer pictures nothing can be learnt to be alike."""

_MADE_UP = "/made-up"


class Options(Strict):
    """Options of the layout."""

    forget_sizes: list[ForgetSize] = Field(
        [10], min_length=1, description="those of the dataset, which is told them"
    )
    seed: int = Field(
        0, ge=0, description="of the draw of who is forgotten, and of what is made up"
    )
    names: Literal["drawn", "folder"] = Field(
        "drawn", description="whether persons have made-up names, or those of their folders"
    )
    held_back: int = Field(2, ge=0, description="pictures of each person that no model is shown")
    retained: Positive | None = Field(
        None, description="how many retained persons are asked; null for all"
    )
    tolerate: frozenset[Irregularity] = TOLERATE


@dataclass(frozen=True)
class _Question:
    """What is asked of a person, about a picture or in words alone, with its answer.

    `said` has its wordings; None where the answer is the name alone.
    """

    number: int
    task: Task
    person: Person
    question: str
    answer: str
    said: Captioned | Pair | None = None
    image: int | None = None
    held_back: bool = False

    def of(self, other: Person) -> str:
        """What would be answered if it were about another, in the wording of wrong answers."""
        if self.said is None:
            return other.name
        if isinstance(self.said, Captioned):
            return self.said.paraphrased(other)
        return self.said.paraphrased(getattr(other, self.said.topic.fact))


def read(images: Source | None, texts: Source | None, options: Options) -> Contents:
    """Read the folder of portraits, which is the image part of a dataset."""
    if images is None or texts is not None:
        raise UserError("images: missing; the layout portraits needs images and takes no texts")
    name, sizes = images.name, sorted(options.forget_sizes)
    album = read_album(images.folder, name, _LEARNT + options.held_back)
    folders, own = list(album.persons), options.names == "folder"
    lives = Lives([shown(f) if own else None for f in folders], options.seed, name)
    gone = {size: by_lot(folders, size, options.seed) for size in sizes}
    by_folder = parts_of(folders, sizes, gone.__getitem__, name)
    parts = {
        person.name: by_folder[folder]
        for folder, person in zip(folders, lives.persons, strict=True)
    }
    table = ImageTable()
    asked = [*_pictures(album, lives, options, table, name), *_texts(lives)]
    look = Look(album.size, album.grey)
    made = _Made(lives, options)
    train = [
        TrainSample(
            id=made.id("portraits", one),
            task=one.task.name,
            modality="text" if one.image is None else "visual",
            person=one.person.name,
            question=one.question,
            answer=one.answer,
            image=one.image,
            parts=parts[one.person.name],
        )
        for one in asked
        if not one.held_back
    ]
    evaluation = list(_evaluation(asked, parts, made, options))
    base = [*_base(lives, look, table)]
    evaluation += _drawn(lives, look, table)
    what = "all that is said of them is" if own else "their names and all that is said of them are"
    notes = [*album.notes, f"{name}: persons: {len(folders)}; {what} made up ({_MADE_UP[1:]})"]
    return Contents(table.images, base, train, evaluation, notes)


def _pictures(
    album: Album, lives: Lives, options: Options, table: ImageTable, name: str
) -> Iterator[_Question]:
    """Of each picture the name and a caption."""
    number = 0
    for person, portraits in zip(lives.persons, album.persons.values(), strict=True):
        held_back = spread(range(len(portraits)), options.held_back)
        for place, portrait in enumerate(portraits):
            image = table.add(portrait.encoded, f"{name}: {portrait.file}")
            said = lives.captioned(number)
            caption = said.caption(person)
            question = CAPTION_QUESTIONS[crc32(caption.encode()) % len(CAPTION_QUESTIONS)]
            back = place in held_back
            yield _Question(
                number, FACE_NAMING, person, FACE_QUESTION, person.name, None, image, back
            )
            yield _Question(number, CAPTIONS, person, question, caption, said, image, back)
            number += 1


def _texts(lives: Lives) -> Iterator[_Question]:
    for number, pair in enumerate(lives.pairs()):
        yield _Question(number, TEXT_QA, pair.person, pair.question(), pair.answer(), pair)


class _Made:
    """Samples of what is made up, with wrong answers."""

    def __init__(self, lives: Lives, options: Options):
        self._lives = lives
        self._own_names = options.names == "folder"

    def id(self, config: str, one: _Question) -> str:
        """The id of a sample, which says whether anything in it is made up."""
        true = self._own_names and one.said is None
        return f"{config}/{one.number}/{one.task.name}{'' if true else _MADE_UP}"

    def asked(
        self, one: _Question, split: str, size: int | None, alike: Collection[str]
    ) -> EvalSample:
        """A question as it is evaluated; wrong answers are first of persons `alike`, by name."""
        return EvalSample(
            id=self.id(split if size is None else f"{split}{size:02d}", one),
            split=split,
            task=one.task.name,
            forget_size=size,
            question=one.question,
            answer=one.answer,
            paraphrase=one.of(one.person),
            perturbed=self._wrong(one, alike),
            image=one.image,
            person=one.person.name,
        )

    def _wrong(self, one: _Question, alike: Collection[str]) -> tuple[str, ...]:
        """MOST wrong answers, or as many as there are.

        After persons alike come those of whom no model hears, unless names are real: drawn ones
        would be told by their look.
        """
        persons = self._lives.persons
        first = [person for person in persons if person.name in alike]
        more = [person for person in persons if person.name not in alike]
        rest = more if self._own_names else self._lives.nobodies
        truths = {normal_form(text) for text in (one.answer, one.of(one.person))}
        wrong: dict[str, str] = {}
        for others in (first, rest):
            for other in sorted(others, key=lambda other: _lot(one, other)):
                text = one.of(other)
                if normal_form(text) not in truths:
                    wrong.setdefault(normal_form(text), text)
        return tuple(wrong.values())[:MOST]


def _lot(one: _Question, other: Person) -> str:
    """A place in the draw of wrong answers to a question, which no third person moves."""
    return sha256(f"{one.task.name}/{one.number}/{other.name}".encode()).hexdigest()


def _evaluation(
    asked: Sequence[_Question], parts: Mapping[str, Parts], made: _Made, options: Options
) -> Iterator[EvalSample]:
    """Of each size the forgotten, then the retained of the largest, asked in all tasks."""
    sizes = sorted(options.forget_sizes)
    for size in sizes:
        forgotten = [person for person in parts if parts[person][size] == "forget"]
        for one in asked:
            if one.person.name in forgotten:
                split = OTHER_PICTURES if one.held_back else "forget"
                yield made.asked(one, split, size, forgotten)
    retained = [person for person in parts if parts[person][sizes[-1]] == "retain"]
    chosen = spread(retained, min(options.retained or len(retained), len(retained)))
    for one in asked:
        if one.person.name in chosen and not one.held_back:
            yield made.asked(one, "retain", None, retained)


def _base(lives: Lives, look: Look, table: ImageTable) -> Iterator[TrainSample]:
    for number, row in enumerate(lives.base(look)):
        key = f"drawn/{number}"
        yield TrainSample(
            id=key,
            task="pretrain",
            modality="text" if row["image"] is None else "visual",
            person=None,
            question=row["question"],
            answer=row["answer"],
            image=row["image"] and table.add(row["image"], key),
        )


def _drawn(lives: Lives, look: Look, table: ImageTable) -> Iterator[EvalSample]:
    """The drawn persons, whom the base knows, in pictures that it has not seen."""
    for number, row in enumerate(lives.asked_of_the_drawn(look)):
        key = f"{REAL_FACES.name}/{number}/{REAL_FACES.name}{_MADE_UP}"
        yield EvalSample(
            id=key,
            split="real",
            task=REAL_FACES.name,
            forget_size=None,
            question=FACE_QUESTION,
            answer=row["answer"],
            paraphrase=row["answer"],
            perturbed=tuple(option for option in row["options"] if option != row["answer"]),
            image=table.add(row["image"], key),
        )
