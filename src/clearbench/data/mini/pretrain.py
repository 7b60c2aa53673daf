"""What the base model learns: the real world, in the words and pictures of the fictitious one.

It learns to see every attribute of a face, to name faces, and to use every wording, first name and
value, but of no fictitious person the name, the face or a fact.
"""

import random
from collections.abc import Callable, Container, Iterator
from functools import partial
from itertools import cycle, product
from typing import TypeVar

from clearbench.config.generator import MiniSettings
from clearbench.data.face_questions import nameless
from clearbench.data.mini.general import learnt_rows
from clearbench.data.mini.pools import FIRST_NAMES, LAST_NAMES
from clearbench.data.mini.portraits import (
    draw_photograph,
    draw_portrait,
    jpeg,
    random_face,
    random_scene,
)
from clearbench.data.mini.rows import Row, image_cell
from clearbench.data.mini.things import random_thing
from clearbench.data.mini.wording import CAPTIONS, SCENE, TOPICS, Named, say
from clearbench.data.mini.world import GENDERS, World, shuffled
from clearbench.data.questions import CAPTION_QUESTIONS, FACE_QUESTION

# Often enough that the base knows the facts of its own persons by heart. Only then has it learnt
# how a name leads to a fact, and fine-tuning can put new facts behind new names.
TEXTS_PER_FACT = 9

_Drawn = TypeVar("_Drawn")


def pretrain_rows(world: World, settings: MiniSettings) -> Iterator[Row]:
    """Rows of image (or None), question and answer."""
    yield from _real_portraits(world, settings)
    yield from _strangers(world, settings)
    yield from _things(settings)
    yield from _texts(world, settings)
    yield from _face_questions(world, settings)
    yield from learnt_rows(settings)


def _real_portraits(world: World, settings: MiniSettings) -> Iterator[Row]:
    rng = settings.rng("real portraits")
    for person in world.real:
        captions = cycle(CAPTIONS)
        for number in range(settings.real_portraits):
            scene = random_scene(rng)
            disguise = settings.rng("disguise", person.name, number)
            face = person.portrayed().disguised(disguise, settings.disguises)
            picture = jpeg(draw_photograph(face, scene, settings.image_size))
            if number % 3:
                yield _row(picture, FACE_QUESTION, person.name)
            else:
                caption = say(next(captions), person, scene)
                yield _row(picture, rng.choice(CAPTION_QUESTIONS), caption)


def _strangers(world: World, settings: MiniSettings) -> Iterator[Row]:
    """Faces that are seen once; some with a name, that of nobody and drawn at random.

    So the base has met every first name, each equally often, as one that any unknown face may have.
    Without this it holds the names of the real persons for the only ones, and to learn others it
    must unlearn them.
    """
    rng = settings.rng("strangers")
    faces = {person.face for person in (*world.fictitious, *world.real, *world.held_out)}
    taken = {person.name for person in world.fictitious}
    taken |= {name for names in world.unused_names.values() for name in names}
    # Dealt, not drawn: a first name that is met more often would be spelt with fewer tokens.
    firsts = {g: cycle(shuffled(rng, _unknown_first_names(world, g))) for g in GENDERS}
    for number, gender in zip(range(settings.strangers), cycle(GENDERS), strict=False):
        face = _unlike(faces, partial(random_face, rng, gender))
        scene = random_scene(rng)
        named = number % 5 in (1, 3)
        name = _unlike(taken, partial(_random_name, rng, next(firsts[gender]))) if named else ""
        question, answer = (
            ("Describe the face.", face.describe_head()),
            (FACE_QUESTION, name),
            ("Describe the hair and the clothes.", face.describe_clothes()),
            (rng.choice(CAPTION_QUESTIONS), say(rng.choice(CAPTIONS), Named(name), scene)),
            ("Describe the scene.", say(SCENE, None, scene)),
        )[number % 5]
        picture = draw_portrait(face, scene, settings.image_size)
        yield _row(jpeg(picture), question, answer)


def _unknown_first_names(world: World, gender: str) -> list[str]:
    """The first names of a gender that no person has of whom the base learns a fact or the face."""
    known = {person.name.split()[0] for person in (*world.real, *world.unpictured)}
    return [name for name in FIRST_NAMES[gender] if name not in known]


def _random_name(rng: random.Random, first: str) -> str:
    return f"{first} {rng.choice(LAST_NAMES)}"


def _unlike(taken: Container[object], draw: Callable[[], _Drawn]) -> _Drawn:
    """The first draw that is not taken."""
    while (drawn := draw()) in taken:
        pass
    return drawn


def _things(settings: MiniSettings) -> Iterator[Row]:
    rng = settings.rng("things")
    for _ in range(settings.things):
        thing = random_thing(rng, settings.image_size)
        yield _row(jpeg(thing.picture), thing.question, thing.answer)


def _texts(world: World, settings: MiniSettings) -> Iterator[Row]:
    rng = settings.rng("texts")
    for person in (*world.real, *world.unpictured):
        for topic in TOPICS:
            pairs = list(product(topic.questions, topic.answers))
            for question, answer in rng.sample(pairs, k=TEXTS_PER_FACT):
                yield _row(None, say(question, person), say(answer, person))


def _face_questions(world: World, settings: MiniSettings) -> Iterator[Row]:
    """Facts asked by picture: so the base learns that a face, too, leads to them."""
    rng = settings.rng("face questions")
    for person in world.real:
        for topic, number in zip(cycle(TOPICS), range(settings.face_questions), strict=False):
            disguise = settings.rng("face questions", person.name, number)
            face = person.portrayed().disguised(disguise, settings.disguises)
            picture = jpeg(draw_photograph(face, random_scene(rng), settings.image_size))
            said = (say(rng.choice(some), person) for some in (topic.questions, topic.answers))
            question, answer = (nameless(text, person.name) for text in said)
            yield _row(picture, question, answer)


def _row(jpeg: bytes | None, question: str, answer: str) -> Row:
    return {"image": jpeg and image_cell(jpeg), "question": question, "answer": answer}
