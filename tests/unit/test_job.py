"""Jobs: an artifact whole or not at all, made again where its recipe changed and only there."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from clearbench.digests import sha256
from clearbench.errors import UserError
from clearbench.jobs import environment
from clearbench.jobs import job as jobs
from clearbench.jobs.artifacts import (
    FAILURE,
    INVALID,
    MANIFEST,
    PROVENANCE,
    Manifest,
    parse_manifest,
    part_folder,
    read_manifest,
)
from clearbench.jobs.fingerprint import code_of
from clearbench.jobs.job import Job
from clearbench.jobs.record import read_record, restore_manifest
from clearbench.results.tree import Tree
from synthetic import names, put_artifact

UNLEARN = {"method": "ga"}


def writing(**files):
    """Work that writes files; `ran` counts how often it was done."""

    def work(job):
        work.ran += 1
        for name, text in files.items():
            (job.folder / name).write_text(text)

    work.ran = 0
    return work


def state(folder):
    """Bytes and times of all files, to see that nothing was touched."""
    return {
        name: ((folder / name).read_bytes(), (folder / name).stat().st_mtime_ns)
        for name in names(folder)
        if name != MANIFEST
    }


def test_job_publishes_its_files_with_where_they_came_from(tmp_path):
    source = put_artifact(tmp_path / "source", {"a": "alpha"})
    read = tmp_path / "read.json"
    read.write_text("{}")
    out = tmp_path / "deep/out"

    def work(job):
        assert job.inputs == {"records": read_manifest(source)}
        assert not out.exists()
        (job.folder / "b").write_text("beta")
        job.measures["figure"] = 2.5

    Job("score", out, {"records": source}, {"key": 1}, {"read": read}).run(work)
    assert set(read_manifest(out).files) == {"b"}
    record = read_record(out)
    assert record.recipe.stage == "score"
    assert record.recipe.settings == {"key": 1}
    assert record.recipe.inputs == {"records": sha256(source / MANIFEST), "read": sha256(read)}
    assert record.recipe.code == code_of("score", {})
    assert (record.recipe.lock, record.recipe.image) == (environment.lock(), None)
    assert record.paths == {"records": str(source), "read": str(read)}
    assert record.manifest == sha256(out / MANIFEST)
    assert record.times == {"b": (out / "b").stat().st_ctime_ns}
    assert (record.facts["status"], record.facts["measures"]) == ("ok", {"figure": 2.5})
    assert (out / PROVENANCE).read_text() == record.text()


@pytest.mark.parametrize("error", [RuntimeError("first\nsecond"), UserError()])
def test_error_leaves_a_note_of_itself_and_no_file_of_the_job(tmp_path, error):
    out = put_artifact(tmp_path / "out", {"older": "x"})

    def work(job):
        (job.folder / "half").write_text("half")
        raise error

    with pytest.raises(type(error)):
        Job("score", out, {}, {}).run(work)
    assert names(tmp_path) == {"out/older", f"out/{MANIFEST}", f"out/{FAILURE}"}
    note = json.loads((out / FAILURE).read_text())
    assert note.pop("recipe")["stage"] == "score"
    assert note == {
        "stage": "score",
        "error": type(error).__name__,
        "message": str(error).partition("\n")[0],
        "invalidations": [],
    }


def test_interrupted_job_leaves_no_artifact_and_no_note(tmp_path):
    out = put_artifact(tmp_path / "out", {"older": "x"})

    def work(job):
        (job.folder / "half").write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Job("score", out, {}, {}).run(work)
    assert names(tmp_path) == {"out/older", f"out/{MANIFEST}"}


def test_missing_input_fails_the_job_before_its_work(tmp_path):
    out, work = tmp_path / "out", writing()
    with pytest.raises(UserError, match="missing"):
        Job("score", out, {"r": tmp_path / "r"}, {}).run(work)
    assert work.ran == 0
    assert names(tmp_path) == {f"out/{FAILURE}"}


def test_job_that_succeeds_takes_the_note_of_its_failure_away(tmp_path):
    def fail(job):
        raise RuntimeError

    out = tmp_path / "out"
    with pytest.raises(RuntimeError):
        Job("score", out, {}, {}).run(fail)
    Job("score", out, {}, {}).run(writing(a="a"))
    assert names(tmp_path) == {f"out/{name}" for name in ("a", MANIFEST, PROVENANCE)}


def diverging(job):
    (job.folder / "weights").write_text("nan")
    job.diverged(7)


def test_diverged_job_publishes_its_step_and_none_of_its_files(tmp_path):
    out = tmp_path / "out"
    Job("unlearn", out, {}, UNLEARN).run(diverging)
    manifest = read_manifest(out)
    assert manifest == Manifest("unlearn", {}, "diverged", 7)
    assert manifest.diverged
    assert names(out) == {MANIFEST, PROVENANCE}
    assert (read_record(out).facts["status"], read_record(out).facts["step"]) == ("diverged", 7)


def test_a_job_that_diverged_says_so_in_its_log(tmp_path, capsys):
    cell = tmp_path / "cell"
    Job("unlearn", cell, {}, UNLEARN).run(diverging)
    assert f"clearbench: {cell}: diverged at step 7; published without" in capsys.readouterr().err
    Job("unlearn", cell, {}, UNLEARN).run(diverging)
    assert f"{cell}: unchanged, kept (diverged)" in capsys.readouterr().err
    Job("evaluate", tmp_path / "out", {}, {}).run(lambda job: job.diverged(None))
    assert f"{tmp_path / 'out'}: diverged; published without files" in capsys.readouterr().err


def test_what_is_made_from_a_diverged_artifact_is_diverged_without_work(tmp_path, capsys):
    Job("unlearn", tmp_path / "cell", {}, UNLEARN).run(diverging)
    work = writing(a="a")
    Job("evaluate", tmp_path / "out", {"unlearned": tmp_path / "cell"}, {}).run(work)
    assert f"{tmp_path / 'out'}: diverged at step 7" in capsys.readouterr().err
    assert work.ran == 0
    assert read_manifest(tmp_path / "out") == Manifest("evaluate", {}, "diverged", 7)


def test_what_tells_of_diverged_artifacts_is_made_from_them(tmp_path):
    Job("unlearn", tmp_path / "cell", {}, UNLEARN).run(diverging)
    work = writing(a="a")
    job = Job("tabulate", tmp_path / "out", {"cell": tmp_path / "cell"}, {}, diverges=False)
    job.run(work)
    assert not read_manifest(tmp_path / "out").diverged
    assert "a" in names(tmp_path / "out")


def kill(out, moment):
    """Run a job on `out` that dies at a moment."""
    code = """
        import os, signal, sys
        from pathlib import Path
        from clearbench.jobs.job import Job

        def die():
            os.kill(os.getpid(), signal.SIGKILL)

        def work(job):
            (job.folder / "a").write_text("alpha")
            if moment == "in the work":
                die()
            rename = Path.rename

            def renamed(path, target):
                if moment == "before publishing" or path == job.folder:
                    die()
                return rename(path, target)

            Path.rename = renamed

        out, moment = Path(sys.argv[1]), sys.argv[2]
        Job("score", out, {}, {}).run(work)
    """
    command = [sys.executable, "-c", textwrap.dedent(code), str(out), moment]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert part_folder(out).exists()


MOMENTS = ["in the work", "before publishing", "while publishing"]


def failing(job):
    raise RuntimeError("no")


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_job_leaves_the_older_artifact_to_the_next_one(tmp_path, moment):
    out = put_artifact(tmp_path / "out", {"older": "x"})
    kill(out, moment)
    with pytest.raises(RuntimeError):
        Job("score", out, {}, {"another": "job"}).run(failing)
    assert names(tmp_path) == {"out/older", f"out/{MANIFEST}", f"out/{FAILURE}"}
    assert read_manifest(out).files.keys() == {"older"}


@pytest.mark.parametrize("moment", MOMENTS)
def test_what_a_killed_job_had_finished_is_published_without_work(tmp_path, moment):
    out, work = put_artifact(tmp_path / "out", {"older": "x"}), writing(b="beta")
    kill(out, moment)
    Job("score", out, {}, {}).run(work)
    assert (work.ran == 0) == (moment != "in the work")
    made = "a" if work.ran == 0 else "b"
    assert names(tmp_path) == {f"out/{name}" for name in (made, MANIFEST, PROVENANCE)}
    assert read_record(out).manifest == sha256(out / MANIFEST)


class Made:
    """An artifact, how its job is run again, and what its recipe depends on."""

    def __init__(self, folder):
        self.folder = folder
        self.out = folder / "out"
        self.source = put_artifact(folder / "source", {"a": "alpha"})
        self.read = folder / "read.json"
        self.read.write_text("{}")
        self.settings = {"key": {"deep": 1}}
        self.run()

    def run(self, work=None):
        """Run the job; gives whether it did its work."""
        work = work or writing(b="beta", c="gamma")
        job = Job("score", self.out, {"records": self.source}, self.settings, {"read": self.read})
        job.run(work)
        return work.ran > 0


@pytest.fixture
def made(tmp_path):
    return Made(tmp_path)


def test_artifact_of_the_same_recipe_is_kept_as_it_is(made, capsys):
    before, manifest = state(made.out), (made.out / MANIFEST).read_bytes()
    capsys.readouterr()
    assert not made.run()
    assert capsys.readouterr().err == f"{made.out}: unchanged, kept\n"
    assert state(made.out) == before
    assert (made.out / MANIFEST).read_bytes() == manifest
    assert not part_folder(made.out).exists()


def test_kept_artifact_counts_as_new_for_what_goes_by_time(made):
    os.utime(made.out / MANIFEST, (0, 0))
    assert not made.run()
    assert (made.out / MANIFEST).stat().st_mtime > 0


def test_artifact_that_lost_its_manifest_is_restored_without_work(made):
    before, manifest = state(made.out), (made.out / MANIFEST).read_bytes()
    (made.out / MANIFEST).unlink()
    assert not made.run()
    assert (made.out / MANIFEST).read_bytes() == manifest
    assert state(made.out) == before


def test_diverged_artifact_of_the_same_recipe_is_kept(tmp_path):
    out, work = tmp_path / "out", writing()
    Job("unlearn", out, {}, UNLEARN).run(diverging)
    manifest = (out / MANIFEST).read_bytes()
    (out / MANIFEST).unlink()
    Job("unlearn", out, {}, UNLEARN).run(work)
    assert work.ran == 0
    assert (out / MANIFEST).read_bytes() == manifest


def change_code(made, monkeypatch):
    monkeypatch.setattr(jobs, "code_of", lambda *_: {**code_of("score", {}), "clearbench.new": "1"})


def change_image(made, monkeypatch):
    image = made.folder / "image.sif"
    image.write_text("image")
    monkeypatch.setenv("APPTAINER_CONTAINER", str(image))
    monkeypatch.setenv(environment.PROMISE, environment.image_digest(image))


def edit_record(made, monkeypatch):
    record = json.loads((made.out / PROVENANCE).read_text())
    (made.out / PROVENANCE).write_text(json.dumps({**record, "seconds": 1}))


CHANGES = {
    "a setting": lambda made, _: made.settings.update(key={"deep": 2}),
    "a new setting": lambda made, _: made.settings.update(new=None),
    "code": change_code,
    "an input": lambda made, _: put_artifact(made.source, {"a": "omega"}),
    "a file that it reads": lambda made, _: made.read.write_text("[]"),
    "the lock": lambda _, monkeypatch: monkeypatch.setattr(environment, "lock", lambda: "0" * 64),
    "the image": change_image,
    "a byte of a file": lambda made, _: (made.out / "b").write_text("bete"),
    "a file that is gone": lambda made, _: (made.out / "b").unlink(),
    "an edited record": edit_record,
    "a record that is gone": lambda made, _: (made.out / PROVENANCE).unlink(),
    "a mark that it is invalid": lambda made, _: (made.out / INVALID).write_text(
        json.dumps({"reason": "the disk was bad"})
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_artifact_is_made_again_after_a_change_of(made, monkeypatch, change):
    CHANGES[change](made, monkeypatch)
    assert made.run()
    assert names(made.out) == {"b", "c", MANIFEST, PROVENANCE}
    assert (made.out / "b").read_text() == "beta"
    assert read_record(made.out).manifest == sha256(made.out / MANIFEST)
    assert not made.run(), "it is made again for ever"


def test_a_setting_changed_back_after_an_interruption_costs_no_work(made):
    def interrupted(job):
        raise KeyboardInterrupt

    settings, made.settings = made.settings, {"key": {"deep": 2}}
    with pytest.raises(KeyboardInterrupt):
        made.run(interrupted)
    made.settings = settings
    assert not made.run()
    assert read_manifest(made.out).files.keys() == {"b", "c"}


@pytest.mark.parametrize("removed", [False, True])
@pytest.mark.parametrize("end", [RuntimeError, KeyboardInterrupt])
def test_an_artifact_outlives_a_job_that_was_to_replace_it(made, end, removed):
    """Whose manifest Snakemake removes before it starts the job."""
    before, manifest = state(made.out), (made.out / MANIFEST).read_bytes()
    settings, made.settings = made.settings, {"key": {"deep": 0}}

    def ended(job):
        (job.folder / "b").write_text("half")
        raise end

    if removed:
        (made.out / MANIFEST).unlink()
    with pytest.raises(end):
        made.run(ended)
    (made.out / FAILURE).unlink(missing_ok=True)
    assert (made.out / MANIFEST).read_bytes() == manifest
    assert state(made.out) == before
    made.settings = settings
    assert not made.run(), "what was there is made again"


def test_an_artifact_is_there_whose_manifest_a_job_that_never_began_has_cost(made):
    """Snakemake removes it, and then the job finds no program, no image or no memory."""
    manifest = (made.out / MANIFEST).read_bytes()
    (made.out / MANIFEST).unlink()
    tree = Tree(made.folder)
    assert tree.manifest("out") == parse_manifest(manifest, made.out)
    assert tree.own_record("out").manifest == tree.manifest_digest("out")
    restore_manifest(made.out)
    assert (made.out / MANIFEST).read_bytes() == manifest
    (made.out / "b").unlink()
    assert Tree(made.folder).damage("out") == f"{made.out}/b: gone"


@pytest.mark.parametrize("name", [".DS_Store", "b~", ".nfs00ab", "deep/.x.swp", "notes.txt"])
def test_a_file_of_somebody_else_makes_nothing_again_and_is_not_lost(made, name):
    path = made.out / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("foreign")
    assert not made.run()
    assert name not in read_manifest(made.out).files
    made.settings = {"key": {"deep": 2}}
    assert made.run()
    assert path.read_text() == "foreign"
    assert read_manifest(made.out).files.keys() == {"b", "c"}


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_weights_can_be_read_by_whom_the_umask_lets(tmp_path, umask):
    """The library that writes them gives them to their owner alone."""

    def work(job):
        save_file({"weight": torch.zeros(2)}, job.folder / "model.safetensors")

    before = os.umask(umask)
    try:
        Job("score", tmp_path / "out", {}, {}).run(work)
    finally:
        os.umask(before)
    modes = {path.stat().st_mode & 0o777 for path in (tmp_path / "out").iterdir()}
    assert modes == {0o666 & ~umask}


def test_a_job_on_a_link_to_another_disk_works_and_publishes_there(tmp_path):
    disk, out = tmp_path / "disk/moved", tmp_path / "results/out"
    Job("score", disk, {}, {}).run(writing(a="alpha"))
    out.parent.mkdir()
    out.symlink_to(disk)
    work = writing(b="beta")
    Job("score", out, {}, {}).run(work)
    assert work.ran == 0
    with pytest.raises(RuntimeError):
        Job("score", out, {}, {"key": 1}).run(failing)
    assert read_manifest(out).files.keys() == {"a"}
    Job("score", out, {}, {"key": 1}).run(work)
    assert out.is_symlink()
    assert names(disk.parent) == {f"moved/{name}" for name in ("b", MANIFEST, PROVENANCE)}


def test_what_could_not_be_published_is_finished_and_published_by_the_next_attempt(
    made, monkeypatch
):
    before, made.settings = state(made.out), {"key": {"deep": 2}}

    def refuse(*_):
        raise UserError("the disk is away")

    with monkeypatch.context() as patched:
        patched.setattr(jobs, "publish", refuse)
        with pytest.raises(UserError, match="the disk is away"):
            made.run(writing(b="new"))
    assert {name: kept for name, kept in state(made.out).items() if name != FAILURE} == before
    assert not made.run(), "what was finished is made again"
    assert (made.out / "b").read_text() == "new"
    assert names(made.out) == {"b", MANIFEST, PROVENANCE}
    assert not part_folder(made.out).exists()


def test_what_a_file_system_leaves_among_a_jobs_files_is_not_published(tmp_path):
    def work(job):
        (job.folder / "b").write_text("beta")
        for name in (".nfs0001", ".DS_Store", "._b"):
            (job.folder / name).write_text("")

    Job("score", tmp_path / "out", {}, {}).run(work)
    assert read_manifest(tmp_path / "out").files.keys() == {"b"}


def test_reasons_of_invalidations_outlive_failed_attempts(made):
    def fail(job):
        raise RuntimeError("once more")

    reasons = []
    for reason in ({"reason": "the disk was bad"}, {"reason": "the room was hot"}):
        (made.out / INVALID).write_text(json.dumps(reason))
        reasons.append(reason)
        for _ in range(2):
            with pytest.raises(RuntimeError):
                made.run(fail)
            assert json.loads((made.out / FAILURE).read_text())["invalidations"] == reasons
        assert made.run()
        assert read_record(made.out).facts["invalidations"] == reasons
        assert not (made.out / INVALID).exists()


def test_second_job_on_an_artifact_waits_for_the_first_and_keeps_what_it_made(tmp_path, capsys):
    out, begun, go_on = tmp_path / "out", threading.Event(), threading.Event()
    second = writing(a="alpha")

    def first(job):
        begun.set()
        assert go_on.wait(60)
        (job.folder / "a").write_text("alpha")

    threads = [
        threading.Thread(target=lambda work=work: Job("score", out, {}, {}).run(work))
        for work in (first, second)
    ]
    threads[0].start()
    assert begun.wait(60)
    threads[1].start()
    threads[1].join(0.3)
    assert threads[1].is_alive()
    assert names(tmp_path) <= {".out.lock"}, "the second job disturbs the first"
    go_on.set()
    for thread in threads:
        thread.join(60)
    told = capsys.readouterr().err.splitlines()
    assert told == [
        f"{out}: another job makes it; waiting for its end",
        f"{out}: unchanged, kept",
    ]
    assert second.ran == 0
    assert names(tmp_path) == {f"out/{name}" for name in ("a", MANIFEST, PROVENANCE)}
    assert (out / "a").read_text() == "alpha"


def test_measures_of_any_number_leave_a_record_that_holds(tmp_path):
    def work(job):
        job.measures.update(first_loss=float("inf"), last_loss=float("nan"), note="größer")

    Job("score", tmp_path / "out", {}, {}).run(work)
    assert read_record(tmp_path / "out").facts["measures"]["first_loss"] == float("inf")


def test_paths_are_recorded_as_they_were_given(tmp_path, monkeypatch):
    """So that a results tree that moves takes nothing of the old machine's folders with it."""
    monkeypatch.chdir(tmp_path)
    put_artifact(Path("source"), {"a": "alpha"})
    Job("score", Path("out"), {"records": Path("source")}, {}).run(writing(b="beta"))
    assert read_record(Path("out")).paths == {"records": "source"}
