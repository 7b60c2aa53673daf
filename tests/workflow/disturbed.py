"""A run of Snakemake whose jobs can be met at a chosen moment: held at a gate, then let go."""

import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from clearbench.jobs.artifacts import MANIFEST, held
from clearbench.jobs.pace import SAVE_SECONDS
from clearbench.jobs.state import state_folder
from clearbench.suite.graph import Graph
from clearbench.suite.load import load_suite

from .bench import COLD, Bench

PATIENCE = 120
WHEN_WARM = 'until [ -S "$CLEARBENCH_WARM" ]; do sleep 0.1; done; exec "$@"'
"""For bash: run a command once the warm process answers, so that no job starts cold."""


class Gate:
    """Holds back the jobs of one artifact by its lock; closed at first."""

    def __init__(self, bench: Bench, name: str, left: int = 1):
        self.name = name
        self.stage = name.partition("/")[0]
        self.folder = bench.results() / name
        self.lock = self.folder.with_name(f".{self.folder.name}.lock")
        self.left = left
        """How often a job is still to be met here."""
        self.close()

    def close(self) -> None:
        """Hold back from now on; waits for the end of a job that passed."""
        self._held = held(self.folder)
        self._held.__enter__()

    def open(self) -> None:
        self._held.__exit__(None, None, None)

    @property
    def done(self) -> bool:
        """Whether the artifact is there."""
        return (self.folder / MANIFEST).exists()

    def saved(self) -> list[tuple[Path, int]]:
        """The state that a job has saved, if any, and what changes with each save."""
        states = state_folder(self.folder).glob("*.safetensors")
        with suppress(FileNotFoundError):
            return [(path, path.stat().st_mtime_ns) for path in states]
        return []


class Disturbed:
    """A run beside a warm process, which starts failed jobs again and saves after every step."""

    def __init__(self, bench: Bench):
        self._output = bench.folder / "output"
        command = ["bash", "-c", WHEN_WARM, "-"]
        command += bench.command("--retries", "99")
        with self._output.open("a") as output:
            self._process = psutil.Popen(
                [sys.executable, "-m", "clearbench.warm", *command],
                cwd=bench.folder,
                env={**bench.environment, **COLD, SAVE_SECONDS: "0"},
                stdout=output,
                stderr=output,
            )

    @property
    def output(self) -> str:
        return self._output.read_text()

    def meet(self, gates: Sequence[Gate]) -> tuple[psutil.Process, Gate]:
        """The next job that waits at a closed gate, and the gate."""
        by_lock = {str(gate.lock): gate for gate in gates}
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and self._process.poll() is None:
            for process in self._process.children(recursive=True):
                with suppress(psutil.Error):
                    for file in process.open_files():
                        if file.path in by_lock:
                            return process, by_lock[file.path]
            time.sleep(0.01)
        raise AssertionError(f"no job came to any of {sorted(by_lock)}\n{self.output}")

    def end(self) -> None:
        """Wait for the run to succeed."""
        assert self._process.wait(PATIENCE) == 0, self.output

    def kill_all(self) -> None:
        """What the death of the machine does."""
        with suppress(psutil.NoSuchProcess):
            for process in [self._process, *self._process.children(recursive=True)]:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            self._process.wait(PATIENCE)

    @contextmanager
    def without_snakemake(self) -> Iterator[None]:
        """Kill Snakemake alone; waits for the end of its jobs, which go on."""
        jobs = self._process.children(recursive=True)
        (snakemake,) = (p for p in self._process.children() if "snakemake" in p.cmdline())
        snakemake.kill()
        self._process.wait(PATIENCE)
        yield
        assert not psutil.wait_procs(jobs, PATIENCE)[1]


@contextmanager
def disturbed(bench: Bench) -> Iterator[Disturbed]:
    """Start such a run; none of its processes is left in the end."""
    run = Disturbed(bench)
    try:
        yield run
    finally:
        run.kill_all()


def artifacts(bench: Bench, *stages: str) -> list[str]:
    """The names of the artifacts of some stages, in the flow's order."""
    graph = Graph(load_suite("suite", bench.folder))
    return [artifact.name for artifact in graph if artifact.name.partition("/")[0] in stages]


def remove(bench: Bench, *names: str) -> None:
    for name in names:
        shutil.rmtree(bench.results() / name)
