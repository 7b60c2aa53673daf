"""How long `why`, `plan` and `audit --fast` take on 5,000 cells: `python benchmarks/provenance.py`.

The results tree is synthetic, its manifests and records are what real jobs would have written.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from dry_run import ROOT, write_suite

sys.path.insert(0, str(ROOT / "tests"))

from clearbench.suite.load import load_suite
from synthetic import SyntheticTree


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, default=5000, help="at least so many")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with TemporaryDirectory(prefix="clearbench-provenance-") as folder:
        path = Path(folder) / "large.yaml"
        cells = write_suite(path, options.cells)
        suite = load_suite(str(path), ROOT)
        clock = time.perf_counter()
        tree = SyntheticTree(suite, Path(folder) / "results/large").build()
        seconds = time.perf_counter() - clock
        print(f"{cells} cells, {len(tree.graph.artifacts)} artifacts, built in {seconds:.0f} s")
        ask = ["--suite", str(path), "--results", f"{folder}/results"]
        for words in (["why"], ["plan"], ["audit", "--fast"]):
            times = [timed([*words, *ask]) for _ in range(options.rounds)]
            print(f"{' '.join(words)}: {min(times):.1f} s (to {max(times):.1f})", flush=True)


def timed(words: list[str]) -> float:
    clock = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "clearbench", *words], cwd=ROOT, capture_output=True, text=True
    )
    if done.returncode:
        sys.exit((done.stdout + done.stderr)[-2000:])
    return time.perf_counter() - clock


if __name__ == "__main__":
    main()
