"""What was read off a source before: it counts for that source and that reader alone."""

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from clearbench.jobs import fingerprint, remembered

SOURCE = "def value():\n    return 2\n"


@pytest.fixture
def source(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    path = tmp_path / "figure.py"
    path.write_text(SOURCE)
    return path


@pytest.fixture
def hashed(source, monkeypatch):
    """The hash of the source as a module of the package, as a new process gives it."""
    monkeypatch.setattr(fingerprint, "path_of", {"clearbench.figure": source}.get)

    def ask():
        fingerprint._module.cache_clear()
        digest, _ = fingerprint._module("clearbench.figure")
        return digest

    yield ask
    fingerprint._module.cache_clear()


def _file(source: Path) -> Path:
    (path,) = (source.parent / "__pycache__").glob("figure.*.json")
    return path


def test_a_source_is_read_once(source, hashed, monkeypatch):
    first = hashed()
    monkeypatch.setattr(fingerprint, "_read", None)
    assert hashed() == first


def test_an_edit_that_keeps_size_and_time_is_seen(source, hashed):
    os.utime(source, (0, 0))
    first = hashed()
    source.write_text(SOURCE.replace("2", "3"))
    os.utime(source, (0, 0))
    assert hashed() != first


def test_what_another_reader_has_read_is_read_again(source, hashed, monkeypatch):
    first = hashed()
    monkeypatch.setattr(fingerprint, "_reader", lambda: b"of before")
    monkeypatch.setattr(fingerprint, "_read", lambda *_: ("another", []))
    assert hashed() == "another" != first


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda _: "",
        lambda _: "[]",
        lambda _: "{}",
        lambda _: "\0\xff",
        lambda text: json.dumps({**json.loads(text), "key": "0" * 64}),
    ],
)
def test_what_is_damaged_is_read_again(source, hashed, damage):
    first = hashed()
    path = _file(source)
    path.write_text(damage(path.read_text()), encoding="latin-1")
    assert hashed() == first
    assert json.loads(path.read_text())["value"][0] == first


def test_nothing_is_left_where_no_bytecode_is_written(source, hashed, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert hashed()
    assert [path.name for path in source.parent.iterdir()] == ["figure.py"]


def test_a_folder_that_cannot_be_written_to_costs_time_alone(source, hashed):
    (source.parent / "__pycache__").write_text("no folder")
    assert hashed() == hashed()


def test_a_copy_of_a_package_takes_along_what_was_read(source, hashed, tmp_path, monkeypatch):
    first = hashed()
    copy = shutil.copytree(source.parent, tmp_path / "copy") / source.name
    monkeypatch.setattr(fingerprint, "path_of", {"clearbench.figure": copy}.get)
    monkeypatch.setattr(fingerprint, "_read", None)
    assert hashed() == first


def test_parts_of_a_key_cannot_be_shifted():
    assert remembered.key_of(b"ab", b"c") != remembered.key_of(b"a", b"bc")
