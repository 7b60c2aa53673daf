"""Logs of other groups as rows of the tables: read to the digit, marked as theirs, or one line."""

import gzip
import json
import re
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

import published
from clearbench.cli import cli
from clearbench.errors import UserError
from clearbench.evaluation.logs import read_log
from clearbench.evaluation.records import (
    RECORDS,
    Record,
    fields_of,
    read_records,
    write_records,
)
from clearbench.jobs.fingerprint import code_of
from clearbench.metrics.score import score_records
from clearbench.results.scoring import score
from clearbench.results.tree import Tree
from clearbench.stages import import_logs
from clearbench.suite.graph import TABLES, Graph
from synthetic import Made, SyntheticTree, write_suite


def of_tofu(**changes):
    """A log of two samples a task in the layout of TOFU."""
    task = {
        "generated_text": {"0": ["q", "a hat", "a red hat"], "1": ["q", "no", "a dog"]},
        "avg_gt_loss": {"0": 0.5, "1": 1.0},
        "avg_paraphrased_loss": {"0": 0.6, "1": 1.1},
        "average_perturb_loss": {"0": [1.0, 2.0], "1": [0.5, 3]},
    }
    files = ("eval_log.json", "eval_log_forget.json")
    files += ("eval_real_author_wo_options.json", "eval_real_world_wo_options.json")
    return {file: {**task, **changes} for file in files}


@pytest.fixture
def written(tmp_path):
    """Write data as a log, and give its path."""

    def write(data, name="log.json"):
        path = tmp_path / name
        path.write_text(data if isinstance(data, str) else json.dumps(data))
        return path

    return write


def test_a_log_of_tofu_is_records_of_its_four_tasks(written):
    records = read_log(written(of_tofu()))
    tasks = {(record.split, record.task) for record in records}
    assert tasks == {
        ("forget", "text_qa"),
        ("retain", "text_qa"),
        ("real", "real_authors"),
        ("real", "world_facts"),
    }
    assert len(records) == 8
    first = records[0]
    assert (first.id, first.answer, first.generated) == ("0", "a red hat", "a hat")
    assert first.losses == (0.5, 0.6, 1.0, 2.0)


def test_a_log_of_clear_is_told_by_its_faces(written):
    data = of_tofu()
    task = data.pop("eval_real_author_wo_options.json")
    names = ("eval_forget_facerec.json", "eval_retain_facerec.json")
    data |= dict.fromkeys((*names, "eval_real_faces_wo_options.json"), task)
    tasks = {(record.split, record.task) for record in read_log(written(data))}
    assert ("forget", "captions") in tasks
    assert ("retain", "face_naming") in tasks
    assert ("real", "real_faces") in tasks
    assert len(tasks) == 6


def test_scores_of_an_imported_log_are_those_that_its_group_published(tmp_path):
    full, gold = (
        read_log(published.written(published.tofu_log(model), tmp_path / f"{model}.json.gz"))
        for model in ("full", "retain90")
    )
    scores = score_records(full, gold)
    found = (scores["model_utility@tofu"], scores["forget_quality_ks@tofu"])
    theirs = published.PUBLISHED["tofu"]["full"]
    expected = (theirs["Model Utility"], theirs["Forget Quality"])
    assert found == pytest.approx(expected, rel=1e-9, abs=0)


def test_a_log_of_open_unlearning_gives_its_summary_but_for_the_epsilon(tmp_path):
    summary = published.PUBLISHED["open_unlearning"]["full_forget10"]["summary"]
    full, gold = (
        read_log(
            published.written(published.open_unlearning_log(model), tmp_path / f"{model}.json.gz")
        )
        for model in ("full_forget10", "retain90")
    )
    scores = score_records(full, gold)
    assert scores["model_utility@tofu"] == pytest.approx(summary["model_utility"], rel=1e-4)
    assert scores["forget_quality_ks@tofu"] == pytest.approx(summary["forget_quality"], rel=1e-6)
    assert scores["forget/text_qa/rouge_l"] == pytest.approx(summary["forget_Q_A_ROUGE"], rel=1e-9)


def of_open_unlearning(**changes):
    """A log of two samples a task in the layout of open-unlearning; `changes` are of fields."""
    said = {"generation": "a hat", "ground_truth": "a red hat"}
    fields = {"ROUGE": said, "Prob": {"avg_loss": 0.5}, "PARA_Prob": {"avg_loss": 0.6}}
    fields |= {"PERT_Prob": {"avg_loss": [1.0, 2.0]}, **changes}
    return {
        f"{prefix}_Q_A_{part}": {"value_by_index": {"0": value, "1": value}}
        for prefix in ("forget", "retain", "ra", "wf")
        for part, value in fields.items()
    }


def test_a_log_of_open_unlearning_is_records_of_its_four_tasks(written):
    records = read_log(written(of_open_unlearning()))
    assert [record.task for record in records[::2]] == [
        *("text_qa", "text_qa", "real_authors", "world_facts")
    ]
    assert records[0].losses == (0.5, 0.6, 1.0, 2.0)
    assert records[-1].losses == (0.5, 0.5, 1.0, 2.0)
    assert (records[0].id, records[0].answer, records[0].generated) == ("0", "a red hat", "a hat")


def texts(generated, answer="a dog"):
    return {"0": ["q", "a hat", "a red hat"], "1": ["q", generated, answer]}


def text_of(log):
    """A log as text: of two keys of the same name, one can be written in a dict alone."""
    return json.dumps(log).replace('"again"', '"1"')


LACKING = of_tofu()
del LACKING["eval_real_world_wo_options.json"]
FIRST = "eval_log_forget.json"
MISTAKES = {
    "no JSON": ("{", "not a JSON file"),
    "a list": ([], "must hold keys and values"),
    "another file": (
        {"loss": 1},
        "not a log that is known: has neither eval_log.json (TOFU, CLEAR)",
    ),
    "a task missing": (LACKING, "eval_real_world_wo_options.json: missing"),
    "a field without samples": (
        of_tofu(avg_gt_loss={}),
        "eval_log_forget.json: avg_gt_loss: must hold",
    ),
    "a sample missing": (
        of_tofu(avg_paraphrased_loss={"0": 1.0}),
        "eval_log_forget.json: avg_paraphrased_loss: 1: missing; other fields have this sample",
    ),
    "a word for a loss": (
        of_tofu(avg_gt_loss={"0": 0.5, "1": "high"}),
        "eval_log_forget.json: avg_gt_loss: 1: 'high' is not a loss; allowed: 0 and above",
    ),
    "not a number": (
        of_tofu(avg_gt_loss={"0": 0.5, "1": float("nan")}),
        "eval_log_forget.json: avg_gt_loss: 1: nan is not a loss",
    ),
    "texts cut short": (
        of_tofu(generated_text={"0": ["q"], "1": ["q"]}),
        "eval_log_forget.json: generated_text: 0: must be question, generated and true answer",
    ),
    "open-unlearning cut short": (
        {"forget_Q_A_Prob": {"value_by_index": {"0": {"prob": 1}}}},
        "forget_Q_A_ROUGE: missing",
    ),
    "a sample more": (
        of_tofu(average_perturb_loss={"0": [1.0], "1": [1.0], "2": [1.0]}),
        f"{FIRST}: generated_text: 2: missing; other fields have this sample",
    ),
    "a text more": (
        of_tofu(generated_text={**texts("no"), "2": ["q", "a", "b"]}),
        f"{FIRST}: avg_gt_loss: 2: missing; other fields have this sample",
    ),
    "other samples": (
        of_tofu(avg_gt_loss={"0": 0.5, "7": 0.5}),
        f"{FIRST}: avg_gt_loss: 1: missing; other fields have this sample",
    ),
    "a sample more, of open-unlearning": (
        {
            **of_open_unlearning(),
            "retain_Q_A_PARA_Prob": {"value_by_index": {key: {"avg_loss": 1.0} for key in "012"}},
        },
        "retain_Q_A_ROUGE: value_by_index: 2: missing; other fields have this sample",
    ),
    "no generation": (
        of_tofu(generated_text=texts(None)),
        f"{FIRST}: generated_text: 1: generated: None is no text",
    ),
    "a number for the answer": (
        of_tofu(generated_text=texts("no", 7)),
        f"{FIRST}: generated_text: 1: true answer: 7.0 is no text",
    ),
    "no generation, of open-unlearning": (
        of_open_unlearning(ROUGE={"generation": None, "ground_truth": "a hat"}),
        "forget_Q_A_ROUGE: 0: generation: None is no text",
    ),
    "no field, of open-unlearning": (
        of_open_unlearning(ROUGE={"ground_truth": "a hat"}),
        "forget_Q_A_ROUGE: 0: generation: missing",
    ),
    "a sample that is null, of open-unlearning": (
        of_open_unlearning(PARA_Prob=None),
        "forget_Q_A_PARA_Prob: 0: avg_loss: missing",
    ),
    "half of a character": (
        of_tofu(generated_text=texts("hat \ud83d")),
        f"{FIRST}: generated_text: 1: generated: holds half of a character, \\ud83d;",
    ),
    "half of a character in the answer": (
        of_open_unlearning(ROUGE={"generation": "a", "ground_truth": "\udc00"}),
        "forget_Q_A_ROUGE: 0: ground_truth: holds half of a character, \\udc00;",
    ),
    "half of a character in an id": (
        {
            file: {name: {"\ud83d": held["1"]} for name, held in task.items()}
            for file, task in of_tofu().items()
        },
        f"{FIRST}: avg_gt_loss: \\ud83d: holds half of a character",
    ),
    "an infinite loss": (
        of_tofu(avg_gt_loss={"0": 0.5, "1": float("inf")}),
        f"{FIRST}: avg_gt_loss: 1: inf is not a loss; allowed: 0 and above, finite",
    ),
    "a loss beyond floats": (
        text_of(of_tofu()).replace("[0.5, 3]", f"[0.5, 1{400 * '0'}]"),
        f"{FIRST}: average_perturb_loss: 1: inf is not a loss",
    ),
    "one of the losses not a number": (
        of_open_unlearning(PERT_Prob={"avg_loss": [1.0, float("nan")]}),
        "forget_Q_A_PERT_Prob: 0: avg_loss: nan is not a loss",
    ),
    "null for a loss": (
        of_tofu(avg_gt_loss={"0": 0.5, "1": None}),
        f"{FIRST}: avg_gt_loss: 1: None is not a loss",
    ),
    "two losses for one": (
        of_tofu(avg_gt_loss={"0": 0.5, "1": [1.0, 2.0]}),
        f"{FIRST}: avg_gt_loss: 1: 2 losses; allowed: 1",
    ),
    "no perturbed answer": (
        of_tofu(average_perturb_loss={"0": [1.0], "1": []}),
        f"{FIRST}: average_perturb_loss: 1: no loss; it needs one at least",
    ),
    "a sample twice": (
        text_of(of_tofu(avg_gt_loss={"0": 0.5, "1": 1.0, "again": 2.0})),
        f"{FIRST}: avg_gt_loss: 1: stands twice",
    ),
    "a field of a sample twice": (
        json.dumps(of_open_unlearning()).replace('"generation"', '"ground_truth"', 1),
        "forget_Q_A_ROUGE: 0: ground_truth: stands twice",
    ),
    "a list twice": (
        json.dumps(of_tofu()).replace('"avg_paraphrased_loss"', '"avg_gt_loss"'),
        f"{FIRST}: avg_gt_loss: stands twice",
    ),
    "nested beyond reason": ("[" * 100_000, "not a JSON file"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_malformed_log_is_one_line_that_says_where(written, mistake):
    data, told = MISTAKES[mistake]
    path = written(data)
    with pytest.raises(UserError, match=re.escape(f"{path}: {told}")) as caught:
        read_log(path)
    assert "\n" not in str(caught.value)


def test_a_log_that_is_not_there_or_not_compressed_is_told(tmp_path, written):
    with pytest.raises(UserError, match="no such file"):
        read_log(tmp_path / "absent.json")
    with pytest.raises(UserError, match="not a JSON file"):
        read_log(written(of_tofu(), "log.json.gz"))
    damaged = bytearray(gzip.compress(json.dumps(of_tofu()).encode()))
    damaged[20] ^= 0xFF
    (tmp_path / "damaged.json.gz").write_bytes(damaged)
    with pytest.raises(UserError, match="not a JSON file"):
        read_log(tmp_path / "damaged.json.gz")


def test_the_command_leaves_records_and_where_they_came_from(tmp_path, written):
    out = tmp_path / "imported"
    cli(["import-logs", "--log", str(written(of_tofu())), "--out", str(out)], standalone_mode=False)
    assert len(read_records(out / RECORDS)) == 8
    record = json.loads((out / "provenance.json").read_text())
    assert record["stage"] == "import_logs"
    assert record["inputs"]["log"]["path"] == str(tmp_path / "log.json")


class Imported(SyntheticTree):
    """A results tree in which the logs are read indeed."""

    def _files(self, artifact):
        if artifact.stage == "import_logs":
            folder = self.root.parent / "read" / artifact.name
            import_logs.run(artifact.outside["log"], folder)
            return {RECORDS: (folder / RECORDS).read_text()}
        return super()._files(artifact)

    def records(self, run):
        if run.startswith(("imported/", "theirs/")):
            part = "gold" if run.endswith("gold") else "model"
            return read_records(self.root / "import/theirs" / part / RECORDS)
        return super().records(run)


@pytest.fixture
def tree(tmp_path, written):
    other = of_tofu(avg_paraphrased_loss={"0": 0.2, "1": 2.0})
    with gzip.open(tmp_path / "gold.json.gz", "wt") as file:
        json.dump(other, file)
    given = {
        "log": str(written(of_tofu())),
        "gold": str(tmp_path / "gold.json.gz"),
        "forget_size": 10,
    }
    suite = write_suite(tmp_path, methods={"ga": {}}, seeds=[0], imported={"theirs": given})
    return Imported(suite, tmp_path / "results/small", records=True).build()


def test_an_imported_log_is_a_row_of_the_tables_that_says_so(tree):
    frame = pd.read_csv(tree.root / TABLES / "comparison.csv")
    row = frame[frame.method == "theirs"]
    assert set(row.modality) == {"imported"}
    assert set(row.status) == {"ok"}
    log = tree.suite.file.imported["theirs"]
    scores = score_records(*(read_log(Path(path)) for path in (log.log, log.gold)))
    assert row.set_index("metric")["mean"]["forget_quality_ks_log10"] == pytest.approx(
        scores["forget_quality_ks_log10"]
    )
    text = (tree.root / TABLES / "comparison.md").read_text()
    assert re.search(r"^\| theirs +\| imported", text, re.M)
    assert f"theirs: records imported from {log.log}" in text


def test_the_proof_of_an_imported_row_ends_at_its_log(tree):
    names = [found.name for found in tree.graph.ancestors("score/imported/theirs")]
    assert names == ["import/theirs/model", "import/theirs/gold", "score/imported/theirs"]
    assert Tree(tree.root).broken_link(tree.graph["import/theirs/model"]) is None
    tree.graph["import/theirs/model"].outside["log"].write_text("{}")
    reason = Tree(tree.root).broken_link(tree.graph["import/theirs/model"])
    assert reason.endswith("made from another log than the one here")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"forget_size": 5}, "imported.theirs.forget_size: unknown: 5; allowed: 10"),
        ({"gold": None}, "imported.theirs.gold: input should be a valid string"),
    ],
)
def test_a_mistake_in_the_suite_is_one_line(tmp_path, changes, told):
    given = {"log": "log.json", "gold": "gold.json", "forget_size": 10, **changes}
    with pytest.raises(UserError, match=re.escape(told)):
        write_suite(tmp_path, imported={"theirs": given})
    with pytest.raises(UserError, match="allowed in a name: letters, digits"):
        write_suite(tmp_path, imported={"a/b": {**given, "forget_size": 10, "gold": "g"}})


def told(question, answer, false=2):
    """A TOFU log's two samples with another first question or answer."""
    perturbed = [1.0, 2.0][:false]
    return of_tofu(
        generated_text={"0": [question, "a hat", answer], "1": ["q", "no", "a dog"]},
        average_perturb_loss={"0": perturbed, "1": [0.5, 3.0]},
        avg_paraphrased_loss={"0": 0.2, "1": 2.0},
    )


@pytest.mark.parametrize(
    ("gold", "said"),
    [
        (told("q", "a blue hat"), "another true answer: 'a blue hat', the model with 'a red hat'"),
        (told("[INST] q [/INST]", "a red hat"), r"another question: '\[INST\] q \[/INST\]'"),
        (told("q", "a red hat", false=1), "another number of false answers: 1, the model with 2"),
    ],
)
def test_a_gold_that_was_asked_otherwise_is_refused(written, gold, said):
    records = [read_log(written(data, f"{n}.json")) for n, data in enumerate((of_tofu(), gold))]
    with pytest.raises(UserError, match=rf"forget/text_qa/0: .*{said}"):
        score_records(*records)


@pytest.mark.parametrize(
    ("field", "value"),
    [("ground_truth", "a blue hat"), ("input", "user\nq?assistant\n")],
)
def test_so_is_that_of_an_open_unlearning_log(written, field, value):
    logs = [of_open_unlearning(), of_open_unlearning()]
    for log in logs:
        for sample in log["forget_Q_A_ROUGE"]["value_by_index"].values():
            sample["input"] = "q"
    changed = logs[1]["forget_Q_A_ROUGE"]["value_by_index"]
    changed["1"] = {**changed["1"], field: value}
    records = [read_log(written(json.dumps(log), f"{n}.json")) for n, log in enumerate(logs)]
    with pytest.raises(UserError, match="forget/text_qa/1: the gold model was evaluated with"):
        score_records(*records)


ASKED = "who is it?"


@pytest.mark.parametrize("asked", ["who  is it?\n", " who is it?", "who\u00a0is it?"])
def test_other_blanks_make_no_other_question(written, asked):
    data = (told(question, "a red hat") for question in (ASKED, asked))
    records = [read_log(written(log, f"{n}.json")) for n, log in enumerate(data)]
    assert score_records(*records)["forget_quality_js"] == 1


@pytest.mark.parametrize("asked", ["Who is it?", "whois it?", "user who is it? assistant"])
def test_other_letters_do(written, asked):
    data = (told(question, "a red hat") for question in (ASKED, asked))
    records = [read_log(written(log, f"{n}.json")) for n, log in enumerate(data)]
    with pytest.raises(UserError, match="another question"):
        score_records(*records)


def test_of_long_prompts_the_part_that_differs_is_told(written):
    long = "You are helpful. " * 20
    data = (told(f"{long}{name}: who is it?{' Think.' * 30}", "a red hat") for name in "XY")
    records = [read_log(written(log, f"{n}.json")) for n, log in enumerate(data)]
    with pytest.raises(UserError) as caught:
        score_records(*records)
    assert re.search(r"…'.{20}Y: who is it\?.*'…, the model with …'.{20}X: who", str(caught.value))
    assert len(str(caught.value)) < 400


def test_samples_of_one_id_are_compared_whatever_order_their_losses_give_them():
    asked = [("which hat?", "a red hat"), ("which dog?", "a red hat")]
    model, gold = (
        [
            Record("forget", "text_qa", "0", answer, said, 1.0, 1.0, (1.0,), question=question)
            for (question, answer), said in zip(asked, generated, strict=True)
        ]
        for generated in (("a", "b"), ("b", "a"))
    )
    assert score_records(model, gold)["forget_quality_js"] == 1
    other = [gold[0], replace(gold[1], question="which cat?")]
    with pytest.raises(UserError, match="'which cat\\?', the model with 'which dog\\?'"):
        score_records(model, other)


def test_records_that_tell_no_question_are_told_as_old(tmp_path):
    record = Record("forget", "text_qa", "0", "a red hat", "a hat", 1.0, 1.0, (2.0,), question="q")
    fields = fields_of(record)
    write_records(tmp_path / RECORDS, [record])
    assert read_records(tmp_path / RECORDS) == [record]
    del fields["question"]
    (tmp_path / RECORDS).write_text(json.dumps(fields))
    with pytest.raises(UserError, match=r"records.jsonl, line 1: .*older version.*evaluate again"):
        read_records(tmp_path / RECORDS)


def test_a_log_is_not_judged_against_itself_in_whichever_file(tmp_path, written):
    data = of_tofu()
    path = written(data)
    packed = tmp_path / "packed.json.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    spaced = written(json.dumps(data, indent=2), "spaced.json")
    import_logs.run(path, tmp_path / "model")
    for again in (packed, spaced):
        gold = tmp_path / f"gold of {again.name}"
        import_logs.run(again, gold)
        with pytest.raises(UserError, match="a model from elsewhere is not judged against itself"):
            score({"records": tmp_path / "model", "gold": gold})


@pytest.mark.parametrize("name", ["log.json", "copy.json", "link.json"])
def test_nor_does_a_suite_that_gives_one_log_twice_start(tmp_path, written, name):
    path = written(of_tofu())
    written(of_tofu(), "copy.json")
    (tmp_path / "link.json").symlink_to(path)
    given = {"log": str(path), "gold": str(tmp_path / name), "forget_size": 10}
    suite = write_suite(tmp_path, imported={"theirs": given})
    with pytest.raises(UserError, match=r"imported\.theirs: log and gold have the same content"):
        suite.check_sources()


CELL, GOLD = "evaluate/ga/text/forget10/seed0", "evaluate/gold/forget10/seed0"
SMALL = {"methods": {"ga": {}}, "modalities": ["text"], "seeds": [0]}


def suite_of(folder, name="small", **changes):
    """A suite of one cell and of one external model."""
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir(exist_ok=True)
    external = {"mine": {"model": str(elsewhere), "forget_size": 10}}
    return write_suite(folder, name, external=external, **{**SMALL, **changes})


@pytest.fixture
def evaluated(tmp_path):
    """A finished tree whose cell and external model say what gold says."""
    tree = SyntheticTree(suite_of(tmp_path), tmp_path / "results/small", records=True).build()
    said = Made(files={RECORDS: (tree.root / GOLD / RECORDS).read_text()})
    for name in (CELL, "evaluate/external/mine"):
        tree.put(name, said)
    return tree


def test_a_cell_may_be_gold_to_the_last_digit_and_a_model_from_elsewhere_may_not(evaluated):
    gold = evaluated.root / GOLD
    for own in (GOLD, CELL):
        found = score({"records": evaluated.root / own, "gold": gold}).scores
        assert found["forget_quality_js"] == 1
    with pytest.raises(UserError, match=r"evaluate/external/mine: .*not judged against itself"):
        score({"records": evaluated.root / "evaluate/external/mine", "gold": gold})
    other = evaluated.root / "evaluate/gold/forget10/seed1"
    folders = {"records": evaluated.root / "evaluate/external/mine", "gold": other}
    found = score(folders, bases="other").scores
    assert found["forget_quality_js"] < 1


OTHER = Made(files={"rows.txt": "other"})


@pytest.mark.parametrize(
    ("changes", "states", "said"),
    [
        ({"evaluate": {"max_new_tokens": 8}}, {}, r"max_new_tokens \(8\) than .* \(64\)"),
        ({"evaluate": {"batch_size": 8}}, {}, None),
        ({}, {"dataset": OTHER}, "dataset"),
        ({}, {"base/seed0": OTHER}, "base"),
    ],
)
def test_a_gold_that_was_evaluated_in_another_way_is_refused(
    tmp_path, evaluated, changes, states, said
):
    suite = suite_of(tmp_path, "other", **changes)
    tree = SyntheticTree(suite, tmp_path / "results/other", records=True).build(states)
    folders = {"records": evaluated.root / CELL, "gold": tree.root / GOLD}
    if said is None:
        assert score(folders).scores["forget_quality_js"] == 1
        return
    with pytest.raises(UserError, match=f"evaluated with another {said}"):
        score(folders)


def test_so_is_one_that_was_evaluated_by_other_code(evaluated, monkeypatch):
    module = "clearbench.evaluation.likelihood"
    code = {**code_of("evaluate", evaluated.graph[GOLD].resolved), module: "0" * 16}
    monkeypatch.setattr("synthetic.code_of", lambda *_: code)
    evaluated.put(GOLD)
    folders = {"records": evaluated.root / CELL, "gold": evaluated.root / GOLD}
    with pytest.raises(UserError, match=f"another code in {module}"):
        score(folders)


def test_logs_that_were_asked_in_other_words_are_compared_where_the_suite_says_so(
    written, tmp_path
):
    """As with a template that writes the day of the evaluation."""
    said = {
        key: told(f"Today: {day} Nov. {ASKED}", "a red hat")
        for key, day in {"log": 1, "gold": 2}.items()
    }
    said["gold"]["eval_log_forget.json"]["avg_paraphrased_loss"] = {"0": 0.3, "1": 2.0}
    logs = {key: str(written(text, f"{key}.json")) for key, text in said.items()}
    given = {"theirs": {**logs, "forget_size": 10}}
    suite = write_suite(tmp_path, imported=given)
    assert "prompts" not in Graph(suite)["score/imported/theirs"].options
    for part, log in logs.items():
        import_logs.run(Path(log), tmp_path / part)
    folders = {"records": tmp_path / "log", "gold": tmp_path / "gold"}
    with pytest.raises(UserError, match=r"another question.*say `prompts: other`"):
        score(folders)
    given["theirs"]["prompts"] = "other"
    suite = write_suite(tmp_path, imported=given)
    options = Graph(suite)["score/imported/theirs"].options
    assert options == {"prompts": "other"}
    assert "forget_quality_js" in score(folders, **options).scores
