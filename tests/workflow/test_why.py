"""`why` and `plan` tell beforehand what a run then does."""

import json
import re
import shutil

import pytest

from clearbench.suite.graph import Graph
from clearbench.suite.load import load_suite

CELL = "npo/text/forget10/seed0"


@pytest.fixture
def changed(bench):
    """Another rate of npo, and code that retain_ft alone reaches."""
    bench = bench.with_own_code()
    bench.write(methods={"retain_ft": {}, "npo": {"lr": 2.0e-3}})
    bench.edit("methods/retain_ft.py", "return cross_entropy", "return 1 * cross_entropy")
    return bench


def test_a_finished_suite_is_current(finished):
    artifacts = len(Graph(load_suite("suite", finished.folder)).artifacts)
    done = finished.clearbench("why")
    told = ["4 of 4 cells are current", f"{artifacts} of {artifacts} artifacts are current"]
    assert (done.status, done.output.splitlines()) == (0, told)
    nothing, longer = finished.clearbench("plan").output.splitlines()
    assert nothing == "nothing to do"
    # The table has it from the records, the plan from the base.
    assert re.match(r"At 10 % \d+ of \d+ true answers are longer than max_new_tokens \(4\)", longer)
    assert f"- {longer}\n" in (finished.results() / "tables/comparison.md").read_text()


def test_cells_are_counted_by_cause(changed):
    lines = changed.clearbench("why").output.splitlines()
    assert lines[0] == "0 of 4 cells are current"
    assert "  2 cells: unlearn: settings: training.lr: 0.001 → 0.002 (npo/text/forget10/seed0," in (
        lines[2] + lines[3]
    )
    assert "  2 cells: unlearn: code: clearbench.methods.retain_ft changed" in lines[2] + lines[3]


@pytest.mark.parametrize("target", [CELL, f"results/suite/score/{CELL}/scores.json"])
def test_a_cell_or_a_file_of_it_tells_its_cause_and_what_waits(changed, target):
    assert changed.clearbench("why", target).output.splitlines() == [
        f"score/{CELL}: not current",
        f"unlearn/{CELL}",
        "  settings: training.lr: 0.001 → 0.002",
        f"evaluate/{CELL}",
        f"  waits for unlearn/{CELL}",
        f"score/{CELL}",
        f"  waits for evaluate/{CELL}",
    ]


def test_a_changed_input_is_told_with_the_job_that_made_it(bench):
    bench.write(finetune={"epochs": 2, "batch_size": 32, "lr": 2.0e-3})
    done = bench.snakemake("results/suite/original/seed0/manifest.json")
    assert done.status == 0, done.output
    output = bench.clearbench("why", f"results/suite/unlearn/{CELL}").output
    (line,) = (line for line in output.splitlines() if "input:" in line)
    made = json.loads(bench.records()["original/seed0"])["started"]
    digests = r"[0-9a-f]{12} → [0-9a-f]{12}"
    assert re.fullmatch(
        rf"  input: original: {digests}, original/seed0 as made at {re.escape(made)}", line
    )


def test_a_plan_is_what_the_run_then_does(changed):
    plan = json.loads(changed.clearbench("plan", "--json", "--workers", "2").output)
    done = changed.snakemake()
    assert done.status == 0, done.output
    assert {stage["stage"]: stage["jobs"] for stage in plan["stages"]} == {
        rule: done.jobs.count(rule) for rule in done.jobs
    }
    assert {stage["stage"]: stage["certain"] for stage in plan["stages"]} == {
        "unlearn": 4,
        "evaluate": 0,
        "score": 0,
        "tables": 0,
        "report": 0,
    }
    # Such jobs are on record; none of them takes no time.
    assert all(len(stage["costs"]) == stage["jobs"] for stage in plan["stages"])
    assert 0 < plan["seconds"] < sum(c["seconds"] for s in plan["stages"] for c in s["costs"])


def test_what_nothing_on_record_is_like_is_stated_as_unknown_and_bounded(fresh):
    fresh.write()
    output = fresh.clearbench("plan").output
    artifacts = len(Graph(load_suite("suite", fresh.folder)).artifacts)
    figures = r"[\d.]+ (h|min|s)"
    row = rf"^all +{artifacts} +{artifacts} +{artifacts} +0 s +≤ {figures} +\?$"
    assert re.search(row, output, re.M), output
    assert f"unknown: nothing like these {artifacts} jobs is on record" in output


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["why", "npo/sound/forget10/seed0"], "nor a run; runs are original/forget10"),
        (
            ["invalidate", "--where", "colour=red", "--reason", "x"],
            "colour: unknown; allowed: forget",
        ),
        (["invalidate", "--where", "method=ga", "--reason", "x"], "none here; there are: npo, ret"),
        (["invalidate", "--where", "npo", "--reason", "x"], "write KEY=VALUE"),
    ],
)
def test_a_mistake_is_told_in_one_line(finished, words, told):
    done = finished.clearbench(*words)
    assert done.status == 1
    assert told in done.output
    assert len(done.output.splitlines()) == 1


def test_a_cell_is_run_by_its_name_alone_and_tried_on_a_few_batches(bench):
    before = bench.records()
    tried = bench.clearbench("run", "npo/text", "--smoke")
    assert tried.status == 0, tried.output
    (line,) = (line for line in tried.output.splitlines() if line.startswith("npo/text/"))
    assert re.fullmatch(r"\S+: loss [\d., ]+ in [\d.]+ s; nothing was published", line)
    assert bench.records() == before
    shutil.rmtree(bench.results() / "score/npo/text")
    done = bench.clearbench("run", "npo/*/forget10")
    assert (done.status, done.jobs) == (0, ["score"]), done.output
    told = [line for line in done.output.splitlines() if ": real " in line or " real " in line]
    assert [line.partition(":")[0] for line in told] == [
        f"npo/{modality}/forget10/seed0" for modality in ("text", "both")
    ]
    wrong = bench.clearbench("run", "npo/sound")
    assert wrong.status == 1
    assert "npo/sound: suite suite has no such cell; it has: " in wrong.output
