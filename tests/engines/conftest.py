"""`clearbench doctor` as a user types it, in a checkout of a small suite, on stand-ins."""

import os
import shutil
import sys
from pathlib import Path

import pytest
import yaml

from clearbench import cli
from workflow.bench import Bench

ROOT = Path(__file__).resolve().parents[2]
NEEDS = {
    "base": {"gpus": 1, "mem_mb": 8000, "minutes": 60},
    "finetune": {"mem_mb": 3000, "minutes": 60},
    "unlearn": {"mem_mb": 3000, "minutes": 60},
    "evaluate": {"gpus": 2, "mem_mb": 8000, "minutes": 60},
}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> Path:
    """A checkout, with profiles and an image that nobody starts; two of its stages need GPUs."""
    folder = tmp_path_factory.mktemp("checkout")
    Bench(folder).fill().write(methods={"retain_ft": {}}, modalities=["text"])
    for name in ("slurm", "lsf", "kubernetes"):
        shutil.copytree(ROOT / name, folder / name)
    path = folder / "config/models/small-llava.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | {"resources": NEEDS}))
    (folder / "clearbench-cuda.sif").write_text("an image")
    return folder


@pytest.fixture
def commands(tmp_path, monkeypatch) -> Path:
    """The folder of a stand-in's state, after `put` has put its commands on the path."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "state").mkdir()
    monkeypatch.setenv("STANDIN", str(tmp_path / "state"))
    path = [tmp_path / "bin", Path(sys.executable).parent, "/usr/bin", "/bin"]
    monkeypatch.setenv("PATH", os.pathsep.join(map(str, path)))
    return tmp_path / "state"


def put(commands: Path, name: str, text: str) -> None:
    """Put a command on the path."""
    path = commands.with_name("bin") / name
    path.write_text(text)
    path.chmod(0o755)


@pytest.fixture
def doctor(checkout, monkeypatch, capsys):
    """Runs `clearbench doctor` with a profile and a site file: exit status and lines."""
    monkeypatch.chdir(checkout)

    def run(profile: str, site: dict, *words: str) -> tuple[int, list[str]]:
        (checkout / "slurm/site.yaml").write_text(yaml.safe_dump(site))
        words = ("clearbench", "doctor", "--suite", "suite", "--profile", profile, *words)
        monkeypatch.setattr(sys, "argv", list(words))
        status = 0
        try:
            cli.main()
        except SystemExit as end:
            status = end.code
        told = capsys.readouterr()
        return status, (told.out + told.err).splitlines()

    return run
