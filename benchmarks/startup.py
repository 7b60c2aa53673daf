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

from clearbench.warm import VARIABLE
from clearbench.workflow import Workflow

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
            for name, arguments in calls(results, Path(folder) / "out").items():
                compare(name, arguments, variables, options.rounds)
        score_by_snakemake(results, Path(folder))


def calls(results: Path, out: Path) -> dict[str, list[str]]:
    """A call of each kind, by name."""
    workflow = Workflow({"suite": results.name, "results": str(results.parent)})
    layout, size = workflow.layout, workflow.suite.file.forget_sizes[0]
    run = next(run for run in workflow.runs if run.startswith(f"{METHOD}/"))
    modality, seed = run.split("/")[1], workflow.suite.file.seeds[0]
    models = {"base": layout.base, "dataset": layout.dataset}
    gold = Path(workflow.gold_records(run)).parent
    unlearn = {"method": METHOD, "modality": modality, "forget_size": size, "seed": seed}
    unlearn |= {"settings": workflow.unlearn_settings(METHOD), "original": layout.original}
    evaluate = {"settings": workflow.evaluate_settings(), "forget_size": size}
    evaluate |= {"finetuned": layout.original, "unlearned": layout.unlearned(run)}
    return {
        "--help": ["--help"],
        "score": call("score", records=layout.evaluated(run), gold=gold, out=out),
        "unlearn": call("unlearn", **unlearn, **models, out=out),
        "evaluate": call("evaluate", **evaluate, **models, out=out),
    }


def call(stage: str, **options: object) -> list[str]:
    """The arguments of a stage's command."""
    words = [(f"--{name.replace('_', '-')}", str(value)) for name, value in options.items()]
    return [stage, *(word for pair in words for word in pair)]


def compare(name: str, arguments: list[str], variables: Mapping[str, str], rounds: int) -> None:
    """Time a call cold and warm in turn and print both."""
    cold, warm = [], []
    for _ in range(rounds):
        cold.append(timed([sys.executable, "-m", "clearbench", *arguments], {}))
        warm.append(timed([sys.executable, "-m", "clearbench", *arguments], variables))
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
    workflow = Workflow({"suite": results.name, "results": str(copy.parent)})
    goals = [goal for goal in workflow.score_manifests() if (results / below(goal, copy)).exists()]
    command = ["snakemake", "--cores", "1", "--quiet", "all", "--rerun-triggers", "mtime"]
    command += ["--config", f"suite={results.name}", f"results={copy.parent}", "--", *goals]
    command[:0] = [sys.executable, "-m"]
    planning = timed([*command[:3], "--dry-run", *command[3:]], {})
    with warm_process(folder / "socket") as (variables, _):
        seconds = timed(command, variables)
    print(
        f"{len(goals)} score jobs by Snakemake, warm: {seconds:.1f} s, {planning:.1f} s of them"
        f" planning: {(seconds - planning) / len(goals):.2f} s a job"
    )


def below(path: str, folder: Path) -> Path:
    return Path(path).relative_to(folder)


@contextlib.contextmanager
def warm_process(socket: Path) -> Iterator[tuple[dict[str, str], float]]:
    """A warm process: the variables that lead calls to it, and the seconds it took to start."""
    clock = time.perf_counter()
    command = [sys.executable, "-m", "clearbench.warm", "--serve", str(socket)]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
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


def timed(command: list[str], variables: Mapping[str, str]) -> float:
    """Seconds that a command takes; ends this program where the command fails."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **variables}
    clock = time.perf_counter()
    run = subprocess.run(command, env=environment, capture_output=True, text=True)
    seconds = time.perf_counter() - clock
    if run.returncode:
        sys.exit(run.stdout + run.stderr)
    return seconds


if __name__ == "__main__":
    main()
