"""What a job imports counts, and not what the lock says: told where it differs, and refused."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from clearbench.jobs.environment import PROMISE
from clearbench.jobs.record import read_record

ROOT = Path(__file__).resolve().parents[2]
GENERATE = ["generate", "--settings", json.dumps({"persons": 100, "strangers": 0}), "--out", "out"]
PEFT = metadata.version("peft")


@pytest.fixture
def checkout(tmp_path) -> Path:
    """A working directory with the locks."""
    shutil.copytree(ROOT / "envs", tmp_path / "checkout/envs")
    shutil.copytree(ROOT / "config", tmp_path / "checkout/config")
    shutil.copy(ROOT / "Snakefile", tmp_path / "checkout")
    return tmp_path / "checkout"


def put(folder: Path, name: str, version: str | None, module: str = "") -> Path:
    """A folder with a package, or with a module that no package has."""
    (folder / (module or name)).mkdir(parents=True)
    (folder / (module or name) / "__init__.py").touch()
    if version is not None:
        told = folder / f"{name.replace('-', '_')}-{version}.dist-info"
        told.mkdir()
        (told / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    return folder


def call(checkout: Path, *words: str, path: Path | str = "", **variables: str):
    """Call the command line, with a folder that comes first where packages are looked for."""
    found = f"{path}{os.pathsep}{ROOT / 'src'}" if path else str(ROOT / "src")
    return subprocess.run(
        [sys.executable, "-m", "clearbench", *words],
        cwd=checkout,
        env={**os.environ, "PYTHONPATH": found, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def unlocked(checkout: Path, path: Path | str = "") -> dict[str, str]:
    """What differs from the lock, by the package's own word."""
    code = "import json; from clearbench.jobs.packages import unlocked; "
    found = f"{path}{os.pathsep}{ROOT / 'src'}" if path else str(ROOT / "src")
    done = subprocess.run(
        [sys.executable, "-c", code + "print(json.dumps(unlocked()))"],
        cwd=checkout,
        env={**os.environ, "PYTHONPATH": found},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def relock(checkout: Path, line: str) -> None:
    """Pin a package to something else in both locks."""
    name = line.partition("==")[0]
    for path in (checkout / "envs").glob("*.lock"):
        lines = [old for old in path.read_text().splitlines() if not old.startswith(f"{name}==")]
        path.write_text("\n".join([*lines, line]) + "\n")


def test_what_is_installed_from_the_lock_is_as_locked(checkout):
    assert unlocked(checkout) == {}


def test_a_package_of_another_version_before_the_installed_one_is_found(checkout, tmp_path):
    here = put(tmp_path / "here", "peft", "0.19.0")
    assert unlocked(checkout, here) == {"peft": f"0.19.0 (locked: {PEFT})"}


def test_a_module_without_a_package_before_the_installed_one_is_found(checkout, tmp_path):
    here = put(tmp_path / "here", "PIL", None)
    version = metadata.version("pillow")
    found = f"of {here}, not as installed (locked: {version})"
    assert unlocked(checkout, here) == {"pillow": found}


def test_a_package_that_the_lock_has_otherwise_or_that_is_missing_is_found(checkout):
    relock(checkout, "peft==0.1")
    assert unlocked(checkout) == {"peft": f"{PEFT} (locked: 0.1)"}


@pytest.mark.parametrize(
    ("name", "version", "module"),
    [
        # The same version, from elsewhere.
        ("peft", PEFT, ""),
        ("Peft", f"{PEFT}.0", "peft"),
        # What no lock has, what no job imports, and what only starts jobs.
        ("an-extra", "1.0", "an_extra"),
        ("pytest", "0.1", ""),
        ("snakemake", "0.1", ""),
        ("torch", f"{metadata.version('torch').partition('+')[0]}+cu999", ""),
    ],
)
def test_what_changes_no_job_is_no_fault(checkout, tmp_path, name, version, module):
    assert unlocked(checkout, put(tmp_path / "here", name, version, module)) == {}


@pytest.mark.parametrize(
    "line", [f"PEFT=={PEFT}", f"peft=={PEFT}.0", "torch==" + metadata.version("torch")]
)
def test_a_lock_in_other_words_is_the_same(checkout, line):
    relock(checkout, line)
    assert unlocked(checkout) == {}


def test_a_local_version_counts_where_the_lock_has_one(checkout):
    relock(checkout, f"peft=={PEFT}+theirs")
    assert unlocked(checkout) == {"peft": f"{PEFT} (locked: {PEFT}+theirs)"}


def test_without_a_lock_nothing_is_said(checkout, tmp_path):
    shutil.rmtree(checkout / "envs")
    assert unlocked(checkout, put(tmp_path / "here", "peft", "0.19.0")) == {}


def test_a_command_that_is_typed_elsewhere_records_the_lock_of_its_code(checkout, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for folder in (checkout, elsewhere):
        done = call(folder, *GENERATE)
        assert done.returncode == 0, done.stderr
    there, here = (read_record(folder / "out") for folder in (checkout, elsewhere))
    assert here.recipe.lock is not None
    assert here.recipe == there.recipe


def test_a_job_with_other_packages_says_so_and_is_not_of_the_lock(checkout, tmp_path):
    here = put(tmp_path / "here", "peft", "0.19.0")
    done = call(checkout, *GENERATE, path=here)
    assert done.returncode == 0, done.stderr
    told = f"packages are not those of envs/cpu.lock: peft 0.19.0 (locked: {PEFT})"
    assert f"clearbench: {told}; no audit proves this\n" in done.stderr
    record = read_record(checkout / "out")
    assert record.recipe.unlocked == {"peft": f"0.19.0 (locked: {PEFT})"}
    assert record.facts["packages"]["peft"] == "0.19.0"
    # The same again is kept; with the lock's packages it is made again, and then kept by all.
    assert "unchanged, kept" in call(checkout, *GENERATE, path=here).stderr
    assert "unchanged, kept" not in call(checkout, *GENERATE).stderr
    assert read_record(checkout / "out").recipe.unlocked == {}
    assert "unchanged, kept" in call(checkout, *GENERATE, path=here).stderr


def test_a_job_in_an_image_with_other_packages_is_refused_in_one_line(checkout, tmp_path):
    image = tmp_path / "some.sif"
    image.write_text("image")
    relock(checkout, "peft==0.1")
    promise = {PROMISE: hashlib.sha256(b"image").hexdigest()}
    done = call(checkout, *GENERATE, APPTAINER_CONTAINER=str(image), **promise)
    told = f"packages are not those of envs/cpu.lock: peft {PEFT} (locked: 0.1); build the image"
    assert done.returncode == 1
    assert done.stderr == f"clearbench: {told} again (`make container`)\n"


@pytest.mark.parametrize("words", [["why"], ["plan"], ["doctor"]])
def test_those_who_ask_are_told_of_other_packages(checkout, tmp_path, words):
    done = call(checkout, *words, path=put(tmp_path / "here", "peft", "0.19.0"))
    told = f"packages are not those of envs/cpu.lock: peft 0.19.0 (locked: {PEFT})"
    assert told in done.stdout + done.stderr
