"""sbatch as it should be called, also by Snakemake's plugin for SLURM."""

import re
import subprocess
from contextlib import suppress
from typing import Any

from clearbench.cluster.ask import ask
from clearbench.cluster.submitter import Submitter
from clearbench.cluster.words import Refusal, gist, refusal, shared
from clearbench.errors import UserError


class Sbatch(Submitter):
    """Calls of sbatch."""

    def _marked(self, call: str, mark: str) -> str:
        return re.sub(r"--comment (?:'[^']*'|\S+)", lambda match: match[0] + mark, call, count=1)

    def _taken(self, mark: str) -> str | None:
        words = ("--states=all", "--noheader", "--format=%F|%k")
        try:
            jobs = ask("squeue", f"--name={self._name()}", *words).splitlines()
        except UserError:
            return None
        return next((job.partition("|")[0] for job in jobs if job.endswith(mark)), "")

    def _refusal(self, words: str) -> tuple[Refusal, str]:
        return refusal(words), gist(words)

    def _mine_alone(self, words: str) -> bool:
        with suppress(UserError):
            return not shared(words) and not ask("squeue", "--me", "--noheader").strip()
        return False


class Called:
    """A call of sbatch in the place of a `subprocess.Popen` with a shell."""

    def __init__(self, sbatch: Sbatch, call: str):
        self._sbatch, self._call = sbatch, call
        self.returncode: int | None = None

    def communicate(self, input: str | None = None) -> tuple[str, str]:
        """What sbatch prints and complains of in the end."""
        done = self._sbatch.submit(self._call, input)
        self.returncode = done.returncode
        return done.stdout, done.stderr


class Subprocess:
    """The module `subprocess`, but for its calls of sbatch."""

    def __init__(self, sbatch: Sbatch):
        self._sbatch = sbatch

    def __getattr__(self, name: str) -> Any:
        return getattr(subprocess, name)

    def Popen(self, call: Any, **options: Any) -> Any:
        """Start a command."""
        if isinstance(call, str) and call.startswith("sbatch "):
            return Called(self._sbatch, call)
        return subprocess.Popen(call, **options)
