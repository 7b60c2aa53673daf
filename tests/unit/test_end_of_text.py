"""The end of text: counted as in all published numbers, kept apart, and left out on request."""

import json
import math
import re

import pytest

from clearbench.errors import UserError
from clearbench.evaluation.logs import read_log
from clearbench.evaluation.records import (
    Likelihood,
    Record,
    fields_of,
    parse_record,
    read_records,
    write_records,
)
from clearbench.metrics import model_metrics, task_metrics
from clearbench.metrics.definitions import ANSWER_ONLY, DEFINITIONS
from clearbench.metrics.retrieval import READ
from clearbench.metrics.score import score_records
from synthetic import draw_records

TEXTS = {"answer": "a red hat", "generated": "a hat"}


def measured(*likelihoods, split="forget", task="text_qa", number=0, **texts):
    parts = [Likelihood(*part) for part in likelihoods]
    return Record.measured(parts, split=split, task=task, id=str(number), **{**TEXTS, **texts})


def test_the_end_of_text_counts_as_one_more_token():
    part = Likelihood(-2 - 4, 2, -0.3)
    assert part.loss == pytest.approx(2.1)
    assert part.answer_loss == pytest.approx(3.0)


def test_every_definition_but_two_counts_the_end():
    without = [name for name, found in DEFINITIONS.items() if not found.end]
    assert without == ["answer_only", "open_unlearning"]


def of_tofu(records):
    """A log as TOFU's code would write it of our records: means in which the end is counted."""
    files = {
        ("retain", "text_qa"): "eval_log.json",
        ("forget", "text_qa"): "eval_log_forget.json",
        ("real", "real_authors"): "eval_real_author_wo_options.json",
        ("real", "world_facts"): "eval_real_world_wo_options.json",
    }
    log = {}
    for record in records:
        mean = [-(own + end) / (tokens + 1) for own, tokens, end in record.likelihoods]
        task = log.setdefault(files[record.split, record.task], {})
        for name, value in {
            "generated_text": ["q", record.generated, record.answer],
            "avg_gt_loss": mean[0],
            "avg_paraphrased_loss": mean[1],
            "average_perturb_loss": mean[2:],
        }.items():
            task.setdefault(name, {})[record.id] = value
    return log


@pytest.fixture
def text_records():
    tasks = {"forget": "text_qa", "retain": "text_qa", "real": "real_authors"}
    drawn = [
        measured(
            *record.likelihoods,
            split=record.split,
            task=tasks[record.split],
            number=number,
            generated=record.generated,
        )
        for number, record in enumerate(draw_records("one", "text", 4))
    ]
    world = [r for r in drawn if r.split == "real"]
    return drawn + [
        measured(*r.likelihoods, split="real", task="world_facts", number=i, generated="a red hat")
        for i, r in enumerate(world)
    ]


def test_own_rows_and_imported_rows_mean_the_same(tmp_path, text_records):
    path = tmp_path / "log.json"
    path.write_text(json.dumps(of_tofu(text_records)))
    logged = read_log(path)
    own, imported = (score_records(records, records) for records in (text_records, logged))
    shared = {key: value for key, value in own.items() if "~" not in key and key in imported}
    assert {"real", "forget/text_qa/probability", "forget_quality_js@official"} <= shared.keys()
    assert {key: imported[key] for key in shared} == pytest.approx(shared, rel=1e-12)
    # A log has no losses of the answer alone, and none are guessed.
    lacking = {key for key in own.keys() - imported.keys() if "~" not in key}
    assert {key for key in own if "@answer_only" in key and "~" not in key} == lacking
    assert "forget@answer_only" in own


def test_the_end_can_be_left_out_of_every_metric_that_goes_by_losses():
    names = {*task_metrics(), *model_metrics()}
    # What only some suites have, of strangers, groups and pairs, is of one reading alone.
    asked_for = re.compile("aligned_|membership_|privleak|.*_(gap|worst)$")
    plain = {name for name in names if "@" not in name and not asked_for.match(name)}
    of_words = {"rouge_l", "cider_d", "filled", "distinct_ngrams", "length_ratio", *READ}
    of_words |= {"generated_probability", "bleu", "chrf"}
    of_words |= {"yes_or_no", "pope_accuracy", "vqa_accuracy", "vqa_accuracy_of_nine"}
    assert {ANSWER_ONLY.key(name) for name in plain} - names == set(map(ANSWER_ONLY.key, of_words))
    true, false = (-2.0, 2, -9.0), (-3.0, 2, -0.1)
    records = [
        measured(true, true, false, false, split=split, task="captions")
        for split in ("forget", "retain", "real")
    ]
    scores = score_records(records, records)
    assert scores["retain/captions/probability"] == pytest.approx(math.exp(-11 / 3))
    assert scores["retain/captions/probability@answer_only"] == pytest.approx(math.exp(-1))
    # The truth is likelier than the others until its end is counted.
    assert scores["retain/captions/accuracy"] == 0
    assert scores["retain/captions/accuracy@answer_only"] == 1
    assert scores["retain@answer_only"] > scores["retain"]
    assert scores["real/captions/probability@answer_only"] == pytest.approx(
        math.exp(-1) / (math.exp(-1) + 2 * math.exp(-1.5))
    )


def test_an_end_that_a_model_never_says_leaves_the_answer_its_likelihood(tmp_path):
    record = measured((-2.0, 2, -math.inf), (-2.0, 2, -math.inf), (-3.0, 2, -0.1))
    write_records(tmp_path / "records.jsonl", [record])
    (found,) = read_records(tmp_path / "records.jsonl")
    assert found.losses == (math.inf, math.inf, 3.1 / 3)
    assert found.without_end().losses == (1.0, 1.0, 1.5)


def test_what_is_written_holds_answer_and_end_apart_and_is_read_as_it_was(tmp_path):
    records = draw_records("one")
    write_records(tmp_path / "records.jsonl", records)
    assert read_records(tmp_path / "records.jsonl") == records
    fields = fields_of(records[0])
    assert fields["likelihoods"][0] == records[0].likelihoods[0]
    assert not any("loss" in name for name in fields)
    log = parse_record(fields_of(Record("real", "t", "1", "a", "b", 0.5, 0.6, (1.0, 2.0))))
    assert log.likelihoods is None
    assert log.losses == (0.5, 0.6, 1.0, 2.0)


def test_records_of_an_older_version_say_so_in_one_line(tmp_path):
    old = {"split": "forget", "task": "captions", "id": "1", **TEXTS}
    old |= {"answer_loss": 1.0, "paraphrase_loss": 1.0, "perturbed_losses": [2.0]}
    path = tmp_path / "records.jsonl"
    path.write_text(json.dumps(old) + "\n")
    with pytest.raises(UserError, match=r"records.jsonl, line 1: .* older version") as caught:
        read_records(path)
    assert "\n" not in str(caught.value)
