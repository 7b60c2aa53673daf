"""What an image does not show is told with what to do: by the run before it starts, by the job."""

import errno
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from clearbench.errors import UserError, check_seen, of_the_site, remedy, unseen
from clearbench.workflow.shown import check_shown

UNSEEN = Path("/not-bound-into-the-image/results")
BIND = "list its folder below `binds` of slurm/site.yaml"

# Stands for Apptainer's program: it has the machine's folders but for those named `hidden`.
APPTAINER = """#!/bin/sh
echo "$@" >> {log}
while [ "$1" != sh ]; do shift; done
test -z "$FATAL" || exit 255
shift 4
for path; do case $path in *hidden*) echo "$path";; esac; done
"""


@pytest.fixture
def image(monkeypatch):
    monkeypatch.setenv("APPTAINER_CONTAINER", "some.sif")


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """The calls of a program that stands for Apptainer, a line each."""
    log = tmp_path / "asked"
    log.touch()
    program = tmp_path / "bin/apptainer"
    program.parent.mkdir()
    program.write_text(APPTAINER.format(log=log))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("APPTAINER_BIND", raising=False)
    (tmp_path / "checkout").mkdir()
    monkeypatch.chdir(tmp_path / "checkout")
    return log


def test_outside_of_an_image_all_is_seen(monkeypatch):
    monkeypatch.delenv("APPTAINER_CONTAINER", raising=False)
    assert not unseen(UNSEEN)
    check_seen(UNSEEN)
    assert not of_the_site(FileNotFoundError(errno.ENOENT, "gone", str(UNSEEN)))
    assert remedy(OSError(errno.EROFS, "Read-only file system", str(UNSEEN))) == ""


def test_a_path_that_the_image_does_not_show_is_told_with_what_to_do(image, tmp_path):
    with pytest.raises(UserError, match=rf"^{UNSEEN}: not seen in the image; {BIND}$"):
        check_seen(UNSEEN)
    # By a link in a folder that is shown.
    (tmp_path / "results").symlink_to(UNSEEN)
    with pytest.raises(UserError, match="/results: not seen in the image; list"):
        check_seen(tmp_path / "results")
    error = OSError(errno.EROFS, "Read-only file system", str(UNSEEN))
    assert remedy(error) == f"; not seen in the image, {BIND}"
    gone = FileNotFoundError(errno.ENOENT, "No such file or directory", str(UNSEEN))
    assert of_the_site(gone)
    # What is on a file system of its own is bound, and only not there; or bound to be read.
    check_seen(Path("/proc/gone"))
    assert not of_the_site(FileNotFoundError(errno.ENOENT, "gone", "/proc/gone"))
    shown = remedy(OSError(errno.EROFS, "Read-only file system", "/proc/x"))
    assert shown == f"; the image shows it to be read only, {BIND}"


@pytest.mark.parametrize(
    "words",
    [
        ["score", "--records", str(UNSEEN), "--gold", str(UNSEEN), "--out", "out"],
        ["generate", "--settings", "{}", "--out", str(UNSEEN / "generate")],
    ],
    ids=["input", "output"],
)
def test_a_job_that_the_image_does_not_show_its_folders_is_one_line(tmp_path, words):
    done = subprocess.run(
        [sys.executable, "-m", "clearbench", *words],
        cwd=tmp_path,
        env={**os.environ, "APPTAINER_CONTAINER": "some.sif", "CLEARBENCH_IMAGE": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert re.fullmatch(
        rf"clearbench: {UNSEEN.parent}\S*: not seen in the image; {BIND}\n", done.stderr
    )


def test_a_run_asks_apptainer_only_of_what_nobody_bound(asked, tmp_path, monkeypatch):
    image = Path("some.sif")
    (tmp_path / "other").mkdir()
    check_shown(image, "", Path("results/suite"), [Path("data")])
    monkeypatch.setenv("APPTAINER_BIND", f"{tmp_path}/other,{tmp_path}/a:{tmp_path}/data:ro")
    check_shown(image, "", tmp_path / "other/results/suite", [tmp_path / "data/faces"])
    assert asked.read_text() == ""
    (tmp_path / "elsewhere").mkdir()
    check_shown(image, "--bind '/x y'", tmp_path / "elsewhere/suite", [])
    words = asked.read_text()
    assert words.startswith(f"exec --home {Path.cwd()} --bind /x y some.sif sh -c ")
    assert words.endswith(f"sh {tmp_path}/elsewhere\n")


def test_a_run_says_what_its_image_would_not_show_before_it_starts(asked, tmp_path, monkeypatch):
    image = Path("some.sif")
    (tmp_path / "hidden").mkdir()
    told = f"{tmp_path}/hidden/new/suite: cannot be written in the image some.sif; {BIND}"
    with pytest.raises(UserError, match=f"^{told}$"):
        check_shown(image, "", tmp_path / "hidden/new/suite", [])
    told = f"{tmp_path}/hidden/faces: cannot be seen in the image some.sif; {BIND}"
    with pytest.raises(UserError, match=f"^{told}$"):
        check_shown(image, "", Path("results"), [tmp_path / "hidden/faces"])
    # A link in the checkout leads elsewhere.
    Path("hidden").symlink_to(tmp_path / "hidden")
    with pytest.raises(UserError, match=r"^hidden/suite: cannot be written in"):
        check_shown(image, "", Path("hidden/suite"), [])
    # What keeps Apptainer from starting is told by the jobs.
    monkeypatch.setenv("FATAL", "1")
    check_shown(image, "", tmp_path / "hidden/new/suite", [])
