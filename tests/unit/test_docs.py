"""Pages of `docs/` that tell of code and of numbers, held against both."""

import json
import re

import pytest

from clearbench import methods
from clearbench.documentation import pages as reference
from clearbench.evaluation.logs import read_log
from clearbench.metrics import face_metrics, model_metrics, task_metrics
from clearbench.metrics.keys import Key
from clearbench.metrics.score import score_records
from published import DATA, open_unlearning_log, tofu_log, written
from synthetic import ROOT
from unit.test_published_logs import tofu_records

DEVIATIONS = (ROOT / "docs/deviations.md").read_text(encoding="utf-8")
LOSSES = {
    "idk": ("idk", "idk@beta1.0"),
    "dpo": ("dpo@beta0.1", "dpo@beta1.0"),
    "npo (β = 1)": ("npo@beta1.0", "npo@beta1.0"),
    "npo (β = 0.1)": ("npo@beta0.1", "npo@beta0.1"),
    "kl": ("kl", "kl@beta1.0"),
    "scrub": ("scrub@alpha1,gamma1", "scrub@beta1.0"),
    "llmu": ("llmu", "llmu@beta1.0"),
}


@pytest.mark.parametrize("name", reference.pages(ROOT))
def test_a_page_is_what_the_docstrings_say(name):
    written = (ROOT / "docs" / name).read_text(encoding="utf-8")
    assert written == reference.pages(ROOT)[name], "run: clearbench write-docs"


def test_every_method_and_metric_has_its_section():
    pages = reference.pages(ROOT)
    assert re.findall(r"^## (\S+)$", pages["methods.md"], re.M) == methods.available()
    metrics = {**task_metrics(), **model_metrics(), **face_metrics()}
    names = list(dict.fromkeys(name.partition("@")[0] for name in metrics))
    assert re.findall(r"^### (\S+)$", pages["metrics.md"], re.M) == names


def rows(heading):
    """The rows of the table below a heading, as their cells."""
    section = DEVIATIONS.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[2:]]


def test_the_losses_on_the_page_are_those_of_the_fixture():
    case = json.loads((DATA / "losses.json").read_text())["cases"][0]
    found = {name: (paper, code) for name, paper, code, *_ in rows("Losses")}
    assert found == {
        name: (f"{case['paper'][paper]:.3f}", f"{case['official_code'][code]:.3f}")
        for name, (paper, code) in LOSSES.items()
    }


def test_the_losses_of_later_methods_on_the_page_are_those_of_the_fixture():
    case = json.loads((DATA / "losses.json").read_text())["later"][1]
    found = {name: (paper, code) for name, paper, code, _ in rows("Losses of later methods")}
    names = {"undial (β = 10)": "undial_forget@beta10.0", "pdu": "pdu_forget"}
    assert found == {
        name: (f"{case['paper'][value]:.3f}", f"{case['code'][value]:.3f}")
        for name, value in names.items()
    }


def test_the_metrics_on_the_page_are_those_of_the_logs():
    full, gold = (
        [r for group in tofu_records(tofu_log(model)).values() for r in group]
        for model in ("full", "retain90")
    )
    scores = score_records(full, gold)
    for metric, *said, _ in rows("Metrics"):
        keys = (metric, f"{metric}@tofu", f"{metric}@official")
        assert said == [f"{scores[key]:.3f}" if key in scores else "–" for key in keys]


def test_what_300_samples_move_on_the_page_is_what_they_move_of_the_logs(tmp_path):
    logs = [
        read_log(written(open_unlearning_log(model), tmp_path / f"{model}.json.gz"))
        for model in ("full_forget10", "retain90")
    ]
    every, first = (
        score_records(*(of_first(records, limit) for records in logs)) for limit in (400, 300)
    )
    for metric, *said in rows("Samples"):
        low, high = (f"{every[key]:.3f}" for key in Key.parse(metric).interval)
        assert said == [f"{every[metric]:.3f}", f"{low} to {high}", f"{first[metric]:.3f}"]


def of_first(records, limit):
    """The first records of each task."""
    tasks = {}
    for record in records:
        tasks.setdefault((record.split, record.task), []).append(record)
    return [record for task in tasks.values() for record in task[:limit]]
