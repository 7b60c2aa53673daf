"""Two builds of the same content are one image."""

import runpy
import struct
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PARTS, DATA = 3, b"the file system"


@pytest.fixture(scope="module")
def normalise():
    return runpy.run_path(str(ROOT / "containers/normalise.py"))["normalise"]


def image(number: int) -> bytes:
    """The bytes of a SIF file with an id and times of its own, of whose parts one is not used."""
    head = bytes(32) + b"SIF_MAGIC\0" + b"01\0" + b"02\0" + bytes([number]) * 16
    head += struct.pack("<qqqqqqqq", number, number, 1, PARTS, 128, PARTS * 585, 2048, len(DATA))
    parts = b""
    for part in range(PARTS):
        start = struct.pack("<i?IIIqqq", 1, part < PARTS - 1, part, 1, 0, 2048, 5, 5)
        times = struct.pack("<qq", number, number) if part < PARTS - 1 else bytes(16)
        parts += (start + times).ljust(585, b"n")
    return (head.ljust(128, b"\0") + parts).ljust(2048, b"\0") + DATA


def test_two_builds_of_the_same_content_are_the_same_file(normalise, tmp_path):
    paths = [tmp_path / "1.sif", tmp_path / "2.sif"]
    for number, path in enumerate(paths, 1):
        path.write_bytes(image(number))
        normalise(path, 1_700_000_000)
    first, second = (path.read_bytes() for path in paths)
    assert first == second
    assert first.endswith(DATA)
    assert len(first) == len(image(1))


def test_what_is_no_image_is_left_alone(normalise, tmp_path):
    path = tmp_path / "1.sif"
    path.write_bytes(b"#!/bin/sh\n" * 50)
    with pytest.raises(ValueError, match="not an image of SIF version 1"):
        normalise(path, 0)
    assert path.read_bytes() == b"#!/bin/sh\n" * 50
