"""A group's folders: two users of a group, one after the other, and what one may not read."""

import os
import pwd
import re
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import torch
from safetensors.torch import save_file
from snakemake.exceptions import WorkflowError

from clearbench.digests import folder_digest
from clearbench.errors import Unreadable, UserError
from clearbench.jobs import environment, packages
from clearbench.jobs.artifacts import read_manifest
from clearbench.jobs.interruption import Interrupted
from clearbench.jobs.job import Job
from clearbench.jobs.pace import SAVE_SECONDS
from clearbench.jobs.record import read_record
from clearbench.jobs.state import state_folder
from clearbench.workflow.rights import check_folder, check_notes, check_outputs
from clearbench.workflow.troubles import told
from synthetic import names, put_artifact

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="needs root, to be two other users")

ANNA, BORIS, GROUP = 54321, 54322, 54320


@contextmanager
def user(uid: int, umask: int = 0o002) -> Iterator[None]:
    """This process as a user of the group."""
    groups, before = os.getgroups(), os.umask(umask)
    os.setgroups([])
    os.setegid(GROUP)
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)
        os.umask(before)


@pytest.fixture(autouse=True)
def _whoever_may_read_the_interpreter(monkeypatch):
    monkeypatch.setattr(packages, "unlocked", dict)
    monkeypatch.setattr(environment, "unlocked", dict)


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that the group may write; pytest's own are of its user alone."""
    with TemporaryDirectory() as folder:
        os.chown(folder, 0, GROUP)
        Path(folder).chmod(0o770)
        yield Path(folder)


def train(out: Path, source: Path, stop_at: int | None = None, **settings: float) -> None:
    """A job of three steps, which another job asks to end after one of them."""

    def work(job: Job) -> None:
        with job.state.loop() as loop:
            for step in range(len(loop.results), 3):
                loop.results.append(step)
                if step == stop_at:
                    os.kill(os.getpid(), signal.SIGTERM)
                loop.end_step()
        (job.folder / "deep").mkdir()
        save_file({"weight": torch.tensor(loop.results)}, job.folder / "deep/model.safetensors")

    Job("score", out, {"records": source}, settings).run(work)


@pytest.fixture
def tree(shared, monkeypatch) -> Path:
    """A results tree of Anna's with what the jobs start from."""
    monkeypatch.setenv(SAVE_SECONDS, "0")
    # What is imported late is imported now, for the interpreter may lie in a folder of root alone.
    train(shared / "first", put_artifact(shared / "given", {"a": "alpha"}))
    with user(ANNA):
        put_artifact(shared / "results/source", {"a": "alpha"})
    return shared / "results"


def closed(folder: Path) -> list[Path]:
    """What the group may not read and write below a folder."""
    paths = (folder, *folder.rglob("*"))
    return [path for path in paths if path.stat().st_mode & 0o060 != 0o060]


def test_two_users_of_a_group_use_one_results_tree_one_after_the_other(tree):
    source, out = tree / "source", tree / "unlearn/cell"
    with user(ANNA), pytest.raises(Interrupted):
        train(out, source, stop_at=1)
    assert state_folder(out).exists()
    assert closed(tree) == []
    with user(BORIS):
        train(out, source)
    assert read_record(out).facts["resumed_at_steps"] == [2]
    assert (out / "deep/model.safetensors").stat().st_uid == BORIS
    with user(ANNA):
        train(out, source, lr=1.0)
    assert (out / "deep/model.safetensors").stat().st_uid == ANNA
    with user(BORIS):
        train(out, source, lr=1.0)
        with pytest.raises(TypeError):
            Job("score", out, {"records": source}, {"lr": 2.0}).run(lambda job: len(job))
    assert (out / "failure.json").stat().st_uid == BORIS
    assert closed(tree) == []
    assert {name.partition("/")[0] for name in names(tree)} == {"source", "unlearn"}


def test_what_its_owner_keeps_to_himself_is_one_line_with_his_name_for_others(shared, tree):
    cell = tree / "unlearn/cell"
    with user(ANNA, 0o077):
        train(cell, tree / "source")
        train(tree / "next", cell)
    allow = f"belongs to user {ANNA}, who can allow it with chmod"
    with user(BORIS):
        # The folder that bars him, and not the file below it that he cannot see.
        barred = (
            rf"cell/manifest.json: cannot be read \(Permission denied\); {tree}/unlearn {allow}$"
        )
        with pytest.raises(Unreadable, match=barred):
            read_manifest(cell)
        with pytest.raises(Unreadable, match=barred):
            train(tree / "other", cell)
    os.chown(tree / "unlearn", 0, 0)
    owner = pwd.getpwuid(0).pw_name
    with user(BORIS), pytest.raises(Unreadable, match=f"{tree}/unlearn belongs to {owner}, who"):
        read_manifest(cell)
    os.chown(tree / "unlearn", ANNA, GROUP)
    with user(ANNA):
        read_manifest(cell)
        for path in (tree / "unlearn", cell, cell / "deep", cell / "manifest.json"):
            path.chmod(0o770)
    with user(BORIS), pytest.raises(Unreadable, match=f"model.safetensors: .*; it {allow}$"):
        read_manifest(cell)


def test_a_state_that_may_not_be_read_is_not_taken_for_a_damaged_one(tree):
    out = tree / "cell"
    with user(ANNA), pytest.raises(Interrupted):
        train(out, tree / "source", stop_at=1)
    (state,) = state_folder(out).iterdir()
    state.chmod(0o600)
    with user(BORIS), pytest.raises(Unreadable, match=f"; it belongs to user {ANNA}, who can"):
        train(out, tree / "source")
    assert state.exists()
    with user(ANNA):
        train(out, tree / "source")
    assert read_record(out).facts["resumed_at_steps"] == [2]


def test_a_folder_of_data_that_may_not_be_listed_is_not_data_without_its_files(shared):
    put_artifact(shared / "data", {"rows": "1", "deep/rows": "2", ".hidden/x": ""})
    for path in (shared / "data", *shared.glob("data/*")):
        os.chown(path, ANNA, GROUP)
        path.chmod(0o770)
    (shared / "data/.hidden").chmod(0o700)
    with user(BORIS):
        whole = folder_digest(shared / "data")
    (shared / "data/deep").chmod(0o700)
    with user(ANNA):
        assert folder_digest(shared / "data") == whole
    barred = f"{shared}/data/deep: cannot be read .*; it belongs to user {ANNA}, who can allow"
    with user(BORIS), pytest.raises(Unreadable, match=barred):
        folder_digest(shared / "data")


def test_an_image_that_may_not_be_read_is_told_though_its_digest_lies_beside_it(shared):
    image = shared / "image.sif"
    image.write_text("image")
    os.chown(image, ANNA, GROUP)
    image.chmod(0o600)
    with user(ANNA):
        digest = environment.image_digest(image)
    assert closed(shared) == [image]
    with user(BORIS):
        barred = rf"image.sif: cannot be read \(Permission denied\); it belongs to user {ANNA}, who"
        with pytest.raises(Unreadable, match=barred):
            environment.accepted(image, in_image=True)
        # To look needs no image.
        assert environment.accepted(image, in_image=False).images == {None, digest}
        (shared / "image.sif.sha256").unlink()
        assert environment.accepted(image, in_image=False).images is None
    shared.chmod(0o700)
    owner = pwd.getpwuid(0).pw_name
    with user(BORIS):
        assert environment.accepted(image, in_image=False).images is None
        with pytest.raises(Unreadable, match=f"; {shared} belongs to {owner}, who"):
            environment.accepted(image, in_image=True)


def test_a_folder_that_may_not_be_looked_into_hides_no_package(shared, monkeypatch):
    """As another user's `.snakemake` in the working directory, or a folder on PYTHONPATH."""
    monkeypatch.undo()
    packages.unlocked()
    for name in ("closed/inside", "open"):
        (shared / name).mkdir(parents=True)
    (shared / "closed").chmod(0o700)
    monkeypatch.setattr(sys, "path", [str(shared), str(shared / "closed/inside"), *sys.path])
    with user(BORIS):
        packages.unlocked()


def test_a_run_that_may_not_write_says_so_before_it_starts(shared, monkeypatch):
    monkeypatch.chdir(shared)
    allow = f"belongs to user {ANNA}, who can allow it with chmod"
    output, log = "results/suite/score/cell/manifest.json", "results/suite/logs/score/cell.log"
    with user(ANNA):
        put_artifact(Path(output).parent, {"a": "alpha"})
        Path(log).parent.mkdir(parents=True)
        Path(log).touch()
        attempts = Path(log).with_suffix(".attempts")
        attempts.touch()
        Path(".snakemake/iocache").mkdir(parents=True)
        Path(".snakemake/iocache/latest.pkl").touch()

    def check(only_looks: bool = False) -> None:
        check_notes()
        try:
            check_folder(Path("results/suite"))
        except OSError as error:
            raise told(error) from None
        check_outputs([output, "results/suite/score/new/manifest.json"], [log], only_looks)

    with user(BORIS):
        check()
    score = "results/suite/score"
    for name, told_ in {
        ".snakemake": ".snakemake: cannot be written (Permission denied); it",
        ".snakemake/iocache": ".snakemake/iocache: cannot be written (Permission denied); it",
        ".snakemake/iocache/latest.pkl": "latest.pkl: cannot be written (Permission denied); it",
        score: f"{score}/new: cannot be written (Permission denied); {score}",
        f"{score}/cell": "score/cell: cannot be written (Permission denied); it",
        output: f"{output}: cannot be written (Permission denied); it",
        log: f"{log}: cannot be written (Permission denied); it",
        str(attempts): f"{attempts}: cannot be written (Permission denied); it",
    }.items():
        before = Path(name).stat().st_mode
        Path(name).chmod(before & ~0o022)
        with user(BORIS), pytest.raises(WorkflowError, match=re.escape(f"{told_} {allow}")):
            check()
        with user(ANNA):
            check()
        Path(name).chmod(before)
    for name in ("results", "results/suite"):
        Path(name).chmod(0o700)
        barred = f"^results/suite: Permission denied; ({name}|it) {allow}$"
        with user(BORIS), pytest.raises(WorkflowError, match=barred):
            check()
        Path(name).chmod(0o770)
    # What is not there yet is only looked at.
    Path("results/suite/score").chmod(0o755)
    with user(BORIS):
        check(only_looks=True)


def test_a_trouble_that_nobody_in_particular_can_mend_is_told_as_it_is():
    assert str(told(PermissionError(1, "Operation not permitted", "/"))) == (
        "/: Operation not permitted"
    )
    assert str(told(UserError("as it is"))) == "as it is"
