"""Folders as examples: a few drawn persons in the layouts `folder` and `portraits`."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from PIL import ImageOps

from clearbench.config.generator import MiniSettings
from clearbench.data.mini.portraits import (
    Face,
    draw_photograph,
    draw_portrait,
    jpeg,
    random_scene,
)
from clearbench.data.mini.rows import Row
from clearbench.data.mini.statements import draw_pictures
from clearbench.data.mini.things import random_thing
from clearbench.data.mini.wording import TOPICS, say
from clearbench.data.mini.world import GENDERS, World, build_world, distinct_face

PERSONS = 30
REAL_PERSONS = 8
THINGS = 40
OPTIONS = 3

_CLOTHES = 3
"""Attributes of a face that are others in each portrait: shirt, pattern and hat."""

_SETTINGS = MiniSettings(persons=100, portraits=2, real_persons=REAL_PERSONS)


def write_example(folder: Path) -> None:
    """Write `metadata.jsonl` and `pictures/` into a new folder; FileExistsError where it exists."""
    world = build_world(_SETTINGS)
    world = replace(world, fictitious=world.fictitious[:PERSONS])
    (folder / "pictures").mkdir(parents=True)
    rows = [*_persons(world, folder), *_real_persons(world, folder), *_things(folder)]
    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (folder / "metadata.jsonl").write_text("".join(lines), encoding="utf-8")


def write_portraits(
    folder: Path,
    persons: int = 40,
    portraits: int = 10,
    size: tuple[int, int] = (92, 112),
    seed: int = 1,
) -> None:
    """Write `s1/1.pgm` and so on into a new folder: drawn faces, grey, in the place of photographs.

    `size` is width and height in pixels. FileExistsError where a person's folder exists.
    """
    rng = MiniSettings(seed=seed).rng("portraits")
    taken: list[Face] = []
    for person in range(1, persons + 1):
        face = distinct_face(rng, GENDERS[person % len(GENDERS)], taken)
        (folder / f"s{person}").mkdir(parents=True)
        for number in range(1, portraits + 1):
            clothed = face.disguised(rng, _CLOTHES)
            picture = draw_portrait(clothed, random_scene(rng), max(size))
            ImageOps.fit(picture, size).convert("L").save(folder / f"s{person}/{number}.pgm")


def _persons(world: World, folder: Path) -> Iterator[Row]:
    """Of each person two pictures, one alone and one with a caption, and a question a fact."""
    pictures = draw_pictures(world, _SETTINGS)
    for number, person in enumerate(world.fictitious):
        about: Row = {"person": f"p{number:02d}", "name": person.name}
        first, second = (picture for picture in pictures if picture.person is person)
        for place, picture in enumerate((first, second)):
            _save(folder, f"pictures/p{number:02d}-{place}.jpg", picture.jpeg)
        yield {**about, "file_name": f"pictures/p{number:02d}-0.jpg"}
        yield {
            **about,
            "file_name": f"pictures/p{number:02d}-1.jpg",
            "answer": second.caption(),
        }
        for topic in TOPICS:
            question, answer = say(topic.questions[0], person), say(topic.answers[0], person)
            yield {**about, "question": question, "answer": answer}


def _real_persons(world: World, folder: Path) -> Iterator[Row]:
    rng = _SETTINGS.rng("example", "real persons")
    for number, person in enumerate(world.real):
        for place in range(2):
            name = f"pictures/real{number}-{place}.jpg"
            face = person.portrayed()
            picture = draw_photograph(face, random_scene(rng), _SETTINGS.image_size)
            _save(folder, name, jpeg(picture))
            yield {
                "person": f"r{number}",
                "name": person.name,
                "file_name": name,
                "split": "real",
            }


def _things(folder: Path) -> Iterator[Row]:
    rng = _SETTINGS.rng("example", "things")
    for number in range(THINGS):
        thing = random_thing(rng, _SETTINGS.image_size)
        others = [option for option in thing.options if option != thing.answer]
        name = f"pictures/thing{number:02d}.jpg"
        _save(folder, name, jpeg(thing.picture))
        yield {
            "file_name": name,
            "question": thing.question,
            "answer": thing.answer,
            "perturbed": rng.sample(others, k=OPTIONS),
            "split": "real",
        }


def _save(folder: Path, name: str, encoded: bytes) -> None:
    (folder / name).write_bytes(encoded)
