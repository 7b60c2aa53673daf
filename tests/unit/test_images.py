"""Whatever file a picture comes in, models see what a person sees, or its row is told."""

import io
import struct
from zlib import compress, crc32

import numpy as np
import pytest
from PIL import Image

from clearbench.data.images import rgb

RAMP = np.tile(np.arange(256, dtype=np.uint8), (4, 1))
"""All greys from left to right."""

GREY = Image.fromarray(RAMP)
DEEP = RAMP.astype(np.uint16) * 257
CLEAR_AT_BLACK = np.where(RAMP == 0, 255, RAMP)
HALF_CLEAR = (RAMP.astype(int) * 128 + 255 * 127) // 255


def encoded(image, kind="PNG", **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def greys(content):
    """What is seen, as greys, of a picture that has no other colours."""
    image = rgb(content)
    assert image.mode == "RGB"
    found = np.asarray(image)
    assert (found == found[..., :1]).all()
    return found[..., 0]


def pgm(levels, white):
    height, width = levels.shape
    return b"P5 %d %d %d\n" % (width, height, white) + levels.astype(">u2").tobytes()


def with_alpha(alpha):
    image = GREY.convert("RGBA")
    image.putalpha(alpha)
    return image


GREYS = {
    "8 bits": encoded(GREY),
    "16 bits": encoded(Image.fromarray(DEEP)),
    "16 bits, TIFF": encoded(Image.fromarray(DEEP), "TIFF"),
    "16 bits, the other way round": encoded(Image.fromarray(DEEP.astype(">u2")), "TIFF"),
    "16 bits, 0 white": encoded(Image.fromarray(65535 - DEEP), "TIFF", tiffinfo={262: 0}),
    "16 bits, PGM": pgm(DEEP, 65535),
    "10 bits, PGM": pgm(np.rint(RAMP * (1023 / 255)), 1023),
    "32 bits": encoded(Image.fromarray(DEEP.astype(np.int32)), "TIFF"),
    "32 bits of 8": encoded(GREY.convert("I"), "TIFF"),
    "floats to 1": encoded(Image.fromarray((RAMP / 255).astype(np.float32)), "TIFF"),
    "floats to 255": encoded(GREY.convert("F"), "TIFF"),
    "floats to 65535": encoded(Image.fromarray(DEEP.astype(np.float32)), "TIFF"),
    "a palette": encoded(GREY.convert("P")),
    "CMYK": encoded(GREY.convert("RGB").convert("CMYK"), "TIFF"),
    "animated": encoded(GREY, "GIF", save_all=True, append_images=[Image.new("L", GREY.size)]),
    "animated PNG": encoded(GREY, save_all=True, append_images=[Image.new("L", GREY.size)]),
    "pages": encoded(GREY, "TIFF", save_all=True, append_images=[Image.new("L", GREY.size)]),
}


@pytest.mark.parametrize("kind", GREYS)
def test_a_grey_is_as_light_as_it_is(kind):
    assert np.abs(greys(GREYS[kind]).astype(int) - RAMP).max() <= 1


def test_a_dark_picture_of_16_bits_stays_dark():
    assert greys(encoded(Image.fromarray(DEEP // 16))).max() == 16


def test_a_picture_of_one_bit_is_black_and_white():
    assert set(greys(encoded(GREY.convert("1"))).flat) == {0, 255}


CLEAR = {
    "RGBA": (encoded(with_alpha(128)), HALF_CLEAR),
    "LA": (encoded(with_alpha(128).convert("LA")), HALF_CLEAR),
    "WebP": (encoded(with_alpha(128), "WEBP", lossless=True), HALF_CLEAR),
    "a colour of a palette": (encoded(GREY.convert("P"), transparency=0), CLEAR_AT_BLACK),
    "a palette with alpha": (
        encoded(GREY.convert("P"), transparency=bytes([0, *[255] * 255])),
        CLEAR_AT_BLACK,
    ),
    "a colour of GIF": (encoded(GREY.convert("P"), "GIF", transparency=0), CLEAR_AT_BLACK),
    "a grey": (encoded(GREY, transparency=0), CLEAR_AT_BLACK),
    "a grey of 16 bits": (encoded(Image.fromarray(DEEP), transparency=0), CLEAR_AT_BLACK),
    "a colour": (encoded(GREY.convert("RGB"), transparency=(0, 0, 0)), CLEAR_AT_BLACK),
}


@pytest.mark.parametrize("kind", CLEAR)
def test_what_is_clear_lies_on_white(kind):
    content, expected = CLEAR[kind]
    assert np.abs(greys(content).astype(int) - expected).max() <= 1


RED = (255, 0, 0)


def raw_png(bits: int, colour: int, sample: bytes, clear: bytes) -> bytes:
    """A PNG of eight rows of one sample, whose clear colour is named in its own bits."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", crc32(name + data))

    row = b"\0" + sample * (bits if bits < 8 else 8)
    chunks = {
        b"IHDR": struct.pack(">IIBBBBB", 8, 8, bits, colour, 0, 0, 0),
        b"tRNS": clear,
        b"IDAT": compress(row * 8),
        b"IEND": b"",
    }
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in chunks.items())


WHOLLY_CLEAR = {
    **{
        form: encoded(Image.new("RGBA", (8, 8), (*RED, 0)), form, lossless=True, exact=True)
        for form in ("PNG", "WEBP", "TIFF", "TGA", "JPEG2000")
    },
    "a colour": encoded(Image.new("RGB", (8, 8), RED), transparency=RED),
    "a colour of a palette": encoded(Image.new("RGB", (8, 8), RED).quantize(2), transparency=0),
    "a colour of GIF": encoded(Image.new("RGB", (8, 8), RED).quantize(2), "GIF", transparency=0),
    "a grey with alpha": encoded(Image.new("LA", (8, 8), (90, 0))),
    "a colour of 16 bits": raw_png(16, 2, b"\xf2\x34\0\1\0\2", b"\xf2\x34\0\1\0\2"),
    "a grey of 4 bits": raw_png(4, 0, b"\x55", b"\0\x05"),
    "a grey of 2 bits": raw_png(2, 0, b"\x55", b"\0\1"),
    "a grey of 1 bit": raw_png(1, 0, b"\0", b"\0\0"),
}


@pytest.mark.parametrize("kind", WHOLLY_CLEAR)
def test_what_is_wholly_clear_is_white_whatever_colour_it_hides(kind):
    for quick in (False, True):
        assert set(rgb(WHOLLY_CLEAR[kind], quick).get_flattened_data()) == {(255, 255, 255)}


@pytest.mark.parametrize(
    ("clear", "shade"),
    [(raw_png(4, 0, b"\x55", b"\0\x06"), 85), (raw_png(2, 0, b"\x55", b"\0\2"), 85)],
)
def test_a_grey_that_is_not_the_clear_one_stays(clear, shade):
    assert set(greys(clear).flat) == {shade}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_stands_upright(kind, orientation):
    """As EXIF numbers the corner at which the first row and column begin."""
    scene = np.zeros((16, 32), np.uint8)
    scene[:8, :8], scene[:8, 24:] = 255, 128
    undone = {
        1: scene,
        2: scene[:, ::-1],
        3: scene[::-1, ::-1],
        4: scene[::-1],
        5: scene.T,
        6: scene.T[::-1],
        7: scene[::-1, ::-1].T,
        8: scene.T[:, ::-1],
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(np.ascontiguousarray(undone[orientation])).convert("RGB")
    seen = np.asarray(rgb(encoded(stored, kind, exif=exif)).convert("L"))
    assert seen.shape == scene.shape
    assert np.abs(seen.astype(int) - scene).max() < 60


UNREADABLE = {
    "no image": (b"no image", "cannot identify image file"),
    "nothing": (b"", "cannot identify image file"),
    "cut short": (encoded(Image.radial_gradient("L"))[:4000], "truncated"),
    "darker than black": (
        encoded(Image.fromarray(-RAMP.astype(np.float32)), "TIFF"),
        "grey levels from -255 to",
    ),
    "not a number": (
        encoded(Image.fromarray(np.full((4, 4), np.nan, np.float32)), "TIFF"),
        "grey levels from nan to nan; allowed: 0 to 65535",
    ),
    "beyond 16 bits": (
        encoded(Image.fromarray(DEEP.astype(np.int32) * 9), "TIFF"),
        "grey levels from 0 to 589815; allowed: 0 to 65535",
    ),
}


@pytest.mark.parametrize("mistake", UNREADABLE)
@pytest.mark.parametrize("quick", [False, True])
def test_what_is_no_picture_is_told_in_words(mistake, quick):
    content, told = UNREADABLE[mistake]
    with pytest.raises(ValueError, match=told) as caught:
        rgb(content, quick)
    assert "0x" not in str(caught.value)
