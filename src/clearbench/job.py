"""A job: one run of a stage, from empty folder to published artifact with its provenance record."""

import json
import os
import platform
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from types import TracebackType
from typing import Any, Self

from clearbench.artifacts import (
    FAILURE,
    MANIFEST,
    PROVENANCE,
    Manifest,
    part_folder,
    publish,
    read_manifest,
    sha256,
)
from clearbench.fingerprint import PACKAGE, fingerprint

_RECORDED_PACKAGES = (
    "accelerate",
    "clearbench",
    "datasets",
    "numpy",
    "peft",
    "pyarrow",
    "safetensors",
    "scipy",
    "snakemake",
    "tokenizers",
    "torch",
    "transformers",
)


class Job:
    """Runs a stage's body; publishes what it wrote, or leaves nothing but a note of the failure.

    ::

        with Job("score", out, inputs={"records": folder}, settings={}) as job:
            (job.folder / "scores.json").write_text(...)

    Inside, `job.folder` is the folder to fill and `job.inputs` the manifests of the inputs. At the
    end the files become the artifact `out`, with a manifest and a provenance record. An exception
    leaves `out` without files, except for `failure.json` that says what went wrong.
    """

    def __init__(
        self,
        stage: str,
        out: Path,
        inputs: Mapping[str, Path],
        settings: Mapping[str, Any],
        plugins: tuple[str, ...] = (),
    ):
        self.stage = stage
        self.out = out
        self.folder = part_folder(out)
        self.measures: dict[str, float | int | str] = {}
        """Figures of this run for the `cost` table, by name (`samples_per_second`, …)."""
        self._paths = dict(inputs)
        self._settings = dict(settings)
        self._roots = (f"{PACKAGE}.stages.{stage}", *plugins)
        self._manifest = Manifest(stage)

    def __enter__(self) -> Self:
        for folder in (self.out, self.folder):
            shutil.rmtree(folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self._started = datetime.now(UTC)
        self._clock = time.monotonic()
        try:
            self.inputs = {name: read_manifest(path) for name, path in self._paths.items()}
        except Exception as error:
            self._leave_failure(error)
            raise
        return self

    def diverged(self, step: int | None) -> None:
        """Publish the cell as diverged at an optimiser step, without the files written so far."""
        shutil.rmtree(self.folder)
        self.folder.mkdir()
        self._manifest = Manifest(self.stage, status="diverged", step=step)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            try:
                self._write(self.folder / PROVENANCE, self._provenance())
                publish(self.folder, self.out, self._manifest)
                return
            except BaseException as failed:
                self._leave_failure(failed)
                raise
        self._leave_failure(error)

    def _leave_failure(self, error: BaseException) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        message = str(error).strip().splitlines() or [""]
        note = {"stage": self.stage, "error": type(error).__name__, "message": message[0]}
        try:
            self.out.mkdir(parents=True, exist_ok=True)
            self._write(self.out / FAILURE, note)
        except OSError:
            # On a full disk the note is lost; the error itself is what the user must see.
            shutil.rmtree(self.out, ignore_errors=True)

    def _provenance(self) -> dict[str, Any]:
        return {
            "stage": self.stage,
            "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
            "settings": self._settings,
            "inputs": {
                name: {"path": str(path), "sha256": sha256(path / MANIFEST)}
                for name, path in self._paths.items()
            },
            "fingerprint": fingerprint(*self._roots),
            **_git(),
            "image": os.environ.get("APPTAINER_CONTAINER"),
            "python": platform.python_version(),
            "packages": {name: _version(name) for name in _RECORDED_PACKAGES},
            "host": socket.gethostname(),
            "platform": platform.platform(),
            "gpu": _gpu(),
            "slurm_job": os.environ.get("SLURM_JOB_ID"),
            "started": self._started.isoformat(timespec="seconds"),
            "seconds": round(time.monotonic() - self._clock, 3),
            "peak_memory_bytes": getrusage(RUSAGE_SELF).ru_maxrss * 1024,
            "measures": self.measures,
        }

    @staticmethod
    def _write(path: Path, data: Mapping[str, Any]) -> None:
        path.write_text(json.dumps(data, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _git() -> dict[str, Any]:
    """The commit of the checkout that the code runs from, and whether it has other changes."""
    folder = Path(__file__).parent

    def ask(*words: str) -> str | None:
        try:
            answer = subprocess.run(
                ["git", *words], cwd=folder, capture_output=True, text=True, check=True, timeout=20
            )
        except (OSError, subprocess.SubprocessError):
            return None
        return answer.stdout.strip()

    status = ask("status", "--porcelain")
    return {"commit": ask("rev-parse", "HEAD"), "dirty": None if status is None else bool(status)}


def _gpu() -> str | None:
    """The name of the GPU in use; torch is asked only where the stage has loaded it."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return None
    name: str = torch.cuda.get_device_name()
    return name
