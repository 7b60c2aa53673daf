"""Artifacts: whole or not at all, and told by their manifest alone."""

import errno
import fcntl
import os
import shutil
import threading
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from clearbench.digests import folder_digest, sha256
from clearbench.errors import Unreadable, UserError
from clearbench.jobs import artifacts
from clearbench.jobs.artifacts import (
    FAILURE,
    INVALID,
    MANIFEST,
    PROVENANCE,
    FileEntry,
    held,
    part_folder,
    publish,
    read_manifest,
    recover,
)
from synthetic import fill, names, put_artifact


def test_manifest_names_every_file_but_what_is_told_of_the_run(tmp_path):
    beside = {PROVENANCE: "{}", FAILURE: "{}", INVALID: "{}"}
    files = {"a.txt": "alpha", "deep/b.txt": "", **beside}
    folder = put_artifact(tmp_path / "made", files)
    assert read_manifest(folder).files == {
        "a.txt": FileEntry(5, sha256(folder / "a.txt")),
        "deep/b.txt": FileEntry(0, sha256(folder / "deep/b.txt")),
    }
    assert names(folder) == {*files, MANIFEST}
    assert not part_folder(folder).exists()


def test_same_bytes_give_the_same_manifest_whatever_the_record_says(tmp_path):
    texts = [
        (put_artifact(tmp_path / str(i), {"a": "same", PROVENANCE: str(i)}) / MANIFEST).read_bytes()
        for i in range(2)
    ]
    other = put_artifact(tmp_path / "other", {"a": "some", PROVENANCE: "0"}) / MANIFEST
    assert texts[0] == texts[1] != other.read_bytes()


def test_publishing_leaves_nothing_of_an_older_artifact(tmp_path):
    folder = put_artifact(tmp_path / "made", {"old.txt": "old", "both.txt": "old"})
    put_artifact(folder, {"both.txt": "new"})
    assert names(folder) == {"both.txt", MANIFEST}
    assert (folder / "both.txt").read_text() == "new"


def test_folder_is_there_only_with_all_of_its_files_flushed_to_the_disk(tmp_path, monkeypatch):
    """At the rename all is in the part folder and on disk, and nothing where readers look."""
    folder, seen, flushed = tmp_path / "made", [], set()
    rename, fsync = Path.rename, os.fsync

    def watched_rename(self, target):
        on_disk = {name for name in names(self) if (self / name).stat().st_ino in flushed}
        seen.append((self, Path(target), on_disk, folder.exists()))
        return rename(self, target)

    def watched_fsync(descriptor):
        fsync(descriptor)
        flushed.add(os.fstat(descriptor).st_ino)

    part = fill(folder, {"a": "1", "deep/b": "2"})
    monkeypatch.setattr(Path, "rename", watched_rename)
    monkeypatch.setattr(os, "fsync", watched_fsync)
    publish(part, folder)
    assert seen == [(part, folder, {"a", "deep/b", MANIFEST}, False)]
    assert names(folder) == {"a", "deep/b", MANIFEST}


@pytest.mark.parametrize("umask", [0o022, 0o002, 0o077])
def test_all_files_have_the_permissions_that_the_umask_leaves(tmp_path, umask):
    """So that the group can read weights, which their library writes for their owner alone."""
    before = os.umask(umask)
    try:
        part = fill(tmp_path / "made", {"a": "alpha", "deep/b": "beta"})
        (part / "a").chmod(0o600)
        (part / "deep").chmod(0o700)
        publish(part, tmp_path / "made")
    finally:
        os.umask(before)
    modes = {path: path.stat().st_mode & 0o777 for path in (tmp_path / "made").rglob("*")}
    assert modes == {path: (0o777 if path.is_dir() else 0o666) & ~umask for path in modes}


def test_an_artifact_on_another_disk_is_published_there_and_the_link_stays(tmp_path):
    disk = tmp_path / "disk/moved"
    put_artifact(disk, {"old": "old"})
    folder = tmp_path / "results/made"
    folder.parent.mkdir()
    folder.symlink_to(disk)
    assert part_folder(folder).parent == disk.parent
    put_artifact(folder, {"new": "new"})
    assert folder.is_symlink()
    assert names(disk) == {"new", MANIFEST}
    shutil.rmtree(disk)
    put_artifact(folder, {"new": "new"})
    assert names(disk) == {"new", MANIFEST}


def test_a_link_to_a_disk_that_is_not_there_is_told(tmp_path):
    folder = tmp_path / "made"
    folder.symlink_to(tmp_path / "gone/moved")
    with pytest.raises(UserError, match=r"made: a link to .*/gone/moved, which is not there"):
        part_folder(folder)


REFUSED = [errno.EXDEV, errno.EBUSY, errno.ENOTEMPTY, errno.EPERM, errno.EACCES, errno.ESTALE]


@pytest.mark.parametrize("code", REFUSED, ids=errno.errorcode.get)
def test_a_folder_that_cannot_be_renamed_takes_what_was_finished(tmp_path, monkeypatch, code):
    folder = put_artifact(tmp_path / "made", {"old": "old", "both": "old", "deep/old": ""})
    for name in (FAILURE, INVALID, "notes.txt"):
        (folder / name).write_text("{}")
    part = fill(folder, {"both": "new", "deep/new": ""})

    def refuse(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(Path, "rename", refuse)
    publish(part, folder)
    assert names(folder) == {"both", "deep/new", MANIFEST, "notes.txt"}
    assert (folder / "both").read_text() == "new"
    assert read_manifest(folder).files.keys() == {"both", "deep/new"}
    assert not part.exists()


def test_what_cannot_be_published_stays_and_is_told(tmp_path, monkeypatch):
    folder = put_artifact(tmp_path / "made", {"old": "old"})
    part = fill(folder, {"new": "new"})

    def refuse(*_, **__):
        raise OSError(errno.EROFS, "Read-only file system")

    for name in ("rename", "unlink"):
        monkeypatch.setattr(Path, name, refuse)
    monkeypatch.setattr(artifacts, "plain_mode", lambda _: 0o644)
    with pytest.raises(UserError, match=r"made: finished, but cannot be put in its place \(Read-"):
        publish(part, folder)
    assert names(part) == {"new", MANIFEST}
    assert names(folder) == {"old", MANIFEST}


def test_a_folder_with_files_in_use_gives_up_its_name(tmp_path, monkeypatch):
    """As on NFS, where an open file stays as `.nfs…` until it is closed."""
    folder = put_artifact(tmp_path / "made", {"old": "old"})
    rmtree = shutil.rmtree

    def keep(path, **_):
        (path / ".nfs0001").write_text("")

    monkeypatch.setattr(shutil, "rmtree", keep)
    for text in ("one", "two"):
        put_artifact(folder, {"new": text})
    assert names(folder) == {"new", MANIFEST}
    assert (folder / "new").read_text() == "two"
    monkeypatch.setattr(shutil, "rmtree", rmtree)
    recover(folder)
    assert {path.name for path in tmp_path.iterdir()} == {"made"}


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_system_that_cannot_flush_stops_no_job(tmp_path, monkeypatch, code):
    def refuse(_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", refuse)
    assert read_manifest(put_artifact(tmp_path / "made", {"a": "alpha"})).files.keys() == {"a"}


@pytest.fixture
def folder_of_another(tmp_path_factory):
    """An artifact with one file that this process may not read."""
    with TemporaryDirectory() as parent:
        Path(parent).chmod(0o755)
        folder = put_artifact(Path(parent) / "made", {"a": "alpha", "b": "beta"})
        (folder / "a").chmod(0)
        # Root may read everything, under its own name.
        user = os.geteuid()
        os.seteuid(user or 65534)
        try:
            yield folder
        finally:
            os.seteuid(user)


def test_a_file_that_may_not_be_read_is_not_called_missing(folder_of_another):
    whose = r"it (is your own, allow it|belongs to root, who can allow it) with chmod"
    told = rf"made/a: cannot be read \(Permission denied\); {whose}$"
    for read in (read_manifest, folder_digest, lambda folder: sha256(folder / "a")):
        with pytest.raises(Unreadable, match=told):
            read(folder_of_another)


@pytest.mark.parametrize("name", [".DS_Store", ".nfs01", "deep/.x.swp", "rows~", "#rows#"])
def test_what_systems_and_editors_leave_in_a_folder_of_data_is_not_data(tmp_path, name):
    put_artifact(tmp_path, {"rows": "1", "deep/rows": "2"})
    before = folder_digest(tmp_path)
    (tmp_path / name).write_text("foreign")
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__/rows.pyc").write_text("")
    assert folder_digest(tmp_path) == before
    (tmp_path / "deep/more").write_text("")
    assert folder_digest(tmp_path) != before


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda folder: (folder / "a").unlink(), "a: named in the manifest but missing"),
        (lambda folder: (folder / "a").write_text("alph"), "a: 4 bytes, the manifest says 5"),
        (lambda folder: (folder / MANIFEST).unlink(), f"{MANIFEST}: missing; the stage"),
        (lambda folder: (folder / MANIFEST).write_text("{}"), f"{MANIFEST}: not a manifest"),
        (lambda folder: (folder / MANIFEST).write_text("[]"), f"{MANIFEST}: not a manifest"),
        (
            lambda folder: os.truncate(folder / MANIFEST, 40),
            f"{MANIFEST}: not a manifest",
        ),
        (shutil.rmtree, f"{MANIFEST}: missing; the stage"),
    ],
)
def test_damaged_artifact_is_found_before_it_is_used(tmp_path, damage, told):
    folder = put_artifact(tmp_path / "made", {"a": "alpha"})
    damage(folder)
    with pytest.raises(UserError) as caught:
        read_manifest(folder)
    assert str(caught.value).startswith(f"{folder}/{told}")
    assert "\n" not in str(caught.value)


class Holder:
    """Holds an artifact in a thread, until it is let go."""

    def __init__(self, folder):
        self.holds, self.go = threading.Event(), threading.Event()
        self.thread = threading.Thread(target=self._hold, args=(folder,))
        self.thread.start()

    def _hold(self, folder):
        with held(folder):
            self.holds.set()
            self.go.wait(60)

    def end(self):
        self.go.set()
        self.thread.join(60)


def test_an_artifact_is_held_by_one_alone_also_after_another_waited_for_it(tmp_path):
    """Who lets go removes the lock, and the one who waited must not hold the removed one."""
    folder = tmp_path / "deep/out"
    first = Holder(folder)
    assert first.holds.wait(60)
    second = Holder(folder)
    assert not second.holds.wait(0.3)
    first.end()
    assert second.holds.wait(60)
    third = Holder(folder)
    assert not third.holds.wait(0.3), "two jobs hold one artifact"
    second.end()
    assert third.holds.wait(60)
    third.end()
    assert names(tmp_path) == set()


def test_a_crowd_of_jobs_on_an_artifact_ends(tmp_path):
    folder, done = tmp_path / "deep/out", []

    def hold():
        for _ in range(50):
            with held(folder):
                done.append(1)

    threads = [threading.Thread(target=hold) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(done) == 200
    assert names(tmp_path) == set()


def test_a_file_system_without_locks_stops_no_job(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError("no locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with held(tmp_path / "out"):
        pass
    assert names(tmp_path) == set()
