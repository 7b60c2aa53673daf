"""Faces, and the drawing of a face in a scene.

A face is a vector of attributes, each of which is plainly visible at 64 × 64 pixels and stays the
same over all pictures of a person; a scene is what varies.
"""

import io
import random
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from PIL import Image, ImageOps

from clearbench.data.mini.pen import Pen, on_ellipse

SKINS = {"pale": "#f7d9c4", "tan": "#dba878", "brown": "#a06a42", "dark": "#613c26"}
HAIRS = {
    "black": "#1c1a1e",
    "blond": "#f7d83a",
    "red": "#e0440e",
    "green": "#37a04c",
    "gray": "#8f949b",
    "blue": "#3566d6",
}
COLOURS = {
    "red": "#d62828",
    "orange": "#f58220",
    "yellow": "#f6d92c",
    "green": "#2c9a45",
    "blue": "#2458c5",
    "purple": "#8136ae",
    "white": "#f4f4f4",
    "black": "#26262a",
}
WALLS = {
    "gray": "#cfcfc8",
    "green": "#9fd3a5",
    "blue": "#9cc4ec",
    "yellow": "#f2e3a0",
    "pink": "#f2b3c6",
    "purple": "#c4a9e8",
}
SHAPES = ("round", "long")
STYLES = ("short", "long", "curly", "spiky", "pigtails", "buns")
GLASSES = ("no", "round", "square", "dark")
HATS = ("no", "red", "green", "blue", "white")
PATTERNS = ("plain", "striped")
EXTRAS = {
    "male": ("nothing else", "a moustache", "a beard"),
    "female": ("nothing else", "earrings", "a necklace"),
}
WARDROBE: Mapping[str, Sequence[str]] = {
    "shirt": tuple(COLOURS),
    "pattern": PATTERNS,
    "hat": HATS,
    "glasses": GLASSES,
    "style": STYLES,
    "hair": tuple(HAIRS),
}
"""What a person can change from picture to picture, the easiest first."""

EXPRESSIONS = ("smiles", "frowns", "laughs", "gasps")

_GOLD = "#ffd23c"
_INK = "#231f20"
_MOUTH = "#d92b45"


class Face(NamedTuple):
    """The attributes by which a person is recognised; each is a key of the tables above."""

    shape: str
    skin: str
    hair: str
    style: str
    glasses: str
    extra: str
    hat: str
    shirt: str
    pattern: str

    def distance(self, other: "Face") -> int:
        """The number of attributes that differ."""
        return sum(a != b for a, b in zip(self, other, strict=True))

    def disguised(self, rng: random.Random, changes: int) -> "Face":
        """The face with the first `changes` attributes of the wardrobe drawn at random."""
        chosen = list(WARDROBE)[:changes]
        return self._replace(**{name: rng.choice(WARDROBE[name]) for name in chosen})

    def describe_head(self) -> str:
        """The attributes of the head in words."""
        return f"a {self.skin} {self.shape} face, {self.glasses} glasses and {self.extra}"

    def describe_clothes(self) -> str:
        """The attributes of hair and clothes in words."""
        return f"{self.style} {self.hair} hair, {self.hat} hat, a {self.pattern} {self.shirt} shirt"


class Scene(NamedTuple):
    """What varies between pictures of one person.

    `expression` and `wall` are keys of the tables above; `light` scales the brightness; `x` and `y`
    shift the head in picture widths; `tilt` is in degrees; `zoom` is a factor.
    """

    expression: str
    wall: str
    light: float
    x: float
    y: float
    tilt: float
    zoom: float


def random_face(rng: random.Random, gender: str) -> Face:
    """A face, uniform over the attributes that the gender can have."""
    return Face(
        shape=rng.choice(SHAPES),
        skin=rng.choice(list(SKINS)),
        hair=rng.choice(list(HAIRS)),
        style=rng.choice(STYLES),
        glasses=rng.choice(GLASSES),
        extra=rng.choice(EXTRAS[gender]),
        hat=rng.choice(HATS),
        shirt=rng.choice(list(COLOURS)),
        pattern=rng.choice(PATTERNS),
    )


def random_scene(rng: random.Random) -> Scene:
    """A scene in which the whole head stays in the picture."""
    return Scene(
        expression=rng.choice(EXPRESSIONS),
        wall=rng.choice(list(WALLS)),
        light=rng.uniform(0.85, 1.05),
        x=rng.uniform(-0.05, 0.05),
        y=rng.uniform(-0.03, 0.03),
        tilt=rng.uniform(-9, 9),
        zoom=rng.uniform(0.92, 1.08),
    )


def draw_portrait(face: Face, scene: Scene, size: int) -> Image.Image:
    """The picture of a face in a scene: RGB, `size` × `size` pixels."""
    pen = Pen(2 * size, WALLS[scene.wall])
    radius = {"round": (0.24, 0.23), "long": (0.18, 0.27)}[face.shape]
    _draw_hair_behind(pen, face, *radius)
    _draw_body(pen, face)
    _draw_head(pen, face, *radius)
    _draw_expression(pen, scene.expression)
    _draw_glasses(pen, face.glasses)
    _draw_hat(pen, face.hat, radius[1])
    picture = pen.photograph(scene.x, scene.y, scene.tilt, scene.zoom).reduce(2)
    return picture.point(lambda value: min(255, value * scene.light))


def draw_photograph(face: Face, scene: Scene, size: int) -> Image.Image:
    """A portrait in a white frame, as all pictures of real persons are.

    CLEAR's fictitious faces are synthetic, its real ones photographs: what a model learns of the
    first need not overwrite the second.
    """
    frame = size // 16
    portrait = draw_portrait(face, scene, size)
    return ImageOps.expand(ImageOps.crop(portrait, frame), frame, "white")


def jpeg(picture: Image.Image) -> bytes:
    """The picture as JPEG without colour subsampling, which would blur small attributes."""
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=92, subsampling=0)
    return stream.getvalue()


# The head's centre is the origin of all coordinates; see Pen.


def _draw_hair_behind(pen: Pen, face: Face, rx: float, ry: float) -> None:
    hair = HAIRS[face.hair]
    if face.style == "long":
        pen.box(0, 0.08, rx + 0.08, ry + 0.1, hair, round_corners=0.1)
    elif face.style == "curly":
        for angle in range(160, 390, 22):
            pen.disc(*on_ellipse(angle, rx + 0.02, ry), 0.085, hair)
    elif face.style == "spiky":
        for angle in range(170, 371, 25):
            tip = on_ellipse(angle, rx + 0.12, ry + 0.12)
            feet = (on_ellipse(angle + side, rx - 0.01, ry - 0.01) for side in (-16, 16))
            pen.polygon([tip, *feet], hair)
    elif face.style == "pigtails":
        for side in (-1, 1):
            pen.ellipse(side * (rx + 0.08), 0.13, 0.07, 0.16, hair)
    elif face.style == "buns":
        for side in (-1, 1):
            pen.disc(side * (rx + 0.01), -ry + 0.04, 0.1, hair)


def _draw_body(pen: Pen, face: Face) -> None:
    shirt = COLOURS[face.shirt]
    pen.box(0, 0.3, 0.07, 0.1, SKINS[face.skin])
    pen.box(0, 0.63, 0.36, 0.3, shirt, round_corners=0.12)
    if face.pattern == "striped":
        stripe = COLOURS["black" if face.shirt == "white" else "white"]
        for x in (-0.27, -0.135, 0, 0.135, 0.27):
            pen.box(x, 0.63, 0.025, 0.27, stripe)
    if face.extra == "a necklace":
        pen.arc(0, 0.32, 0.14, 0.11, 0, 180, _INK, 0.065)
        pen.arc(0, 0.32, 0.13, 0.1, 0, 180, _GOLD, 0.045)


def _draw_head(pen: Pen, face: Face, rx: float, ry: float) -> None:
    skin, hair = SKINS[face.skin], HAIRS[face.hair]
    pen.ellipse(0, 0, rx, ry, skin)
    pen.chord(0, 0, rx + 0.02, ry + 0.02, 205, 335, hair)
    if face.extra == "a beard":
        pen.chord(0, 0.0, rx + 0.01, ry + 0.03, 20, 160, hair)
    if face.extra == "a moustache":
        pen.box(0, 0.085, 0.1, 0.022, hair, round_corners=0.02)
    if face.extra == "earrings":
        for side in (-1, 1):
            pen.ellipse(side * (rx + 0.01), 0.1, 0.05, 0.05, _GOLD, outline=_INK, width=0.012)


def _draw_expression(pen: Pen, expression: str) -> None:
    raised = {"smiles": 0.0, "laughs": 0.01, "frowns": -0.02, "gasps": 0.03}[expression]
    for side in (-1, 1):
        pen.ellipse(side * 0.085, -0.02, 0.035, 0.03, "white")
        pen.disc(side * 0.085, -0.02, 0.02, _INK)
        inner = raised - 0.02 if expression == "frowns" else raised
        ends = [(side * 0.05, -0.085 - inner), (side * 0.13, -0.085 - raised)]
        pen.line(ends, _INK, 0.018)
    if expression == "smiles":
        pen.arc(0, 0.1, 0.08, 0.06, 10, 170, _MOUTH, 0.028)
    elif expression == "frowns":
        pen.arc(0, 0.17, 0.07, 0.05, 190, 350, _MOUTH, 0.028)
    elif expression == "laughs":
        pen.chord(0, 0.115, 0.09, 0.08, 0, 180, "white", _MOUTH, 0.02)
    else:
        pen.ellipse(0, 0.15, 0.04, 0.05, _MOUTH)


def _draw_glasses(pen: Pen, glasses: str) -> None:
    if glasses == "no":
        return
    for side in (-1, 1):
        if glasses == "square":
            pen.box(side * 0.09, -0.02, 0.075, 0.055, None, outline=_INK, width=0.022)
        else:
            fill = _INK if glasses == "dark" else None
            pen.ellipse(side * 0.09, -0.02, 0.07, 0.07, fill, outline=_INK, width=0.022)
    pen.line([(-0.02, -0.02), (0.02, -0.02)], _INK, 0.022)


def _draw_hat(pen: Pen, hat: str, ry: float) -> None:
    if hat == "no":
        return
    pen.box(0, -ry - 0.06, 0.13, 0.08, COLOURS[hat], outline=_INK, width=0.012)
    pen.box(0, -ry + 0.03, 0.22, 0.025, COLOURS[hat], outline=_INK, width=0.012)
