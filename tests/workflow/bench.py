"""A folder to run Snakemake in: a copy of the workflow with a world and models of seconds."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
import yaml

from clearbench.jobs.artifacts import MANIFEST, PROVENANCE
from clearbench.results.tree import CHECKED
from clearbench.warm import VARIABLE

from . import forked

OWN = {CHECKED, ".holder"}
"""The files of a results tree that belong to no artifact, and differ from run to run."""

ROOT = Path(__file__).resolve().parents[2]
TRAINING = {"epochs": 1, "batch_size": 32, "lr": 2.0e-3}
SUITE = {
    "description": "Two methods on two modalities, as small as they go.",
    "dataset": "small",
    "model": "small-llava",
    "modalities": ["text", "both"],
    "forget_sizes": [10],
    "seeds": [0],
    "base": TRAINING,
    "finetune": TRAINING,
    "unlearn": {**TRAINING, "lr": 1.0e-3},
    "methods": {"retain_ft": {}, "npo": {}},
    "evaluate": {"batch_size": 64, "max_new_tokens": 4},
}
WORLD = {
    "persons": 100,
    "portraits": 1,
    "image_size": 32,
    "real_persons": 8,
    "real_portraits": 2,
    "unpictured_persons": 10,
    "strangers": 30,
    "things": 20,
}
FACES = {
    "description": "The vision domain, as small as a membership attack can see anything.",
    "dataset": "small-faces",
    "model": "small-resnet",
    "modalities": ["visual"],
    "forget_sizes": [10],
    "seeds": [0],
    "base": {"epochs": 1, "batch_size": 64, "lr": 3.0e-3},
    "finetune": {
        "epochs": 25,
        "batch_size": 32,
        "lr": 4.0e-3,
        "weight_decay": 0.0,
        "schedule": "cosine",
    },
    "unlearn": {"epochs": 2, "batch_size": 16, "lr": 1.0e-2, "optimizer": "sgd", "weights": "full"},
    "methods": {"scrub_bio": {}, "twins": {}, "rmu": {"layer": 1, "steering": 5.0}},
    "evaluate": {"batch_size": 256},
    "faces": {"holdout": 10, "enrolment": 2, "shadows": 8, "targets": 4, "together": 6},
}
COLD = {VARIABLE: ""}
"""Variables that keep calls from the warm process of all tests."""

NARROW = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
}


@dataclass(frozen=True)
class Bench:
    """A working directory; `src` is the folder of the package that its jobs run.

    `installed` are folders of other packages.
    """

    folder: Path
    src: Path = ROOT / "src"
    installed: tuple[Path, ...] = ()

    def fill(self) -> "Bench":
        """Copy the workflow, and write the small dataset and models beside those of the suites."""
        for name in ("rules", "config", "envs", "profiles"):
            shutil.copytree(ROOT / name, self.folder / name)
        shutil.copy(ROOT / "Snakefile", self.folder)
        self._derive(
            "datasets/mini", "datasets/small", lambda data: data["generator"].update(WORLD)
        )
        self._derive("models/tiny-llava", "models/small-llava", _shrink)
        self._derive("models/tiny-llama", "models/small-llama", _shrink)
        self._derive(
            "datasets/mini-faces",
            "datasets/small-faces",
            lambda data: data["generator"].update(persons=100, portraits=4),
        )
        self._derive(
            "models/tiny-resnet",
            "models/small-resnet",
            lambda data: data["build"]["config"].update(hidden_sizes=[16, 32], depths=[1, 1]),
        )
        return self

    def copy(self, folder: Path) -> "Bench":
        """The same with all results, for a test that goes on from them."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return replace(self, folder=folder)

    def with_own_code(self) -> "Bench":
        """The same with a copy of the package, for a test that edits code."""
        src = self.folder / "src"
        shutil.copytree(self.src, src, ignore=shutil.ignore_patterns("*.egg-info"))
        return replace(self, src=src)

    def files(self) -> dict[Path, bytes]:
        """All files of the package and the workflow, with what they hold."""
        parts = (self.src / "clearbench", *(self.folder / name for name in ("rules", "config")))
        paths = [self.folder / "Snakefile", *(path for part in parts for path in part.rglob("*.*"))]
        files = (path for path in paths if path.is_file() and path.parent.name != "__pycache__")
        return {path: path.read_bytes() for path in files}

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace a text that stands once in a file of the package."""
        file = self.src / "clearbench" / path
        text = file.read_text()
        assert text.count(old) == 1, f"{path}: {text.count(old)} times {old!r}"
        file.write_text(text.replace(old, new))

    def write(
        self, suite: str = "suite", like: Mapping[str, object] = SUITE, **changes: object
    ) -> None:
        """Write a suite file: the small suite, except for the keys given."""
        text = yaml.safe_dump({**like, **changes}, sort_keys=False)
        (self.folder / f"config/{suite}.yaml").write_text(text)

    def command(self, *options: str, suite: str = "suite") -> list[str]:
        """A call of Snakemake; results are named relatively, so that a copy knows its own."""
        call = [sys.executable, "-m", "snakemake", "--cores", "2", *options]
        return [*call, "--config", f"suite={suite}"]

    @property
    def environment(self) -> dict[str, str]:
        """That of a user who has activated the environment; nothing goes to the user's caches."""
        # The runner of the tests tells its workers a width, by which tables would be laid out.
        told = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
        return {
            **told,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join(map(str, (self.src, *self.installed))),
            "XDG_CACHE_HOME": str(self.folder / "cache"),
            "OMP_NUM_THREADS": "1",
        }

    def snakemake(self, *options: str, suite: str = "suite") -> "Finished":
        """Run Snakemake to its end; its jobs are those of the warm process of all tests."""
        return self.call(self.command(*options, suite=suite))

    def clearbench(self, *words: str, suite: str = "suite", **variables: str) -> "Finished":
        """Call the command line on the suite, in an environment with further variables."""
        command = [sys.executable, "-m", "clearbench", *words, "--suite", suite]
        return self.call(command, **variables)

    def results(self, suite: str = "suite") -> Path:
        return self.folder / "results" / suite

    def records(self, suite: str = "suite") -> dict[str, bytes]:
        """The provenance records of all artifacts by name: each making of one writes another."""
        root = self.results(suite)
        return {
            path.parent.relative_to(root).as_posix(): path.read_bytes()
            for path in root.rglob(PROVENANCE)
        }

    def table(
        self, name: str = "comparison", suite: str = "suite", kind: str = "tables"
    ) -> pd.DataFrame:
        return pd.read_csv(self.results(suite) / kind / f"{name}.csv")

    def contents(self) -> dict[str, bytes]:
        """The bytes of all artifacts by path, but for what tells times."""
        root = self.results()
        paths = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
        found = {
            path.as_posix(): (root / path).read_bytes()
            for path in paths
            if path.parts[0] not in ("logs", "partial-tables", "report")
            and path.name not in {PROVENANCE, *OWN}
            and not path.match("tables/cost.*")
            and not path.match("tables/overhead.*")
            and path.as_posix() != f"tables/{MANIFEST}"
        }
        kinds = {Path(name).name for name in found}
        kinds_of_a_run = {"records.jsonl", "scores.json", "adapter_model.safetensors", MANIFEST}
        assert {*kinds_of_a_run, "comparison.md"} <= kinds
        return found

    def call(self, command: list[str], **variables: str) -> "Finished":
        """Run any command in the folder, in an environment with further variables."""
        environment = {**self.environment, **variables}
        if forked.VARIABLE in environment and forked.is_snakemake(command):
            status, output, errors = forked.call(command, self.folder, environment)
            return Finished(status, output + errors)
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return Finished(done.returncode, done.stdout + done.stderr)

    def _derive(self, source: str, target: str, change: Callable[[dict], None]) -> None:
        data = yaml.safe_load((ROOT / "config" / f"{source}.yaml").read_text())
        change(data)
        (self.folder / "config" / f"{target}.yaml").write_text(yaml.safe_dump(data))


@dataclass(frozen=True)
class Finished:
    """How a call of Snakemake ended, and all that it wrote."""

    status: int
    output: str

    @property
    def jobs(self) -> list[str]:
        """The rules of the jobs that it finished, sorted."""
        rules = re.findall(r"^Finished jobid: \d+ \(Rule: (\w+)\)", self.output, re.M)
        return sorted(rule for rule in rules if rule != "all")


def _shrink(model: dict) -> None:
    build = model["build"]
    config = build["config"]
    config.get("text_config", config).update(NARROW)
    if "vision_config" in config:
        narrow = {key: value for key, value in NARROW.items() if key != "num_key_value_heads"}
        config["vision_config"].update(narrow, projection_dim=32, image_size=32)
        size = {"height": 32, "width": 32}
        build["image_processor_config"] = {"size": size, "crop_size": size}
