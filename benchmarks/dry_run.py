"""How long Snakemake plans a suite of 5,000 cells: `python benchmarks/dry_run.py`.

Writes mini at all sizes and modalities with as many seeds as that takes to a temporary folder, and
times `snakemake --dry-run --quiet rules` on it: nothing exists, so every job is planned.
"""

import argparse
import math
import re
import subprocess
import sys
import time
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from tempfile import TemporaryDirectory

import yaml

from clearbench.data.parts import FORGET_SIZES
from clearbench.data.store import MODALITIES

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, default=5000, help="at least so many")
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    with TemporaryDirectory(prefix="clearbench-dry-run-") as folder:
        suite = Path(folder) / "large.yaml"
        cells = write_suite(suite, options.cells)
        command = [sys.executable, "-m", "snakemake", "--dry-run", "--quiet", "rules"]
        command += ["--cores", "1", "--config", f"suite={suite}", f"results={folder}/results"]
        for number in range(1, options.rounds + 1):
            clock, processor = time.perf_counter(), processor_seconds()
            run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
            seconds, processor = time.perf_counter() - clock, processor_seconds() - processor
            planned = planned_jobs(run.stdout + run.stderr)
            if run.returncode or planned.get("unlearn") != cells:
                sys.exit(run.stdout + run.stderr)
            print(
                f"round {number}: {cells} cells, {planned['total']} jobs: {seconds:.1f} s,"
                f" {processor:.1f} s of them on the processor",
                flush=True,
            )


def write_suite(path: Path, cells: int) -> int:
    """Write mini grown to at least so many cells; gives their number."""
    suite = yaml.safe_load((ROOT / "config/mini.yaml").read_text(encoding="utf-8"))
    suite.update(modalities=[*MODALITIES, "both"], forget_sizes=list(FORGET_SIZES))
    per_seed = len(suite["methods"]) * len(suite["modalities"]) * len(suite["forget_sizes"])
    suite["seeds"] = list(range(math.ceil(cells / per_seed)))
    path.write_text(yaml.safe_dump(suite, sort_keys=False), encoding="utf-8")
    return per_seed * len(suite["seeds"])


def planned_jobs(output: str) -> dict[str, int]:
    """The number of jobs by rule, from Snakemake's table of jobs."""
    rows = re.findall(r"^(\w+) +(\d+)$", output, re.MULTILINE)
    return {rule: int(count) for rule, count in rows}


def processor_seconds() -> float:
    """Seconds that ended child processes spent on the processor."""
    usage = getrusage(RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
