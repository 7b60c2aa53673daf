"""What start-up costs small jobs, cold and warm: `python benchmarks/startup.py`.

Runs one job of each kind on a suite's finished results, into a temporary folder, as `clearbench`
by itself (cold) and by the process of `clearbench.warm` (warm), in alternating rounds; then all
score jobs of the suite through Snakemake beside such a process.
"""

import argparse
import contextlib
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from clearbench.jobs.artifacts import MANIFEST
from clearbench.suite.graph import Graph
from clearbench.suite.load import load_suite
from clearbench.warm import VARIABLE

METHOD = "ga"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=Path("results/mini"))
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    results = options.results.resolve()
    with TemporaryDirectory(prefix="clearbench-startup-") as folder:
        with warm_process(Path(folder) / "socket") as (variables, started):
            print(f"the warm process is ready after {started:.1f} s")
            out = Path(folder) / "out"
            for name, arguments in calls(results, out).items():
                compare(name, arguments, variables, options.rounds, out)
        score_by_snakemake(results, Path(folder))


def calls(results: Path, out: Path) -> dict[str, list[str]]:
    """The arguments of a call of each kind, by name."""
    graph = Graph(load_suite(results.name, Path.cwd()))
    run = next(run for run in graph.runs if run.startswith(f"{METHOD}/"))
    stages = {
        stage: graph.command(f"{stage}/{run}", results, out)[1:]
        for stage in ("score", "unlearn", "evaluate")
    }
    return {"--help": ["--help"], **stages}


def compare(
    name: str, arguments: list[str], variables: Mapping[str, str], rounds: int, out: Path
) -> None:
    """Time a call cold and warm in turn and print both."""
    times: dict[str, list[float]] = {"cold": [], "warm": []}
    for _ in range(rounds):
        for kind, given in (("cold", {}), ("warm", variables)):
            # A job keeps what it would make.
            shutil.rmtree(out, ignore_errors=True)
            times[kind].append(timed([sys.executable, "-m", "clearbench", *arguments], given))
    cold, warm = times.values()
    ratio = statistics.median(a / b for a, b in zip(cold, warm, strict=True))
    print(
        f"{name:<10} cold {statistics.median(cold):6.2f} s   warm {statistics.median(warm):6.2f} s"
        f"   cold/warm {ratio:.1f}   saved {1 - 1 / ratio:.0%}",
        flush=True,
    )


def score_by_snakemake(results: Path, folder: Path) -> None:
    """Time all score jobs of the suite in one Snakemake run on one core and print one's part."""
    copy = folder / "results" / results.name
    shutil.copytree(results, copy, ignore=shutil.ignore_patterns("score", "tables", "logs"))
    runs = Graph(load_suite(results.name, Path.cwd())).runs
    goals = [str(copy / "score" / run / MANIFEST) for run in runs]
    words = [sys.executable, "-m", "snakemake", "--cores", "1", "--quiet", "all"]
    words += ["--config", f"suite={results.name}", f"results={copy.parent}", "--", *goals]
    planning = timed([*words[:3], "--dry-run", *words[3:]], {})
    with warm_process(folder / "socket") as (variables, _):
        seconds = timed(words, variables)
    print(
        f"{len(goals)} score jobs by Snakemake, warm: {seconds:.1f} s, {planning:.1f} s of them"
        f" planning: {(seconds - planning) / len(goals):.2f} s a job"
    )


@contextlib.contextmanager
def warm_process(socket: Path) -> Iterator[tuple[dict[str, str], float]]:
    """A warm process: the variables that lead calls to it, and the seconds it took to start."""
    clock = time.perf_counter()
    words = [sys.executable, "-m", "clearbench.cli.serve", str(socket)]
    server = subprocess.Popen(words, stdin=subprocess.PIPE, start_new_session=True)
    try:
        while not socket.exists():
            if server.poll() is not None:
                sys.exit("the warm process has ended")
            time.sleep(0.01)
        yield {VARIABLE: str(socket)}, time.perf_counter() - clock
    finally:
        server.kill()
        server.wait()
        socket.unlink(missing_ok=True)


def timed(words: list[str], variables: Mapping[str, str]) -> float:
    """Seconds that a command takes; ends this program where the command fails."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **variables}
    clock = time.perf_counter()
    run = subprocess.run(words, env=environment, capture_output=True, text=True)
    seconds = time.perf_counter() - clock
    if run.returncode:
        sys.exit(run.stdout + run.stderr)
    return seconds


if __name__ == "__main__":
    main()
