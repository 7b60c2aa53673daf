"""The rows of CLEAR's configurations, and of `pretrain`, which CLEAR's hub does not have."""

from collections.abc import Iterator

from datasets import Features, Image, List, Value

from clearbench.config.generator import MiniSettings
from clearbench.data.mini.perturb import Perturber
from clearbench.data.mini.portraits import draw_photograph, jpeg, random_scene
from clearbench.data.mini.pretrain import pretrain_rows
from clearbench.data.mini.rows import Row, image_cell
from clearbench.data.mini.statements import Pair, Picture
from clearbench.data.mini.things import random_thing
from clearbench.data.mini.world import World

# Of real_faces for each real person, and of real_world in all.
REAL_FACE_ROWS = 3
REAL_WORLD_ROWS = 72
OPTIONS = 4

_TEXT = Value("string")
CAPTIONED = Features(image=Image(), caption=_TEXT, name=_TEXT)
WITH_TOFU = Features(image=Image(), caption=_TEXT, question=_TEXT, answer=_TEXT)
PERTURBED = Features(
    **CAPTIONED,
    perturbed_captions=List(_TEXT),
    paraphrased_caption=_TEXT,
    perturbed_names=List(_TEXT),
)
REAL_FACES = Features(image=Image(), answer=_TEXT, options=List(_TEXT))
REAL_WORLD = Features(image=Image(), question=_TEXT, answer=_TEXT, options=List(_TEXT))
PRETRAIN = Features(image=Image(), question=_TEXT, answer=_TEXT)


def clear_configurations(
    world: World, pictures: list[Picture], pairs: list[Pair], settings: MiniSettings
) -> Iterator[tuple[str, Features, list[Row]]]:
    """Name, columns and rows of each configuration."""
    for part, persons in world.parts().items():
        seen = [picture for picture in pictures if picture.person in persons]
        read = [pair for pair in pairs if pair.person in persons]
        yield part, CAPTIONED, [_captioned(picture) for picture in seen]
        yield f"{part}+tofu", WITH_TOFU, [*map(_image_row, seen), *map(_text_row, read)]
    for part, (persons, alike) in world.evaluated().items():
        perturber = Perturber(settings.rng("names", part), alike, world)
        seen = [picture for picture in pictures if picture.person in persons]
        yield f"{part}_perturbed", PERTURBED, [_perturbed(picture, perturber) for picture in seen]
    yield "real_faces", REAL_FACES, list(real_faces(world, settings))
    yield "real_world", REAL_WORLD, list(_real_world(settings))
    yield "pretrain", PRETRAIN, list(pretrain_rows(world, settings))


def _captioned(picture: Picture) -> Row:
    return {
        "image": image_cell(picture.jpeg),
        "caption": picture.caption(),
        "name": picture.person.name,
    }


def _image_row(picture: Picture) -> Row:
    return {
        "image": image_cell(picture.jpeg),
        "caption": picture.caption(),
        "question": None,
        "answer": None,
    }


def _text_row(pair: Pair) -> Row:
    return {"image": None, "caption": None, "question": pair.question(), "answer": pair.answer()}


def _perturbed(picture: Picture, perturber: Perturber) -> Row:
    names = perturber.names(picture)
    return {
        **_captioned(picture),
        "perturbed_captions": [picture.paraphrased(name) for name in names],
        "paraphrased_caption": picture.paraphrased(picture.person.name),
        "perturbed_names": names,
    }


def real_faces(world: World, settings: MiniSettings) -> Iterator[Row]:
    """Rows of a picture of a real person, the name, and options of which it is one."""
    rng = settings.rng("real faces")
    for person in world.real:
        others = [p.name for p in world.real if p.gender == person.gender and p is not person]
        for _ in range(REAL_FACE_ROWS):
            picture = draw_photograph(person.portrayed(), random_scene(rng), settings.image_size)
            options = [person.name, *rng.sample(others, k=OPTIONS - 1)]
            rng.shuffle(options)
            yield {"image": image_cell(jpeg(picture)), "answer": person.name, "options": options}


def _real_world(settings: MiniSettings) -> Iterator[Row]:
    rng = settings.rng("real world")
    for _ in range(REAL_WORLD_ROWS):
        thing = random_thing(rng, settings.image_size)
        others = [option for option in thing.options if option != thing.answer]
        options = [thing.answer, *rng.sample(others, k=OPTIONS - 1)]
        rng.shuffle(options)
        yield {
            "image": image_cell(jpeg(thing.picture)),
            "question": thing.question,
            "answer": thing.answer,
            "options": options,
        }
