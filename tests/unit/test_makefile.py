"""What people type: the recipes are shell, which make does not look at before it runs them."""

import os
import shutil
import subprocess

import pytest

from workflow.bench import ROOT


@pytest.mark.parametrize(
    "target",
    [
        "mini",
        "mini-vision",
        "tofu-smollm",
        "rehearsal",
        "test",
        "cluster",
        "lint",
        "lock",
        "docs",
        "container",
    ],
)
def test_what_make_would_run_is_shell(target):
    words = ["make", "--dry-run", "--directory", str(ROOT), target]
    recipe = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert recipe
    done = subprocess.run(["sh", "-n"], input=recipe, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("look", ["-n", "--dry-run", "--dryrun --quiet"])
def test_a_look_at_a_suite_shows_no_table_that_is_not_there(look):
    words = ["make", "--dry-run", "--directory", str(ROOT), "mini"]
    run = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    looking = [*words, f"SNAKEMAKE_FLAGS={look}"]
    shown = subprocess.run(looking, capture_output=True, text=True, check=True).stdout
    assert "clearbench show" in run
    assert "snakemake --config" not in shown
    assert "snakemake" in shown
    assert "show" not in shown


def test_what_is_installed_goes_by_the_lock_and_not_by_its_time(tmp_path):
    shutil.copytree(ROOT / "envs", tmp_path / "envs")
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    for name in ("pip", "python"):
        program = tmp_path / ".venv/bin" / name
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)

    def installs():
        words = ["make", "--directory", str(tmp_path), "install"]
        said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
        return "installing" in said

    assert installs()
    lock = tmp_path / "envs/cpu.lock"
    for seconds in (0, 4102444800):
        os.utime(lock, (seconds, seconds))
        assert not installs()
        lock.write_text(lock.read_text() + "# Renewed.\n")
        os.utime(lock, (seconds, seconds))
        assert installs()
