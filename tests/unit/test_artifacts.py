"""Artifacts: whole or not at all, and told by their manifest alone."""

import fcntl
import os
import shutil
import threading
from pathlib import Path

import pytest

from clearbench.errors import UserError
from clearbench.provenance.artifacts import (
    FAILURE,
    INVALID,
    MANIFEST,
    PROVENANCE,
    FileEntry,
    held,
    part_folder,
    publish,
    read_manifest,
    sha256,
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
