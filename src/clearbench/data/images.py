"""Images: any encoded file as the RGB picture that a person would see, in one place for all."""

import io
from typing import cast

import numpy as np
from PIL import Image, ImageOps, TiffImagePlugin, UnidentifiedImageError

_LEVELS = {"I": (255, 65_535), "F": (1, 255, 65_535)}
"""What may be white in a mode whose files do not say it."""

_TIFF_BITS, _TIFF_MEANING, _WHITE_IS_ZERO = 258, 262, 0

_PNG_BITS = 24
"""The place of the byte that says how many bits a sample of a PNG has."""


def rgb(encoded: bytes, quick: int = 0) -> Image.Image:
    """The picture in RGB: the first of several, turned as its EXIF says, on white where clear.

    Greys of 16 bits keep their 256 coarsest levels. Of 32 bits or floats no file says which level
    is white: it is the smallest of 255 and 65535 (of floats also 1) that no pixel exceeds. With
    `quick` a JPEG comes out small, no side below so many pixels if it has them: one is enough to
    find a file that is damaged. Raises ValueError, in words for a person, for what is no whole
    image or has levels that are none.
    """
    try:
        with Image.open(io.BytesIO(encoded)) as image:
            if quick:
                image.draft("RGB", (quick, quick))
            # Of a file that is cut short, only decoding tells.
            image.load()
            _scale_clear(image, encoded)
            upright = ImageOps.exif_transpose(image)
            return _on_white(_grey(upright, _white(image), _inverted(image)))
    except UnidentifiedImageError:
        raise ValueError("cannot identify image file") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(str(error).splitlines()[0]) from None


def stored_size(encoded: bytes) -> tuple[int, int]:
    """Width and height in pixels as they are stored, without decoding the image."""
    with Image.open(io.BytesIO(encoded)) as image:
        return image.size


def _white(image: Image.Image) -> int | None:
    """The level of white of a file of more than 8 bits; None where there are 8 or it isn't said."""
    if image.mode.startswith("I;16"):
        return 2 ** _tag(image, _TIFF_BITS, 16) - 1
    return 65_535 if image.mode == "I" and image.format == "PPM" else None


def _inverted(image: Image.Image) -> bool:
    """Whether 0 is white, where Pillow leaves that to the reader: in TIFF of more than 8 bits."""
    deep = image.mode in _LEVELS or image.mode.startswith("I;16")
    return deep and _tag(image, _TIFF_MEANING, 1) == _WHITE_IS_ZERO


def _scale_clear(image: Image.Image, encoded: bytes) -> None:
    """Give the clear colour of a PNG in the levels of 8 bits, as Pillow gives its pixels."""
    clear = image.info.get("transparency")
    bits = encoded[_PNG_BITS]
    if image.format != "PNG" or clear is None:
        return
    if image.mode == "RGB" and bits == 16:
        image.info["transparency"] = tuple(level >> 8 for level in clear)
    if image.mode == "L" and bits < 8:
        image.info["transparency"] = clear * 255 // (2**bits - 1)


def _tag(image: Image.Image, number: int, default: int) -> int:
    """A number among the tags of a TIFF; the default elsewhere."""
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return default
    value = image.tag_v2.get(number, default)
    return int(value[0] if isinstance(value, tuple) else value)


def _grey(image: Image.Image, white: int | None, inverted: bool) -> Image.Image:
    """A grey of more than 8 bits with 8; any other image as it is."""
    if image.mode not in _LEVELS and not image.mode.startswith("I;16"):
        return image
    levels = np.asarray(image).astype(np.float64)
    candidates = (white,) if white else _LEVELS[image.mode]
    least, most = levels.min(), levels.max()
    if not (least >= 0 and most <= candidates[-1]):
        raise ValueError(f"grey levels from {least:g} to {most:g}; allowed: 0 to {candidates[-1]}")
    white = next(level for level in candidates if most <= level)
    shares = levels / white
    eight = np.rint(255 * (1 - shares if inverted else shares)).astype(np.uint8)
    grey = Image.fromarray(eight)
    clear = image.info.get("transparency")
    if isinstance(clear, int):
        grey.putalpha(Image.fromarray(np.where(levels == clear, 0, 255).astype(np.uint8)))
    return grey


def _on_white(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image.convert("RGB")
    # Premultiplied colours have to be divided again first.
    whole = image.convert("LA") if image.mode == "La" else image
    clear = whole.convert("RGBA")
    white = Image.new("RGBA", clear.size, "white")
    return cast(Image.Image, Image.alpha_composite(white, clear)).convert("RGB")
