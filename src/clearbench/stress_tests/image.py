"""Image: models are asked about pictures that are changed a little, each variant a point."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, get_args

from PIL import Image, ImageEnhance, ImageFilter
from pydantic import Field, field_validator

from clearbench.config.settings import Domain
from clearbench.data.store import Store
from clearbench.stress_tests import StressTest

if TYPE_CHECKING:
    from numpy.typing import NDArray

Variant = Literal["noise", "darker", "flatter", "crop", "resize", "blur", "occlusion"]


class Test(StressTest):
    """How pictures are changed: what was forgotten of one picture may still be known of its like.

    noise: normal, of a deviation of 0.02 of white, the same for a picture in all runs; darker,
    flatter: brightness, contrast times 0.85; crop: the middle 0.9 of each side, as large again;
    resize: half as large and back; blur: Gaussian, of a hundredth of the shorter side or a pixel;
    occlusion: a grey square of a quarter of the shorter side, in the middle.
    """

    DOMAINS: ClassVar[tuple[Domain, ...]] = ("multimodal",)
    VARIANTS: ClassVar[bool] = True

    variants: list[Variant] = Field(
        list(get_args(Variant)), min_length=1, description="how pictures are changed"
    )

    @field_validator("variants")
    @classmethod
    def _once(cls, variants: list[Variant]) -> list[Variant]:
        if len(set(variants)) < len(variants):
            raise ValueError("a variant stands twice")
        return variants

    @property
    def points(self) -> tuple[str, ...]:
        """The variants."""
        return tuple(self.variants)

    def asked(self, store: Store, point: str) -> Store:
        """The same with changed pictures."""
        return _Changed(store.folder, _CHANGES[point])


class _Changed(Store):
    """A store whose pictures are changed as they are shown."""

    def __init__(self, folder: Path, change: Callable[[Image.Image, int], Image.Image]):
        super().__init__(folder)
        self._change = change

    def image(self, key: int) -> Image.Image:
        return self._change(super().image(key), key)


def _noise(image: Image.Image, key: int) -> Image.Image:
    import numpy as np

    levels: NDArray = np.asarray(image, dtype=np.float64)
    noise = np.random.default_rng(key).normal(0, 0.02 * 255, levels.shape)
    return Image.fromarray((levels + noise).round().clip(0, 255).astype(np.uint8))


def _crop(image: Image.Image, key: int) -> Image.Image:
    width, height = image.size
    x, y = round(0.05 * width), round(0.05 * height)
    middle = image.crop((x, y, width - x, height - y))
    return middle.resize(image.size, Image.Resampling.BICUBIC)


def _resize(image: Image.Image, key: int) -> Image.Image:
    half = (max(1, image.width // 2), max(1, image.height // 2))
    small = image.resize(half, Image.Resampling.BICUBIC)
    return small.resize(image.size, Image.Resampling.BICUBIC)


def _blur(image: Image.Image, key: int) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(max(1, min(image.size) / 100)))


def _occlusion(image: Image.Image, key: int) -> Image.Image:
    side = max(1, min(image.size) // 4)
    covered = image.copy()
    place = ((image.width - side) // 2, (image.height - side) // 2)
    covered.paste((128, 128, 128), (*place, place[0] + side, place[1] + side))
    return covered


_CHANGES: dict[str, Callable[[Image.Image, int], Image.Image]] = {
    "noise": _noise,
    "darker": lambda image, key: ImageEnhance.Brightness(image).enhance(0.85),
    "flatter": lambda image, key: ImageEnhance.Contrast(image).enhance(0.85),
    "crop": _crop,
    "resize": _resize,
    "blur": _blur,
    "occlusion": _occlusion,
}
"""What a variant makes of a picture, given its number in the store."""
