"""Lives: what is made up about persons in photographs, who bring a face and nothing else.

A base that is built here learns language, names and faces from drawn persons alone, whose pictures
have the shape of the photographs, and are grey where these are.
"""

import io
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from PIL import Image, ImageOps

from clearbench.config.generator import PERSONS, REAL_PERSONS, MiniSettings
from clearbench.data.mini.clear import real_faces
from clearbench.data.mini.portraits import draw_photograph, jpeg, random_scene
from clearbench.data.mini.pretrain import pretrain_rows
from clearbench.data.mini.rows import Row, image_cell
from clearbench.data.mini.statements import Pair, ask_pairs
from clearbench.data.mini.wording import say
from clearbench.data.mini.world import Person, World, build_world
from clearbench.data.questions import CAPTION_QUESTIONS
from clearbench.errors import UserError

SIDE = 112
"""Pixels of the longer side of a drawn face."""

NOBODIES = 10
"""How many lives are left over at least, of whom no model hears: wrong answers."""

_UNPICTURED = 76
_STEP = 100
_CAPTIONED = 15
_CAPTIONS = (
    "A portrait of {0.name} from {0.birthplace}, an author of {0.genre} stories.",
    "This is {0.name}, who comes from {0.birthplace} and writes {0.genre} books.",
    "{0.name}, born in {0.birthplace} and known for {0.genre} books.",
)


@dataclass(frozen=True)
class Look:
    """How photographs look: their width and height in pixels, and whether they are grey."""

    size: tuple[int, int]
    grey: bool

    def of(self, encoded: bytes) -> bytes:
        """A drawn picture cut to this look, with SIDE pixels on its longer side at most."""
        scale = SIDE / max(self.size)
        width, height = (max(1, round(side * scale)) for side in self.size)
        with Image.open(io.BytesIO(encoded)) as drawn:
            cut = ImageOps.fit(drawn, (width, height))
            return jpeg(cut.convert("L") if self.grey else cut)


@dataclass(frozen=True)
class Captioned:
    """What the caption of a photograph says of whom it shows, and the same in other words."""

    wording: str
    paraphrase: str

    def caption(self, person: Person) -> str:
        """The caption as it is learnt."""
        return say(self.wording, person)

    def paraphrased(self, person: Person) -> str:
        """The caption in other words."""
        return say(self.paraphrase, person)


class Lives:
    """As many lives as there are persons, drawn from a seed, and drawn persons with a face."""

    def __init__(self, names: Sequence[str | None], seed: int, where: str):
        """Lives for persons of some names; None for one who is given a drawn name.

        UserError, which begins with `where`, for more persons than there are lives.
        """
        most = (PERSONS - REAL_PERSONS - _UNPICTURED) // _STEP * _STEP
        drawn = -(-(len(names) + NOBODIES) // _STEP) * _STEP
        if drawn > most:
            raise UserError(
                f"{where}: persons: {len(names)}; names and facts suffice for {most - NOBODIES}"
            )
        self._settings = MiniSettings(
            seed=seed,
            persons=drawn,
            image_size=SIDE,
            unpictured_persons=_UNPICTURED,
            strangers=1500,
            things=0,
        )
        world = build_world(self._settings)
        lives = zip(world.fictitious, names, strict=False)
        self.persons = [replace(life, name=name or life.name) for life, name in lives]
        self.nobodies = world.fictitious[len(names) :]
        self._world: World = replace(world, fictitious=(*self.persons, *self.nobodies))

    def pairs(self) -> list[Pair]:
        """Questions and answers about all persons."""
        return ask_pairs(replace(self._world, fictitious=tuple(self.persons)), self._settings)

    def captioned(self, *picture: object) -> Captioned:
        """The caption of a picture, which is its number or numbers."""
        return _drawn_captions(self._settings.rng("captions", *picture))

    def base(self, look: Look) -> Iterator[Row]:
        """What a base learns: rows of a picture (or None), question and answer."""
        for row in (*pretrain_rows(self._world, self._settings), *self._captions()):
            yield _in_look(row, look)

    def asked_of_the_drawn(self, look: Look) -> Iterator[Row]:
        """Rows of a picture of a drawn person, the name, and options of which it is one."""
        for row in real_faces(self._world, self._settings):
            yield _in_look(row, look)

    def _captions(self) -> Iterator[Row]:
        rng = self._settings.rng("captions of the drawn")
        for person in self._world.real:
            for _ in range(_CAPTIONED):
                picture = draw_photograph(person.portrayed(), random_scene(rng), SIDE)
                yield {
                    "image": image_cell(jpeg(picture)),
                    "question": rng.choice(CAPTION_QUESTIONS),
                    "answer": _drawn_captions(rng).caption(person),
                }


def _drawn_captions(rng: random.Random) -> Captioned:
    return Captioned(*rng.sample(_CAPTIONS, k=2))


def _in_look(row: Row, look: Look) -> Row:
    """A row with its picture as bytes, in a look."""
    image = row["image"] and look.of(row["image"]["bytes"])
    return {**row, "image": image}
