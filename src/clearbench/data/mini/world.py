"""The persons of the world: who they are, what is true of them, and who is to be forgotten."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import cycle, islice

from clearbench.config.generator import MiniSettings
from clearbench.data.mini.pools import (
    BIRTHPLACES,
    FEMALE_NAMES,
    GENRES,
    LAST_NAMES,
    MALE_NAMES,
    PROFESSIONS,
    REAL_LAST_NAMES,
    TITLE_ADJECTIVES,
    TITLE_NOUNS,
)
from clearbench.data.mini.portraits import Face, random_face
from clearbench.data.parts import FORGET_SIZES
from clearbench.data.tasks import HOLDOUT, VALIDATED
from clearbench.errors import UserError

GENDERS = ("male", "female")
FACE_DISTANCE = 3


@dataclass(frozen=True)
class Person:
    """A person; the wordings refer to the fields by name. `face` is None where none is drawn."""

    name: str
    gender: str
    birthplace: str
    father: str
    mother: str
    genre: str
    book: str
    face: Face | None

    def portrayed(self) -> Face:
        """The face of a person who has one."""
        if self.face is None:
            raise ValueError(f"{self.name} has no face")
        return self.face


@dataclass(frozen=True)
class World:
    """All persons, and the names (by gender) and book titles that belong to nobody.

    The order of `fictitious` is the dataset's; the last ones are to be forgotten. No model meets
    those `held_out`, whose names and titles so count as nobody's.
    """

    fictitious: tuple[Person, ...]
    real: tuple[Person, ...]
    unpictured: tuple[Person, ...]
    unused_names: dict[str, tuple[str, ...]]
    unused_books: tuple[str, ...]
    held_out: tuple[Person, ...] = ()

    def retain(self, percent: int) -> tuple[Person, ...]:
        """The fictitious persons but the last `percent` %."""
        return self.fictitious[: len(self.fictitious) * (100 - percent) // 100]

    def forget(self, percent: int) -> tuple[Person, ...]:
        """The last `percent` % of the fictitious persons; the smaller sets lie in the larger."""
        return self.fictitious[len(self.retain(percent)) :]

    def parts(self) -> dict[str, tuple[Person, ...]]:
        """The fictitious persons of `full` and of each `forgetXX` and `retainXX`."""
        return {
            "full": self.fictitious,
            **{f"forget{percent:02d}": self.forget(percent) for percent in FORGET_SIZES},
            **{f"retain{100 - percent}": self.retain(percent) for percent in FORGET_SIZES},
        }

    def asked_of_retained(self) -> tuple[Person, ...]:
        """Retained persons by whom retention is judged, as many as the largest forget set has.

        They are spread over the order, in couples, so that genders stay balanced.
        """
        retain = self.retain(max(FORGET_SIZES))
        step = 2 * len(retain) // len(self.forget(max(FORGET_SIZES)))
        return tuple(p for i in range(0, len(retain), step) for p in retain[i : i + 2])

    def validation(self, percent: int) -> tuple[Person, ...]:
        """As many retained persons as `percent` % forgets, by whom retention is not judged.

        They are the last ones in the order; the smaller sets lie in the larger.
        """
        asked = {person.name for person in self.asked_of_retained()}
        others = [p for p in self.retain(max(FORGET_SIZES)) if p.name not in asked]
        return tuple(others[max(0, len(others) - len(self.forget(percent))) :])

    def evaluated(self) -> dict[str, tuple[tuple[Person, ...], tuple[Person, ...]]]:
        """Whom each forget set, `retain`, each validation and `holdout` ask about, and their like.

        The persons alike are those that a model has met if and only if it has met the ones asked
        about.
        """
        forget = {f"forget{percent:02d}": (self.forget(percent),) * 2 for percent in FORGET_SIZES}
        validation = {
            f"{VALIDATED}{percent:02d}": (self.validation(percent),) * 2 for percent in FORGET_SIZES
        }
        held_out = {HOLDOUT: (self.held_out,) * 2} if self.held_out else {}
        retain = (self.asked_of_retained(), self.retain(max(FORGET_SIZES)))
        return {**forget, "retain": retain, **validation, **held_out}


def build_world(settings: MiniSettings, holdout: int | None = None) -> World:
    """Draw the persons, and `holdout` percent of them in addition, which moves no other.

    Names, titles, facts and faces are independent of each other, and each value of a pool is used
    equally often: who never met a person can do no better than guess what is true of them. Genders
    alternate, so that every forget set has both.
    """
    rng = settings.rng("world")
    couples = zip(shuffled(rng, MALE_NAMES), shuffled(rng, FEMALE_NAMES), strict=True)
    firsts = iter([name for couple in couples for name in couple])
    lasts = cycle(shuffled(rng, LAST_NAMES))
    titles = pairings(shuffled(rng, TITLE_ADJECTIVES), shuffled(rng, TITLE_NOUNS))
    faces: list[Face] = []

    def persons(count: int, lasts: Iterator[str], pictured: bool = True) -> tuple[Person, ...]:
        columns = zip(
            (f"{first} {last}" for first, last in zip(islice(firsts, count), lasts, strict=False)),
            cycle(GENDERS),
            balanced(rng, BIRTHPLACES, count),
            balanced(rng, PROFESSIONS, count),
            balanced(rng, PROFESSIONS, count),
            balanced(rng, GENRES, count),
            # Shuffled, for names and titles are paired by the same rule.
            shuffled(rng, [f"The {title}" for title in islice(titles, count)]),
        )
        return tuple(
            Person(
                name=name,
                gender=gender,
                birthplace=birthplace,
                father=father,
                mother=mother,
                genre=genre,
                book=book,
                face=distinct_face(rng, gender, faces) if pictured else None,
            )
            for name, gender, birthplace, father, mother, genre, book in columns
        )

    fictitious = persons(settings.persons, lasts)
    real = persons(settings.real_persons, cycle(shuffled(rng, REAL_LAST_NAMES)))
    unpictured = persons(settings.unpictured_persons, lasts, pictured=False)
    unused = [f"{first} {last}" for first, last in zip(firsts, lasts, strict=False)]
    world = World(
        fictitious,
        real,
        unpictured,
        unused_names={"male": tuple(unused[::2]), "female": tuple(unused[1::2])},
        unused_books=tuple(f"The {title}" for title in titles),
    )
    return replace(world, held_out=_held_out(world, settings, holdout, faces)) if holdout else world


def _held_out(
    world: World, settings: MiniSettings, percent: int, faces: list[Face]
) -> tuple[Person, ...]:
    """Persons as the fictitious ones are, drawn from what those have left."""
    rng = settings.rng(HOLDOUT)
    count = max(1, settings.persons * percent // 100)
    couples = zip(*(world.unused_names[gender] for gender in GENDERS), strict=False)
    names = [name for couple in couples for name in couple]
    most = min(len(names), len(world.unused_books))
    if count > most:
        raise UserError(
            f"holdout: {percent} % are {count} persons; the others leave names and titles for"
            f" {most}; hold out fewer"
        )
    columns = zip(
        names[:count],
        cycle(GENDERS),
        balanced(rng, BIRTHPLACES, count),
        balanced(rng, PROFESSIONS, count),
        balanced(rng, PROFESSIONS, count),
        balanced(rng, GENRES, count),
        shuffled(rng, world.unused_books[:count]),
        (distinct_face(rng, gender, faces) for gender in cycle(GENDERS)),
    )
    return tuple(Person(*fields) for fields in columns)


def pairings(first: Sequence[str], second: Sequence[str]) -> Iterator[str]:
    """All pairs of two words, each once, in rounds that use each first word once."""
    for shift in range(len(second)):
        for i, word in enumerate(first):
            yield f"{word} {second[(i + shift) % len(second)]}"


def balanced(rng: random.Random, pool: Sequence[str], count: int) -> list[str]:
    """`count` draws from a pool, without replacement until all values are used, then again."""
    draws: list[str] = []
    while len(draws) < count:
        draws += shuffled(rng, pool)
    return draws[:count]


def shuffled(rng: random.Random, values: Sequence[str]) -> list[str]:
    """The values in random order."""
    return rng.sample(values, k=len(values))


def distinct_face(rng: random.Random, gender: str, taken: list[Face]) -> Face:
    """A face that differs from all `taken` in FACE_DISTANCE attributes, and is then taken."""
    while True:
        face = random_face(rng, gender)
        if all(face.distance(other) >= FACE_DISTANCE for other in taken):
            taken.append(face)
            return face
