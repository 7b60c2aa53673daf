"""How large the page of 5,000 cells is, and how soon it answers: `python benchmarks/page.py`.

The results tree is synthetic: scores are those of one run, moved a little, with all their keys and
intervals; of the rows whose answers the page shows there are records. It is opened in Chromium, and
answers when every panel is there and a click has opened the proof of a number.
"""

import argparse
import json
import random
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from dry_run import ROOT, write_suite

sys.path.insert(0, str(ROOT / "tests"))

from browser import Browser, executable
from clearbench.metrics.score import SCORES, score_with_draws
from clearbench.report.document import PAGE, panels
from clearbench.report.page import inlined, render
from clearbench.results.read import read_results
from clearbench.results.tree import Tree
from clearbench.suite.graph import REPORT
from clearbench.suite.load import load_suite
from report_tree import ReportTree, samples_of
from synthetic import LeftOut

PERSONS = {split: [f"{split} {n}" for n in range(20)] for split in ("forget", "retain", "real")}
ANSWERS = """(() => {
  const marks = document.querySelectorAll('#tradeoff path[tabindex]').length;
  const numbers = document.querySelectorAll('#numbers td button').length;
  document.querySelector('#numbers tr:not(.pinned) td:nth-child(4) button').click();
  return marks && numbers && document.querySelectorAll('#proof .chain li').length;
})()"""


class LargeTree(ReportTree):
    """A results tree of many runs, whose scores are drawn and not computed."""

    def __init__(self, suite, root: Path):
        super().__init__(suite, root, samples_of(PERSONS, each=15))
        self._scores: dict[str, float] = {}
        self._shown = set(self.graph[REPORT].inputs.values())

    def _files(self, artifact):
        if artifact.stage == "score":
            return {SCORES: json.dumps(self._moved(artifact.name))}
        if artifact.stage == "evaluate" and artifact.name not in self._shown:
            return {"records.jsonl": f"records of {artifact.name}\n"}
        return super()._files(artifact)

    def _moved(self, name: str) -> dict[str, float]:
        if not self._scores:
            sides = (self.records(f"{side}/forget10/seed0") for side in ("original", "gold"))
            self._scores = score_with_draws(*sides).scores
        draw = random.Random(name)
        return {key: number * draw.uniform(0.9, 1) for key, number in self._scores.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, default=5000, help="at least so many")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--keep", type=Path, help="a file to keep the page in")
    options = parser.parse_args()
    with TemporaryDirectory(prefix="clearbench-page-") as folder:
        path = Path(folder) / "large.yaml"
        cells = write_suite(path, options.cells)
        suite = load_suite(str(path), ROOT)
        tree = LargeTree(suite, Path(folder) / "results/large")
        tree.build({"tables": LeftOut(), REPORT: LeftOut()})
        print(f"{cells} cells, {len(tree.graph.artifacts)} artifacts")
        clock = time.perf_counter()
        read = Tree(tree.root)
        found = panels(tree.graph, read, read_results(tree.graph, read))
        text = render(found)
        print(f"made in {time.perf_counter() - clock:.0f} s: {len(text.encode()) / 1e6:.1f} MB")
        for name, panel in found.items():
            print(f"  {name}: {len(inlined(panel).encode()) / 1e6:.2f} MB")
        page = options.keep or Path(folder) / PAGE
        page.write_text(text, encoding="utf-8")
        if executable() is None:
            sys.exit("to open it needs a browser: apt-get install chromium")
        times = [opened(page, Path(folder) / f"browser{n}") for n in range(options.rounds)]
        print(f"answers in Chromium after {min(times):.1f} s (to {max(times):.1f})")


def opened(page: Path, profile: Path) -> float:
    browser = Browser(profile)
    browser.offline()
    clock = time.perf_counter()
    browser.open(page.absolute().as_uri())
    browser.wait("document.querySelectorAll('#tradeoff path[tabindex]').length")
    assert browser.js(ANSWERS)
    seconds = time.perf_counter() - clock
    assert browser.said == [], browser.said
    browser.close()
    return seconds


if __name__ == "__main__":
    main()
