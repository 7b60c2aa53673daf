"""A metric of a whole model that is dropped into the package has its interval by being there."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from clearbench.evaluation.records import write_records
from synthetic import draw_records

SOURCES = Path(__file__).resolve().parents[2] / "src/clearbench"
METRIC = '''
from statistics import fmean

from clearbench.metrics.base import model_metric


@model_metric(low=0, high=1, better="down", splits=("forget",))
def forgotten_words(evaluation):
    """The share of forget captions that are said as gold says them; and nothing more is needed."""
    gold = {r.id: r.generated for r in evaluation.gold_records}
    said = [r.generated == gold[r.id] for r in evaluation.records if r.split == "forget"]
    return fmean(said)
'''
SCORED = """
import json, sys
from pathlib import Path
from clearbench.evaluation.records import read_records
from clearbench.metrics.score import score_records
own, gold = (read_records(Path(path)) for path in sys.argv[1:])
print(json.dumps(score_records(own, gold)))
"""


def test_a_new_metric_of_a_model_is_one_file_and_has_an_interval_over_its_persons(tmp_path):
    shutil.copytree(SOURCES, tmp_path / "src/clearbench")
    (tmp_path / "src/clearbench/metrics/forgotten_words.py").write_text(METRIC)
    files = []
    for run in ("npo", "gold"):
        records = draw_records(run, "text", 40)
        files.append(str(tmp_path / f"{run}.jsonl"))
        write_records(Path(files[-1]), records)
    found = []
    for source in (SOURCES.parent, tmp_path / "src"):
        done = subprocess.run(
            [sys.executable, "-c", SCORED, *files],
            env={"PYTHONPATH": str(source)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        found.append(json.loads(done.stdout))
    before, after = found
    new = {key: value for key, value in after.items() if key not in before}
    assert set(new) == {f"forgotten_words{end}" for end in ("", "~low", "~high")}
    assert {key: value for key, value in after.items() if key in before} == before
    share = new["forgotten_words"]
    # That of a share of 40 samples which nobody is told to be about.
    reach = 1.96 * (share * (1 - share) / 40) ** 0.5
    assert new["forgotten_words~low"] == pytest.approx(share - reach, abs=0.04)
    assert new["forgotten_words~high"] == pytest.approx(share + reach, abs=0.04)
