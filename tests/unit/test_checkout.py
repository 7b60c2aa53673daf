"""Which commit a record names: the one of the code that runs, or none and why."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import clearbench
from clearbench.jobs.checkout import CHECKOUT

PACKAGE = Path(clearbench.__file__).parent


def git(folder: Path, *words: str) -> str:
    told = ["-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "safe.directory=*"]
    done = subprocess.run(
        ["git", *told, *words], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def put_sources(folder: Path) -> Path:
    """A folder with what of the package finds its commit, as in a checkout."""
    package = folder / "src/clearbench"
    (package / "jobs").mkdir(parents=True)
    for name in ("__init__.py", "jobs/__init__.py", "jobs/checkout.py"):
        shutil.copy(PACKAGE / name, package / name)
    (folder / ".gitignore").write_text("__pycache__\n")
    return folder


def commit(folder: Path) -> str:
    git(folder, "init")
    git(folder, "add", "--all")
    git(folder, "commit", "--message", "one")
    return git(folder, "rev-parse", "HEAD")


def found(folder: Path, **variables: str) -> dict:
    """What the sources in a folder say of their commit, called from elsewhere."""
    code = "import json, clearbench.jobs.checkout as c; print(json.dumps(c.checkout()))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder.parent,
        env={**os.environ, "PYTHONPATH": str(folder / "src"), **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


@pytest.fixture
def sources(tmp_path) -> Path:
    return put_sources(tmp_path / "sources")


@pytest.fixture
def other(tmp_path) -> Path:
    """A repository of something else."""
    (tmp_path / "other").mkdir()
    (tmp_path / "other/file").write_text("text")
    commit(tmp_path / "other")
    return tmp_path / "other"


def test_a_checkout_is_at_its_commit_with_changes_or_without(sources):
    head = commit(sources)
    assert found(sources) == {"commit": head, "dirty": False, "commit_unknown": None}
    (sources / "new").write_text("text")
    assert found(sources) == {"commit": head, "dirty": True, "commit_unknown": None}


def test_a_shallow_clone_and_a_worktree_are_at_their_commit(sources, tmp_path):
    head = commit(sources)
    git(tmp_path, "clone", "--depth", "1", sources.as_uri(), "shallow")
    git(sources, "worktree", "add", str(tmp_path / "tree"))
    for name in ("shallow", "tree"):
        assert found(tmp_path / name) == {"commit": head, "dirty": False, "commit_unknown": None}


def test_sources_without_git_have_no_commit_and_it_is_said(sources, tmp_path):
    said = found(sources)
    assert (said["commit"], said["dirty"]) == (None, None)
    assert "not a git repository" in said["commit_unknown"]
    (tmp_path / "nothing").mkdir()
    said = found(sources, PATH=str(tmp_path / "nothing"))
    assert said["commit_unknown"] == "no command git"


def test_the_commit_of_a_repository_around_the_sources_is_not_theirs(sources, tmp_path):
    # Neither where it knows the files nor where it does not, as a folder of installed packages.
    commit(tmp_path)
    assert found(sources)["commit"] is None
    assert "lies in the repository of something else" in found(sources)["commit_unknown"]


def test_a_repository_at_the_root_that_does_not_know_the_files_is_not_theirs(sources):
    git(sources, "init")
    git(sources, "add", ".gitignore")
    git(sources, "commit", "--message", "one")
    assert found(sources)["commit"] is None
    assert "has not the files that run" in found(sources)["commit_unknown"]


def test_a_repository_that_variables_of_the_shell_name_is_not_theirs(sources, other):
    variables = {
        "GIT_DIR": str(other / ".git"),
        "GIT_WORK_TREE": str(other),
        "GIT_INDEX_FILE": str(other / ".git/index"),
        "GIT_CEILING_DIRECTORIES": str(sources.parent),
    }
    assert found(sources, **variables)["commit"] is None
    head = commit(sources)
    said = {"commit": head, "dirty": False, "commit_unknown": None}
    assert found(sources, **variables) == said


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to give files to another user")
def test_a_checkout_of_another_owner_is_at_its_commit(sources):
    head = commit(sources)
    for path in (sources, *sources.rglob("*")):
        os.chown(path, 12345, 12345)
    assert found(sources) == {"commit": head, "dirty": False, "commit_unknown": None}


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to give files to another user")
def test_no_command_of_anothers_repository_around_the_sources_is_run(sources, tmp_path):
    git(tmp_path, "init")
    git(tmp_path, "config", "core.worktree", str(sources))
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--message", "one")
    git(tmp_path, "config", "filter.x.clean", f"touch {tmp_path}/ran; cat")
    (tmp_path / ".git/info/attributes").write_text("* filter=x\n")
    for path in (tmp_path / ".git", *(tmp_path / ".git").rglob("*")):
        os.chown(path, 12345, 12345)
    os.utime(sources / ".gitignore", (0, 0))
    said = found(sources)
    assert said["commit"] is None
    assert "dubious ownership" in said["commit_unknown"]
    assert not (tmp_path / "ran").exists()


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to give files to another user")
def test_a_git_that_refuses_the_checkout_of_another_owner_is_told_how_to_read_it(sources, tmp_path):
    commit(sources)
    for path in (sources, *sources.rglob("*")):
        os.chown(path, 12345, 12345)
    # A git of before 2.38, which does not heed what it is told of owners by its caller.
    program = shutil.which("git")
    older = tmp_path / "bin/git"
    older.parent.mkdir()
    told = f"shift 3; exec {program} --no-optional-locks"
    older.write_text(f'#!/bin/sh\n{told} "$@"\n')
    older.chmod(0o755)
    said = found(sources, PATH=f"{older.parent}{os.pathsep}{os.environ['PATH']}")
    assert said["commit"] is None
    remedy = f"; type: git config --global --add safe.directory {sources}"
    assert said["commit_unknown"].endswith(remedy)


def test_a_job_in_an_image_knows_its_commit_though_no_git_is_there(sources):
    told = {"commit": "c" * 40, "dirty": True, "commit_unknown": None}
    variables = {CHECKOUT: json.dumps(told)}
    assert found(sources, **variables)["commit"] is None
    assert found(sources, APPTAINER_CONTAINER="some.sif", **variables) == told
