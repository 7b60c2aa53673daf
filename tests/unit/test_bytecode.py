"""Bytecode: what runs is the code on disk, and it is compiled once."""

import os
import shutil
import subprocess
import sys

from synthetic import ROOT

CALL = "from clearbench.figure import VALUE; print(VALUE)"


def test_an_edit_that_keeps_size_and_time_of_a_file_is_what_runs(tmp_path):
    ignored = shutil.ignore_patterns("__pycache__")
    package = shutil.copytree(ROOT / "src/clearbench", tmp_path / "clearbench", ignore=ignored)
    path, environment = package / "figure.py", {**os.environ, "PYTHONPATH": str(tmp_path)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    compiled = []
    for value in (2, 2, 3):
        path.write_text(f"VALUE = {value}\n")
        os.utime(path, (0, 0))
        command = [sys.executable, "-c", CALL]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        assert done.stdout == f"{value}\n"
        (cached,) = (package / "__pycache__").glob("figure.*.pyc")
        compiled.append(cached.stat().st_ino)
    assert compiled[0] == compiled[1], "it is compiled in every process"
