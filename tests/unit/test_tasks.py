"""Tasks are declared: a new one is told apart from the headline, and moves none of its numbers."""

import filecmp
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from clearbench.config.generator import MiniSettings
from clearbench.data import layouts
from clearbench.data.contents import Contents
from clearbench.data.mini.write import generate
from clearbench.data.store import EvalSample, TrainSample
from clearbench.data.tasks import CLEAR, DECLARED, OwnTasks, Task, together
from clearbench.errors import UserError
from clearbench.evaluation.records import RECORDS, write_records
from clearbench.metrics.score import score_records, score_with_draws
from clearbench.suite.graph import TABLES, Graph
from clearbench.suite.load import load_suite
from clearbench.tables.caveats import deciding
from clearbench.trial.suite import try_metrics
from synthetic import draw_records
from workflow.bench import WORLD

ROOT = Path(__file__).resolve().parents[2]
INVENTED = "births"


def with_invented(records, persons=2):
    """The records with those of an invented task, also about persons whom no other task knows."""
    added = [
        replace(record, task=INVENTED, id=f"births/{number}", person=f"stranger {number % persons}")
        for number, record in enumerate(records)
        if record.task == "text_qa" and record.split != "real"
    ]
    return [*records, *added]


def persons(records):
    return [replace(r, person=f"person {number % 7}") for number, r in enumerate(records)]


OWN, GOLD = (persons(draw_records(run, "multimodal", 12)) for run in ("npo", "gold"))


@pytest.mark.parametrize("headline", [False, True])
def test_a_new_task_has_its_own_scores_and_moves_the_headline_only_where_it_is_declared_to(
    headline,
):
    own = Task(name=INVENTED, splits=("forget", "retain"), kind="visual", headline=headline)
    before = score_with_draws(OWN, GOLD)
    after = score_with_draws(*map(with_invented, (OWN, GOLD)), declared=together(own))
    new = {key for key in after.scores if f"/{INVENTED}/" in key}
    for split in ("forget", "retain"):
        assert {f"{split}/{INVENTED}/{name}" for name in ("accuracy", "rouge_l~low")} <= new
    same = {key: value for key, value in after.scores.items() if key not in new}
    if headline:
        for key in ("retain", "forget", "forget_quality_js", "model_utility", "forget~persons"):
            assert same[key] != before.scores[key]
        assert same["real"] == before.scores["real"]
    else:
        assert same == before.scores
        assert after.draws == before.draws


def test_records_of_a_task_that_nobody_declared_are_told_in_one_line():
    with pytest.raises(UserError, match=r"records: births: no task of this name .* captions") as e:
        score_records(*map(with_invented, (OWN, GOLD)))
    assert "\n" not in str(e.value)


@pytest.mark.parametrize(("split", "task"), [("forget", INVENTED), ("real", "captions")])
def test_a_layout_that_gives_what_it_does_not_declare_is_refused_in_one_line(split, task):
    sample = EvalSample("full/0", split, task, None, "a", "b", "b", ("c",), None)
    rows = [
        TrainSample(str(n), "text_qa", "text", p, "a", "b", None, {1: p, 5: p, 10: p})
        for n, p in enumerate(("forget", "retain"))
    ]
    with pytest.raises(UserError, match=f"evaluation: {split}/{task}: .* forget/captions") as e:
        Contents([], [], rows, [sample]).check([1], CLEAR)
    assert "\n" not in str(e.value)


def test_a_task_is_declared_in_one_way_and_layouts_give_only_declared_ones():
    with pytest.raises(UserError, match="captions: declared as text, of real, not in the headline"):
        together(Task(name="captions", splits=("real",), kind="text"))
    for name in layouts.available():
        tasks = layouts.load(name).TASKS
        assert together(*tasks) == DECLARED
        splits = {split for task in tasks for split in task.splits}
        # FIUBench has nothing of the real world.
        assert splits == {"forget", "retain"} | ({"real"} if name != "fiubench" else set())


FACTS = "world_facts"


def test_world_facts_have_one_name_in_the_dataset_and_in_logs():
    from clearbench.data.layouts.tofu import _REAL
    from clearbench.evaluation.logs import OPEN_UNLEARNING, TOFU

    assert FACTS in _REAL
    assert {OPEN_UNLEARNING["wf"], TOFU["eval_real_world_wo_options.json"]} == {("real", FACTS)}


class TestALayoutOfOnesOwn:
    """A suite whose dataset is in a layout that declares a task beside its reader."""

    @pytest.fixture
    def suite(self, tmp_path, monkeypatch):
        tofu = layouts.load("tofu")
        own = Task(name=INVENTED, splits=("forget",), kind="text")
        monkeypatch.setattr(tofu, "TASKS", (*tofu.TASKS, own))
        return load_suite("tofu", ROOT)

    def test_the_jobs_that_must_know_the_task_are_told_of_it(self, suite):
        told = {
            "tasks": [{"name": INVENTED, "splits": ["forget"], "kind": "text", "headline": False}]
        }
        graph = Graph(suite)
        run = next(iter(graph.runs.values()))
        assert graph[run.scores].settings == told
        assert graph[TABLES].options["tasks"] == told["tasks"]
        words = graph.command(run.scores, Path("results"))
        assert json.loads(words[words.index("--settings") + 1]) == told
        assert OwnTasks.model_validate(told).tasks[0].name == INVENTED
        # Nothing else is made again.
        assert "tasks" not in graph[run.records].resolved

    def test_its_metrics_are_tried_with_the_task(self, suite, monkeypatch):
        tried = try_metrics(suite)
        assert INVENTED in suite.tasks
        tofu = layouts.load("tofu")
        monkeypatch.setattr(tofu, "TASKS", tofu.TASKS[:-1])
        assert tried > try_metrics(suite)

    def test_a_score_job_that_is_told_of_the_task_scores_it(self, suite, tmp_path):
        from clearbench.results.scoring import score

        folders = {"records": tmp_path / "own", "gold": tmp_path / "gold"}
        text = [[r for r in side if r.task == "text_qa"] for side in (OWN, GOLD)]
        for folder, records in zip(folders.values(), text, strict=True):
            folder.mkdir()
            write_records(folder / RECORDS, with_invented(records))
        with pytest.raises(UserError, match="births: no task of this name"):
            score(folders)
        found = score(folders, **suite.own_tasks).scores
        assert f"forget/{INVENTED}/accuracy" in found
        assert deciding(found, "forget", suite.tasks) == deciding(
            {key: value for key, value in found.items() if INVENTED not in key}, "forget", DECLARED
        )


SCORED = """
import json, random, sys
from pathlib import Path
from clearbench.data import layouts
from clearbench.data.sources import Source
from clearbench.evaluation.records import Likelihood, RECORDS, Record, write_records
from clearbench.results.scoring import files_of, score

world, out = map(Path, sys.argv[1:])
layout = layouts.load("clear")
parts = (Source(str(world / name), None, out) for name in ("clear", "tofu"))
contents = layout.read(*parts, layout.Options(questions_per_person=8))
contents.check([10], layout.TASKS)
folders = {"records": out / "own", "gold": out / "gold"}
for folder in folders.values():
    folder.mkdir()
    records = []
    for sample in contents.evaluation:
        if sample.forget_size in (None, 10):
            draw = random.Random(f"{folder.name} {sample.id}")
            count = len(sample.perturbed) + 2
            likely = [Likelihood(-draw.uniform(1, 9), 4, -draw.random()) for _ in range(count)]
            fields = {key: getattr(sample, key) for key in ("split", "task", "id", "answer")}
            said = draw.choice([sample.answer, "no"])
            records.append(
                Record.measured(likely, generated=said, person=sample.person, **fields)
            )
    write_records(folder / RECORDS, records)
for name, text in files_of(score(folders)).items():
    (out / name).write_text(text)
"""
EDITS = {
    "data/tasks.py": (
        "CLEAR = (CAPTIONS,",
        'BIRTHS = Task(name="births", splits=("forget",), kind="text")\nCLEAR = (BIRTHS, CAPTIONS,',
    ),
    "data/layouts/clear.py": (
        "    base = _base_rows(images, table)",
        '    births = (s for s in evaluation if s.task == "text_qa" and s.split == "forget")\n'
        '    rows = [{**vars(s), "task": "births", "id": f"births {s.id}"} for s in births]\n'
        "    evaluation += [EvalSample(**row) for row in rows]\n"
        "    base = _base_rows(images, table)",
    ),
}


def test_a_new_task_of_a_dataset_is_two_files_and_moves_no_old_number(tmp_path):
    generate(
        tmp_path / "world",
        MiniSettings(**WORLD),
    )
    source = ROOT / "src/clearbench"
    copy = tmp_path / "src/clearbench"
    shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
    for name, (old, new) in EDITS.items():
        text = (copy / name).read_text()
        assert text.count(old) == 1
        (copy / name).write_text(text.replace(old, new))
    files = [str(path.relative_to(source)) for path in source.rglob("*.py")]
    _, changed, missing = filecmp.cmpfiles(source, copy, files, shallow=False)
    assert (sorted(changed), missing) == (sorted(EDITS), [])
    assert len(changed) <= 2
    found = {}
    for package in (source, copy):
        out = tmp_path / f"out {package.parent.parent.name}"
        out.mkdir()
        words = [sys.executable, "-c", SCORED, str(tmp_path / "world"), str(out)]
        done = subprocess.run(
            words, env={"PYTHONPATH": str(package.parent)}, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        found[package] = [
            json.loads((out / name).read_text()) for name in ("scores.json", "draws.json")
        ]
    (before, draws), (after, drawn) = found.values()
    new = {key for key in after if key.startswith("forget/births/")}
    assert {"forget/births/accuracy", "forget/births/truth_ratio@tofu~high"} <= new
    assert {key: value for key, value in after.items() if key not in new} == before
    assert {"real", "retain", "forget", "model_utility", "forget_quality_js~low"} <= set(before)
    assert drawn == draws
