"""What an image is built from: the same in every kind of checkout, or everything is made anew."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from unit.test_normalise import image

ROOT = Path(__file__).resolve().parents[2]

STAND_IN = """#!/usr/bin/env bash
# In place of Apptainer, whose builds take minutes: an image that is what it was told to build.
for word; do part=$image image=$word; done
cp "$SIF" "$part"
{ echo "$SOURCE_DATE_EPOCH"; printf '%s\\n' "$@"; cat "$image"; } >> "$part"
"""


def git(folder: Path, *words: str) -> None:
    told = ["-c", "user.name=x", "-c", "user.email=x@example.org", *words]
    subprocess.run(["git", *told], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def clone(tmp_path) -> Path:
    """A repository that was last changed by another commit than its image's sources."""
    folder = tmp_path / "clone"
    shutil.copytree(ROOT / "containers", folder / "containers")
    shutil.copytree(ROOT / "envs", folder / "envs")
    shutil.copy(ROOT / "pyproject.toml", folder)
    git(folder, "init")
    git(folder, "add", "--all")
    git(folder, "commit", "--message", "one", "--date", "2020-01-01T00:00:00")
    (folder / "README.md").write_text("text")
    git(folder, "add", "--all")
    git(folder, "commit", "--message", "two", "--date", "2021-01-01T00:00:00")
    return folder


def built(folder: Path, tmp_path: Path, **variables: str) -> bytes:
    """The bytes of the image that a checkout gives; its own path does not count."""
    commands, images = tmp_path / "bin", folder.parent / f"{folder.name}-images"
    commands.mkdir(exist_ok=True)
    (commands / "apptainer").write_text(STAND_IN)
    (commands / "apptainer").chmod(0o755)
    (tmp_path / "empty.sif").write_bytes(image(1))
    environment = {
        **os.environ,
        "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}",
        "SIF": str(tmp_path / "empty.sif"),
        "CLEARBENCH_IMAGES": str(images),
        **variables,
    }
    command = ["containers/build.sh", "cpu", "docker", "python@sha256:0"]
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    content = (folder / "clearbench-cpu.sif").read_bytes()
    return content.replace(bytes(images), b"IMAGES").replace(bytes(folder), b"CHECKOUT")


def test_a_shallow_clone_a_copy_and_another_commit_build_the_same_image(clone, tmp_path):
    first = built(clone, tmp_path)
    shallow, copy = tmp_path / "shallow", tmp_path / "copy"
    git(tmp_path, "clone", "--depth", "1", clone.as_uri(), str(shallow))
    shutil.copytree(clone, copy, ignore=shutil.ignore_patterns(".git", "*.sif"))
    inside = tmp_path / "inside"
    git(tmp_path, "init", str(inside))
    shutil.copytree(copy, inside / "copy")
    assert built(shallow, tmp_path) == first
    assert built(copy, tmp_path) == first
    assert built(inside / "copy", tmp_path) == first
    other = tmp_path / "other"
    shutil.copytree(copy, other)
    assert built(other, tmp_path, GIT_DIR=str(clone / ".git"), SOURCE_DATE_EPOCH="7") == first


@pytest.mark.parametrize("name", ["containers/clearbench.def", "envs/cpu.lock", "pyproject.toml"])
def test_another_source_of_the_image_builds_another(clone, tmp_path, name):
    first = built(clone, tmp_path)
    with (clone / name).open("a") as file:
        file.write("# more\n")
    assert built(clone, tmp_path) != first
