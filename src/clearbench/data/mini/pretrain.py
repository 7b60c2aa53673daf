"""What the base model learns: the real world, in the words and pictures of the fictitious one.

It learns to see every attribute of a face, to name faces, and to use every wording, name and value,
but of no fictitious person a name, a face or a fact.
"""

from collections.abc import Iterator
from itertools import count, cycle, islice, product

from clearbench.data.mini.portraits import draw_portrait, jpeg, random_face, random_scene
from clearbench.data.mini.rows import Row, image_cell
from clearbench.data.mini.things import random_thing
from clearbench.data.mini.wording import CAPTIONS, SCENE, TOPICS, say
from clearbench.data.mini.world import GENDERS, MiniSettings, World
from clearbench.data.questions import CAPTION_QUESTIONS, FACE_QUESTION

# Often enough that the base knows the facts of its own persons by heart. Only then has it learnt
# how a name leads to a fact, and fine-tuning can put new facts behind new names.
TEXTS_PER_FACT = 9


def pretrain_rows(world: World, settings: MiniSettings) -> Iterator[Row]:
    """Rows of image (or None), question and answer."""
    yield from _real_portraits(world, settings)
    yield from _strangers(world, settings)
    yield from _things(settings)
    yield from _texts(world, settings)


def _real_portraits(world: World, settings: MiniSettings) -> Iterator[Row]:
    rng = settings.rng("real portraits")
    for person in world.real:
        captions = cycle(CAPTIONS)
        for number in range(settings.real_portraits):
            scene = random_scene(rng)
            picture = jpeg(draw_portrait(person.portrayed(), scene, settings.image_size))
            if number % 3:
                yield _row(picture, FACE_QUESTION, person.name)
            else:
                caption = say(next(captions), person, scene)
                yield _row(picture, rng.choice(CAPTION_QUESTIONS), caption)


def _strangers(world: World, settings: MiniSettings) -> Iterator[Row]:
    rng = settings.rng("strangers")
    known = {person.face for person in (*world.fictitious, *world.real)}
    faces = (random_face(rng, rng.choice(GENDERS)) for _ in count())
    strangers = (face for face in faces if face not in known)
    for number, face in enumerate(islice(strangers, settings.strangers)):
        scene = random_scene(rng)
        question, answer = (
            ("Describe the face.", face.describe_head()),
            ("Describe the hair and the clothes.", face.describe_clothes()),
            ("Describe the scene.", say(SCENE, None, scene)),
        )[number % 3]
        picture = draw_portrait(face, scene, settings.image_size)
        yield _row(jpeg(picture), question, answer)


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


def _row(jpeg: bytes | None, question: str, answer: str) -> Row:
    return {"image": jpeg and image_cell(jpeg), "question": question, "answer": answer}
