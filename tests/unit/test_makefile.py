"""What people type: the recipes are shell, which make does not look at before it runs them."""

import subprocess

import pytest

from workflow.bench import ROOT


@pytest.mark.parametrize("target", ["mini", "mini-vision", "test", "cluster", "lint", "container"])
def test_what_make_would_run_is_shell(target):
    words = ["make", "--dry-run", "--directory", str(ROOT), target]
    recipe = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert recipe
    done = subprocess.run(["sh", "-n"], input=recipe, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
