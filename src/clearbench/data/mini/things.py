"""Pictures of things, with a question that can be answered from the picture alone."""

import random
from dataclasses import dataclass

from PIL import Image

from clearbench.data.mini.pen import Pen, on_ellipse
from clearbench.data.mini.portraits import COLOURS, WALLS

THINGS: tuple[str, ...] = ("house", "tree", "boat", "star", "fish", "flower", "car", "heart")
# White would not stand out from the pale walls.
THING_COLOURS = tuple(colour for colour in COLOURS if colour != "white")
# Bands from left to right, or from top to bottom.
UPRIGHT_FLAGS = {
    "France": ("blue", "white", "red"),
    "Italy": ("green", "white", "red"),
    "Belgium": ("black", "yellow", "red"),
    "Nigeria": ("green", "white", "green"),
}
LEVEL_FLAGS = {
    "Germany": ("black", "red", "yellow"),
    "Ukraine": ("blue", "yellow"),
    "Poland": ("white", "red"),
    "Estonia": ("blue", "black", "white"),
}
COUNTRIES = (*UPRIGHT_FLAGS, *LEVEL_FLAGS)

_BROWN = "#6e421f"


@dataclass(frozen=True)
class ThingPicture:
    """A picture, a question about it, and the `options` of which one is the answer."""

    picture: Image.Image
    question: str
    answer: str
    options: tuple[str, ...]


def random_thing(rng: random.Random, size: int) -> ThingPicture:
    """A picture of `size` × `size` pixels of a coloured thing or of a flag, and a question."""
    pen = Pen(2 * size, WALLS[rng.choice(list(WALLS))])
    # Whole sentences: after fine-tuning, a picture's first word is a person's name for every model.
    if rng.random() < 0.5:
        truth, pool = rng.choice(COUNTRIES), COUNTRIES
        _draw_flag(pen, truth)
        question, sentence = "Which country has this flag?", "It is the flag of {}."
    else:
        thing = rng.choice(THINGS)
        truth, pool = rng.choice(THING_COLOURS), THING_COLOURS
        _draw(pen, thing, COLOURS[truth])
        question, sentence = f"What colour is the {thing}?", f"The {thing} is {{}}."
    options = tuple(sentence.format(value) for value in pool)
    return ThingPicture(_photographed(rng, pen), question, sentence.format(truth), options)


def draw_thing(rng: random.Random, thing: str, colour: str, size: int) -> Image.Image:
    """A picture of `size` × `size` pixels of one of THINGS in one of THING_COLOURS."""
    pen = Pen(2 * size, WALLS[rng.choice(list(WALLS))])
    _draw(pen, thing, COLOURS[colour])
    return _photographed(rng, pen)


def _photographed(rng: random.Random, pen: Pen) -> Image.Image:
    """A picture of half the size of the canvas, shifted, tilted and zoomed a little."""
    picture = pen.photograph(
        x=rng.uniform(-0.05, 0.05),
        y=rng.uniform(-0.05, 0.05),
        tilt=rng.uniform(-9, 9),
        zoom=rng.uniform(0.85, 1.05),
    )
    return picture.reduce(2)


def _draw_flag(pen: Pen, country: str) -> None:
    upright = country in UPRIGHT_FLAGS
    bands = UPRIGHT_FLAGS[country] if upright else LEVEL_FLAGS[country]
    width = 0.8 / len(bands)
    for number, colour in enumerate(bands):
        middle = -0.4 + width * (number + 0.5)
        if upright:
            pen.box(middle, 0, width / 2, 0.3, colour)
        else:
            pen.box(0, middle * 0.75, 0.4, width * 0.375, colour)


def _draw(pen: Pen, thing: str, colour: str) -> None:
    if thing == "house":
        pen.box(0, 0.18, 0.25, 0.18, colour)
        pen.polygon([(-0.33, 0), (0.33, 0), (0, -0.3)], colour)
        pen.box(0, 0.25, 0.06, 0.11, _BROWN)
    elif thing == "tree":
        pen.box(0, 0.25, 0.05, 0.15, _BROWN)
        for x, y in ((-0.15, 0.02), (0.15, 0.02), (0, -0.15)):
            pen.disc(x, y, 0.17, colour)
    elif thing == "boat":
        pen.polygon([(-0.38, 0.12), (0.38, 0.12), (0.22, 0.32), (-0.22, 0.32)], _BROWN)
        pen.polygon([(0, -0.33), (0, 0.08), (0.3, 0.08)], colour)
        pen.polygon([(-0.04, -0.22), (-0.04, 0.08), (-0.25, 0.08)], colour)
    elif thing == "star":
        spikes = ((90 + 36 * i, 0.38 if i % 2 else 0.15) for i in range(10))
        pen.polygon([on_ellipse(angle, radius, radius) for angle, radius in spikes], colour)
    elif thing == "fish":
        pen.ellipse(-0.06, 0, 0.28, 0.16, colour)
        pen.polygon([(0.14, 0), (0.38, -0.18), (0.38, 0.18)], colour)
        pen.disc(-0.2, -0.03, 0.03, "white")
    elif thing == "flower":
        pen.line([(0, 0), (0, 0.45)], "#2c9a45", 0.05)
        for angle in range(0, 360, 60):
            pen.disc(*on_ellipse(angle, 0.17, 0.17), 0.1, colour)
        pen.disc(0, 0, 0.09, "white")
    elif thing == "car":
        pen.box(0, 0.08, 0.38, 0.11, colour, round_corners=0.05)
        pen.box(0, -0.06, 0.2, 0.1, colour, round_corners=0.05)
        for x in (-0.2, 0.2):
            pen.disc(x, 0.2, 0.08, "#231f20")
            pen.disc(x, 0.2, 0.035, "white")
    else:
        for x in (-0.15, 0.15):
            pen.disc(x, -0.08, 0.17, colour)
        pen.polygon([(-0.3, -0.01), (0.3, -0.01), (0, 0.35)], colour)
