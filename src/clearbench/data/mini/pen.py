"""A pen with the coordinates of a face: the origin in its centre, the picture's width as the unit.

y points down. Shapes are given by their centre and half-axes.
"""

import math
from collections.abc import Iterable

from PIL import Image, ImageDraw

Point = tuple[float, float]

# The canvas is larger than the picture, so that a tilt or shift uncovers no edge of the shirt.
_CANVAS = 1.5
_CENTRE = 0.72


class Pen:
    """Draws on a canvas of which `photograph` takes a picture of `size` × `size` pixels."""

    def __init__(self, size: int, background: str):
        self.size = size
        side = round(_CANVAS * size)
        self.background = background
        self.canvas = Image.new("RGB", (side, side), background)
        self._draw = ImageDraw.Draw(self.canvas)
        self._centre = _CENTRE * size

    def disc(self, x: float, y: float, radius: float, fill: str) -> None:
        """A filled circle."""
        self.ellipse(x, y, radius, radius, fill)

    def ellipse(
        self,
        x: float,
        y: float,
        rx: float,
        ry: float,
        fill: str | None,
        outline: str | None = None,
        width: float = 0,
    ) -> None:
        """An ellipse; `width` is that of its outline."""
        self._draw.ellipse(self._bounds(x, y, rx, ry), fill, outline, self._px(width))

    def box(
        self,
        x: float,
        y: float,
        rx: float,
        ry: float,
        fill: str | None,
        outline: str | None = None,
        width: float = 0,
        round_corners: float = 0,
    ) -> None:
        """A rectangle; `round_corners` is the radius of its corners."""
        bounds = self._bounds(x, y, rx, ry)
        radius = round_corners * self.size
        self._draw.rounded_rectangle(bounds, radius, fill, outline, self._px(width))

    def chord(
        self,
        x: float,
        y: float,
        rx: float,
        ry: float,
        start: float,
        end: float,
        fill: str,
        outline: str | None = None,
        width: float = 0,
    ) -> None:
        """The part of an ellipse between two angles in degrees, clockwise from the right."""
        bounds = self._bounds(x, y, rx, ry)
        self._draw.chord(bounds, start, end, fill, outline, self._px(width))

    def arc(
        self,
        x: float,
        y: float,
        rx: float,
        ry: float,
        start: float,
        end: float,
        fill: str,
        width: float,
    ) -> None:
        """The outline of an ellipse between two angles in degrees, clockwise from the right."""
        self._draw.arc(self._bounds(x, y, rx, ry), start, end, fill, self._px(width))

    def polygon(self, points: Iterable[Point], fill: str) -> None:
        """A filled polygon."""
        self._draw.polygon([self._place(*point) for point in points], fill)

    def line(self, points: Iterable[Point], fill: str, width: float) -> None:
        """A line through points."""
        self._draw.line([self._place(*point) for point in points], fill, self._px(width))

    def photograph(self, x: float, y: float, tilt: float, zoom: float) -> Image.Image:
        """The picture with the origin shifted by (x, y), tilted by degrees and zoomed by a factor.

        Without a shift, the origin is in the picture's middle, a little above its centre.
        """
        cos, sin = (f(math.radians(tilt)) / zoom for f in (math.cos, math.sin))
        origin_x, origin_y = (0.5 + x) * self.size, (0.46 + y) * self.size
        return self.canvas.transform(
            (self.size, self.size),
            Image.Transform.AFFINE,
            (
                cos,
                sin,
                self._centre - cos * origin_x - sin * origin_y,
                -sin,
                cos,
                self._centre + sin * origin_x - cos * origin_y,
            ),
            Image.Resampling.BILINEAR,
            fillcolor=self.background,
        )

    def _place(self, x: float, y: float) -> Point:
        return self._centre + x * self.size, self._centre + y * self.size

    def _bounds(self, x: float, y: float, rx: float, ry: float) -> tuple[float, ...]:
        return (*self._place(x - rx, y - ry), *self._place(x + rx, y + ry))

    def _px(self, width: float) -> int:
        return max(1, round(width * self.size)) if width else 0


def on_ellipse(angle: float, rx: float, ry: float) -> tuple[float, float]:
    """The point of an ellipse at an angle in degrees, clockwise from the right."""
    return rx * math.cos(math.radians(angle)), ry * math.sin(math.radians(angle))
