"""Artifacts and jobs: whole or not at all, whatever ends the process; and what counts as code."""

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest

import clearbench
from clearbench import methods
from clearbench.errors import UserError
from clearbench.provenance.artifacts import (
    FAILURE,
    MANIFEST,
    PROVENANCE,
    FileEntry,
    Manifest,
    part_folder,
    publish,
    read_manifest,
    sha256,
)
from clearbench.provenance.fingerprint import fingerprint, reachable, submodules
from clearbench.provenance.job import Job

PACKAGE = Path(clearbench.__file__).parent


def filled(folder, files):
    part = part_folder(folder)
    for name, text in files.items():
        (part / name).parent.mkdir(parents=True, exist_ok=True)
        (part / name).write_text(text)
    return part


def published(folder, files):
    publish(filled(folder, files), folder, Manifest("any"))
    return folder


def names(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_manifest_names_every_file_but_the_record_of_the_run(tmp_path):
    files = {"a.txt": "alpha", "deep/b.txt": "", PROVENANCE: "{}"}
    folder = published(tmp_path / "made", files)
    manifest = read_manifest(folder)
    assert manifest.files == {
        "a.txt": FileEntry(5, sha256(folder / "a.txt")),
        "deep/b.txt": FileEntry(0, sha256(folder / "deep/b.txt")),
    }
    assert names(folder) == {*files, MANIFEST}
    assert not part_folder(folder).exists()


def test_same_bytes_give_the_same_manifest_whatever_the_record_says(tmp_path):
    texts = [
        (published(tmp_path / str(i), {"a": "same", PROVENANCE: str(i)}) / MANIFEST).read_bytes()
        for i in range(2)
    ]
    other = published(tmp_path / "other", {"a": "some", PROVENANCE: "0"}) / MANIFEST
    assert texts[0] == texts[1] != other.read_bytes()


def test_publishing_leaves_nothing_of_an_older_artifact(tmp_path):
    folder = published(tmp_path / "made", {"old.txt": "old", "both.txt": "old"})
    published(folder, {"both.txt": "new"})
    assert names(folder) == {"both.txt", MANIFEST}
    assert (folder / "both.txt").read_text() == "new"


def test_folder_is_there_only_with_all_of_its_files(tmp_path, monkeypatch):
    """At the rename everything is in the part folder, and nothing where readers look."""
    folder, seen = tmp_path / "made", []
    rename = Path.rename

    def watched(self, target):
        seen.append((self, Path(target), names(self), folder.exists()))
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", watched)
    published(folder, {"a": "1", "b": "2"})
    assert seen == [(part_folder(folder), folder, {"a", "b", MANIFEST}, False)]


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
    folder = published(tmp_path / "made", {"a": "alpha"})
    damage(folder)
    with pytest.raises(UserError) as caught:
        read_manifest(folder)
    assert str(caught.value).startswith(f"{folder}/{told}")
    assert "\n" not in str(caught.value)


def test_job_publishes_its_files_with_where_they_came_from(tmp_path):
    source = published(tmp_path / "source", {"a": "alpha"})
    out = tmp_path / "deep/out"
    with Job("score", out, {"records": source}, {"key": 1}) as job:
        assert job.inputs == {"records": read_manifest(source)}
        assert not out.exists()
        (job.folder / "b").write_text("beta")
        job.measures["figure"] = 2.5
    assert set(read_manifest(out).files) == {"b"}
    record = json.loads((out / PROVENANCE).read_text())
    assert record["inputs"]["records"]["sha256"] == sha256(source / MANIFEST)
    assert record["fingerprint"] == fingerprint("clearbench.stages.score")
    assert (record["settings"], record["measures"]) == ({"key": 1}, {"figure": 2.5})
    assert record["stage"] == "score"


@pytest.mark.parametrize("error", [RuntimeError("first\nsecond"), KeyboardInterrupt(), UserError()])
def test_exception_leaves_a_note_of_itself_and_no_file_of_the_job(tmp_path, error):
    out = published(tmp_path / "out", {"older": "x"})

    def run():
        with Job("score", out, {}, {}) as job:
            (job.folder / "half").write_text("half")
            raise error

    with pytest.raises(type(error)):
        run()
    assert names(tmp_path) == {f"out/{FAILURE}"}
    note = json.loads((out / FAILURE).read_text())
    message = str(error).partition("\n")[0]
    assert note == {"stage": "score", "error": type(error).__name__, "message": message}
    with pytest.raises(UserError):
        read_manifest(out)


def test_missing_input_fails_the_job_before_its_work(tmp_path):
    out = tmp_path / "out"
    with pytest.raises(UserError, match="missing"), Job("score", out, {"r": tmp_path / "r"}, {}):
        pytest.fail("the body ran")
    assert names(tmp_path) == {f"out/{FAILURE}"}


def test_job_that_succeeds_takes_the_note_of_its_failure_away(tmp_path):
    out = tmp_path / "out"
    with pytest.raises(RuntimeError), Job("score", out, {}, {}):
        raise RuntimeError
    with Job("score", out, {}, {}) as job:
        (job.folder / "a").write_text("a")
    assert names(out) == {"a", MANIFEST, PROVENANCE}


def test_diverged_job_publishes_its_step_and_none_of_its_files(tmp_path):
    out = tmp_path / "out"
    with Job("unlearn", out, {}, {}, (methods.module_name("ga"),)) as job:
        (job.folder / "weights").write_text("nan")
        job.diverged(7)
    manifest = read_manifest(out)
    assert manifest == replace(Manifest("unlearn"), status="diverged", step=7)
    assert manifest.diverged
    assert names(out) == {MANIFEST, PROVENANCE}


@pytest.mark.parametrize("moment", ["in the body", "while publishing"])
def test_killed_job_leaves_nothing_that_is_taken_for_an_artifact(tmp_path, moment):
    out = published(tmp_path / "out", {"older": "x"})
    code = """
        import os, signal, sys
        from pathlib import Path
        from clearbench import artifacts
        from clearbench.provenance.job import Job

        def die(*_):
            os.kill(os.getpid(), signal.SIGKILL)

        out, moment = Path(sys.argv[1]), sys.argv[2]
        with Job("score", out, {}, {}) as job:
            (job.folder / "a").write_text("alpha")
            if moment == "in the body":
                die()
            Path.rename = die
    """
    command = [sys.executable, "-c", textwrap.dedent(code), str(out), moment]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert part_folder(out).exists()
    with pytest.raises(UserError, match="missing; the stage that makes it has not finished"):
        read_manifest(out)

    with Job("score", out, {}, {}) as job:
        (job.folder / "b").write_text("beta")
    assert names(tmp_path) == {f"out/{name}" for name in ("b", MANIFEST, PROVENANCE)}


class Copy:
    """A copy of the package, fingerprinted by its own code in a process of its own."""

    def __init__(self, folder):
        self.root = folder / "clearbench"
        shutil.copytree(PACKAGE, self.root, ignore=shutil.ignore_patterns("__pycache__"))

    def fingerprints(self):
        code = """
            import json
            from clearbench.provenance.fingerprint import fingerprint
            from clearbench.methods import available, module_name
            stages = ["dataset", "evaluate", "score"]
            found = {name: fingerprint(f"clearbench.stages.{name}") for name in stages}
            for key in available():
                found[key] = fingerprint("clearbench.stages.unlearn", module_name(key))
            print(json.dumps(found))
        """
        command = [sys.executable, "-c", textwrap.dedent(code)]
        environment = {**os.environ, "PYTHONPATH": str(self.root.parent)}
        answer = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=True
        )
        return json.loads(answer.stdout)

    def edit(self, name, old, new):
        path = self.root / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

    def changed(self, before):
        return {key for key, value in self.fingerprints().items() if before.get(key) != value}


@pytest.fixture
def code(tmp_path):
    return Copy(tmp_path)


def test_comments_docstrings_and_layout_rerun_nothing(code):
    before = code.fingerprints()
    code.edit("methods/npo.py", "    beta: float = 1.0", "    # why\n    beta:float=1.0  # what")
    code.edit("methods/npo.py", '"""Negative preference', '"""Another preference')
    code.edit("methods/npo.py", '"""The softplus', '"""Some softplus')
    code.edit("stages/unlearn.py", '"""Unlearn: one', '"""Unlearn:\n\none')
    assert code.changed(before) == set()


def test_edited_method_reruns_its_own_cells_only(code):
    before = code.fingerprints()
    code.edit("methods/npo.py", "beta: float = 1.0", "beta: float = 0.9")
    assert code.changed(before) == {"npo"}


def test_new_method_reruns_no_cell_of_another(code):
    before = code.fingerprints()
    text = (code.root / "methods/ga.py").read_text()
    (code.root / "methods/new.py").write_text(text.replace("GradientAscent", "New"))
    assert code.changed(before) == {"new"}


def test_code_that_a_stage_reaches_over_other_modules_reruns_it(code):
    before = code.fingerprints()
    code.edit("models/encoding.py", "len(before) - common", "len(before) - common + 0")
    assert code.changed(before) == {"evaluate", *methods.available()}


def test_moved_package_has_the_same_fingerprints(code):
    here = fingerprint("clearbench.stages.unlearn", methods.module_name("ga"))
    assert code.fingerprints()["ga"] == here


def test_stage_reaches_no_other_stage_and_no_method_but_the_one_asked_for():
    for stage in submodules("clearbench.stages"):
        found = reachable(stage)
        assert {name for name in found if name.startswith("clearbench.stages.")} == {stage}
        plugins = {methods.module_name(key) for key in methods.available()}
        assert not found & plugins


def test_name_outside_the_package_has_no_fingerprint():
    with pytest.raises(ModuleNotFoundError, match=r"json is not a module of clearbench"):
        fingerprint("json")
