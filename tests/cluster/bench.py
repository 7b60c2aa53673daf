"""A folder to run Snakemake in, as an ordinary user on a cluster."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from workflow.bench import ROOT, Bench, Finished

from .cluster import USER, Cluster

LONGEST = 1800.0
"""Seconds after which a run is taken to be stuck: several times what the small suite needs."""


@dataclass(frozen=True, kw_only=True)
class ClusterBench(Bench):
    """A working directory that belongs to the cluster's user, with the profile and a site file."""

    cluster: Cluster

    def fill(self) -> "ClusterBench":
        self.folder.mkdir()
        super().fill()
        shutil.copytree(ROOT / "slurm", self.folder / "slurm")
        ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
        shutil.copytree(ROOT / "src", self.folder / "src", ignore=ignored)
        self.resources(unlearn={"gpus": 1, "mem_mb": 3000, "minutes": 30})
        self.write_site()
        self.write()
        self.give()
        return self

    def write_site(self, **keys: Any) -> None:
        """Write the site file: the image, that its GPU is none, and the keys given."""
        told = {"image": str(self.cluster.image), **keys}
        told["environment"] = {"CLEARBENCH_GPUS": "0", **keys.get("environment", {})}
        text = yaml.safe_dump(told)
        (self.folder / "slurm/site.yaml").write_text(text)

    def copy(self, folder: Path) -> "ClusterBench":
        copied = super().copy(folder)
        assert isinstance(copied, ClusterBench)
        copied.give()
        return copied

    def resources(self, **stages: dict) -> None:
        """Say what the jobs of some stages need."""
        path = self.folder / "config/models/small-llava.yaml"
        model = yaml.safe_load(path.read_text())
        model["resources"].update(stages)
        path.write_text(yaml.safe_dump(model))

    def give(self) -> None:
        """Let all files be the user's."""
        subprocess.run(["chown", "-R", f"{USER}:", str(self.folder)], check=True)

    def commit(self) -> None:
        """Let the working directory be a checkout with nothing changed."""
        (self.folder / ".gitignore").write_text((ROOT / ".gitignore").read_text())
        name = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
        for words in (("init", "--quiet"), ("add", "."), ("commit", "--quiet", "-m", "All")):
            done = self.run("git", *name, *words)
            assert done.status == 0, done.output

    def run(self, *words: str) -> Finished:
        """Run a command as the user."""
        done = subprocess.run(
            self.cluster.command(self.folder, *words),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=LONGEST,
        )
        return Finished(done.returncode, done.stdout)

    def snakemake(self, *options: str, suite: str = "suite") -> Finished:
        """Run Snakemake to its end, as a user types it."""
        return self.run("snakemake", *options, "--config", f"suite={suite}")

    def start(self, *options: str, suite: str = "suite") -> subprocess.Popen[bytes]:
        """Start Snakemake, in a process group of its own; `output` tells what it wrote so far."""
        words = ["snakemake", *options, "--config", f"suite={suite}"]
        with (self.folder / "output").open("wb") as output:
            return subprocess.Popen(
                self.cluster.command(self.folder, *words),
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def output(self) -> str:
        return (self.folder / "output").read_text()

    def jobs_of(self, method: str, modality: str) -> list[str]:
        """The ids of the SLURM jobs that unlearn a cell, pending, running or ending."""
        asked = self.cluster.ask("squeue", "--noheader", "--format=%i %k %Z").splitlines()
        found = [line.split() for line in asked]
        cell = f"rule_unlearn_wildcards_{method}_{modality}_"
        return [n for n, comment, at in found if cell in comment and at == str(self.folder)]

    def tables(self) -> dict[str, bytes]:
        """The tables by file, without `cost`, which shows times, and what goes with it."""
        return {
            path.name: path.read_bytes()
            for path in (self.results() / "tables").iterdir()
            if not path.name.startswith(("cost.", "overhead.", "manifest", "provenance"))
        }

    def logs(self) -> str:
        """What the SLURM jobs wrote that failed."""
        return "\n".join(path.read_text() for path in sorted(self.slurm_logs()))

    def slurm_logs(self) -> list[Path]:
        return list((self.folder / ".snakemake/slurm_logs").rglob("*.log"))
