"""A folder to run Snakemake in, as an ordinary user on a cluster."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import yaml

from workflow.bench import ROOT, Bench, Finished

from .cluster import USER, Cluster, wait_until

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
        self.ask_for_gpu("unlearn")
        self.write_site()
        self.write()
        self.give()
        return self

    def write_site(self, **keys: object) -> None:
        """Write the site file: the image, and the keys given."""
        text = yaml.safe_dump({"image": str(self.cluster.image), **keys})
        (self.folder / "slurm/site.yaml").write_text(text)

    def ask_for_gpu(self, stage: str) -> None:
        """Let the jobs of a stage ask for a GPU."""
        path = self.folder / "config/models/small-llava.yaml"
        model = yaml.safe_load(path.read_text())
        model["resources"][stage]["gpus"] = 1
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

    def wait_for_sleep(self) -> None:
        """Wait until the trouble of a job has begun."""
        wait_until(lambda: not any((self.folder / "trouble").iterdir()))

    def logs(self) -> str:
        """What the SLURM jobs wrote that failed."""
        return "\n".join(path.read_text() for path in sorted(self.slurm_logs()))

    def slurm_logs(self) -> list[Path]:
        return list((self.folder / ".snakemake/slurm_logs").rglob("*.log"))
