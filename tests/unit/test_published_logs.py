"""From groups' own per-sample logs, our metrics give the numbers that they published.

TOFU and open-unlearning compute the truth ratio with the geometric mean over the perturbed answers
(open-unlearning too: the arithmetic one misses its stored ratios by up to a factor of 135), so it
is the definition `tofu` that is held against both; `official` is held against what CLEAR's code
makes of TOFU's logs.
"""

import gzip
import json
import math
import random
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from types import MappingProxyType

import pytest

from clearbench.evaluation.records import Record
from clearbench.metrics import model_metrics
from clearbench.metrics.base import Evaluation
from clearbench.metrics.definitions import TOFU
from clearbench.metrics.forget_quality_ks import ks_test
from clearbench.metrics.model_utility import model_utility
from clearbench.metrics.probability import probability
from clearbench.metrics.rouge_l import rouge_l
from clearbench.metrics.score import score_records
from clearbench.metrics.truth_ratio import log_truth_ratios, reported
from published import PUBLISHED, open_unlearning_log, tofu_log

RETAIN, FORGET = ("retain", "text_qa"), ("forget", "text_qa")
AUTHORS, WORLD = ("real", "real_authors"), ("real", "world_facts")
TOFU_FILES = {
    RETAIN: ("eval_log.json", "Retain"),
    AUTHORS: ("eval_real_author_wo_options.json", "Real Authors"),
    WORLD: ("eval_real_world_wo_options.json", "Real World"),
    FORGET: ("eval_log_forget.json", "Forget"),
}
OPEN_UNLEARNING = {RETAIN: "retain", AUTHORS: "ra", WORLD: "wf", FORGET: "forget"}
EPSILON = 1e-10


def near(value):
    return pytest.approx(value, rel=1e-9, abs=0)


def read(path: Path):
    return json.loads(gzip.decompress(path.read_bytes()))


def scores_of(tasks: dict[tuple[str, str], list[Record]]) -> dict[str, float]:
    """The scores that model utility reads, with the truth ratio of both groups' code."""
    scores = {}
    for (split, task), records in tasks.items():
        ratios = log_truth_ratios(records, TOFU)
        scores[f"{split}/{task}/rouge_l"] = rouge_l(records)
        scores[f"{split}/{task}/probability"] = probability(records)
        scores[f"{split}/{task}/truth_ratio"] = fmean(reported(split, ratios))
    return scores


def utility(scores: dict[str, float], tasks: dict[tuple[str, str], list[Record]]) -> float | None:
    records = [record for group in tasks.values() for record in group]
    return model_utility(Evaluation(scores, records, records))


def tofu_records(log) -> dict[tuple[str, str], list[Record]]:
    return {
        (split, task): [
            Record(
                split=split,
                task=task,
                id=key,
                answer=log[file]["generated_text"][key][2],
                generated=log[file]["generated_text"][key][1],
                answer_loss=log[file]["avg_gt_loss"][key],
                paraphrase_loss=log[file]["avg_paraphrased_loss"][key],
                perturbed_losses=tuple(log[file]["average_perturb_loss"][key]),
            )
            for key in log[file]["avg_gt_loss"]
        ]
        for (split, task), (file, _) in TOFU_FILES.items()
    }


class TestTofu:
    """locuslab/tofu, Llama-2-7B: log fields are mean losses a token, texts and ROUGE a sample."""

    @pytest.fixture(scope="class", params=["full", "retain90"])
    def model(self, request):
        return request.param

    @pytest.fixture(scope="class")
    def log(self, model):
        return tofu_log(model)

    @pytest.fixture(scope="class")
    def tasks(self, log):
        return tofu_records(log)

    @pytest.fixture(scope="class")
    def scores(self, tasks):
        return scores_of(tasks)

    @pytest.fixture(scope="class")
    def expected(self, model):
        return PUBLISHED["tofu"][model]

    @pytest.mark.parametrize("task", TOFU_FILES, ids="/".join)
    @pytest.mark.parametrize(
        ("metric", "published"),
        [("rouge_l", "ROUGE"), ("probability", "Prob."), ("truth_ratio", "Truth Ratio")],
    )
    def test_a_task_score_equals_the_published_one(self, scores, expected, task, metric, published):
        name = f"{published} {TOFU_FILES[task][1]}"
        assert scores["/".join((*task, metric))] == near(expected[name])

    def test_model_utility_equals_the_published_one(self, scores, tasks, expected):
        assert utility(scores, tasks) == near(expected["Model Utility"])

    def test_forget_quality_equals_the_published_one(self, tasks, expected):
        gold = tofu_records(tofu_log("retain90"))
        ratios, gold_ratios = (log_truth_ratios(t[FORGET], TOFU) for t in (tasks, gold))
        statistic, p = ks_test(ratios, gold_ratios)
        assert p == near(expected["Forget Quality"])
        assert statistic == near(expected["KS Test Forget"])

    def test_every_sample_has_its_stored_truth_ratio(self, log, tasks):
        """Stored is P(perturbed) / P(paraphrase), oriented as R, in float32: good to 1e-6."""
        for task, (file, _) in TOFU_FILES.items():
            ours = [math.exp(ratio) for ratio in log_truth_ratios(tasks[task], TOFU)]
            assert ours == pytest.approx(list(log[file]["truth_ratio"].values()), rel=2e-6)


class TestClear:
    """What CLEAR's code for images computes from the same two logs."""

    TASKS = MappingProxyType(
        {RETAIN: "Retain", AUTHORS: "Real Author", WORLD: "Real World", FORGET: "Forget"}
    )

    @pytest.fixture(scope="class", params=["full", "retain90"])
    def model(self, request):
        return request.param

    @pytest.fixture(scope="class")
    def records(self):
        return {
            model: [record for group in tofu_records(tofu_log(model)).values() for record in group]
            for model in ("full", "retain90")
        }

    @pytest.fixture(scope="class")
    def scores(self, records, model):
        return score_records(records[model], records["retain90"])

    @pytest.fixture(scope="class")
    def expected(self, model):
        return PUBLISHED["clear"][model]

    @pytest.mark.parametrize("task", TASKS, ids="/".join)
    @pytest.mark.parametrize(
        ("metric", "published"),
        [
            ("rouge_l", "ROUGE"),
            ("probability@official", "Prob."),
            ("truth_ratio@official", "Truth Ratio"),
        ],
    )
    def test_a_task_score_is_what_the_code_computes(
        self, scores, expected, task, metric, published
    ):
        key = "/".join((*task, metric))
        assert scores[key] == near(expected[f"{published} {self.TASKS[task]}"])

    def test_what_is_computed_of_the_whole_model_is_what_the_code_computes(self, scores, expected):
        assert scores["model_utility@official"] == near(expected["Model Utility"])
        assert scores["forget_quality_ks@official"] == near(expected["KS test p-value"])
        # The table prints one minus the distance.
        assert scores["forget_quality_js@official"] == near(1 - expected["JS metric"])

    def test_forget_quality_goes_by_the_order_of_samples_and_not_by_their_scale(self, records):
        full, gold = records["full"], records["retain90"]
        quality = model_metrics()["forget_quality_js@official"]
        shuffled = random.Random(0).sample(full, len(full))
        assert quality(Evaluation({}, full, gold)) == pytest.approx(1 - 0.2268739)
        assert quality(Evaluation({}, shuffled, gold)) < 1 - 0.3
        tripled = [replace(r, paraphrase_loss=r.paraphrase_loss + math.log(3)) for r in gold]
        assert quality(Evaluation({}, tripled, gold)) == pytest.approx(1, abs=1e-6)

    def test_scores_under_tofus_definitions_are_those_that_tofu_published(self, records):
        published = PUBLISHED["tofu"]["full"]
        scores = score_records(records["full"], records["retain90"])
        assert scores["model_utility@tofu"] == near(published["Model Utility"])
        assert scores["forget_quality_ks@tofu"] == near(published["Forget Quality"])
        assert scores["forget_quality_ks_statistic@tofu"] == near(published["KS Test Forget"])
        log_p = math.log(published["Forget Quality"])
        assert scores["forget_quality_ks_ln@tofu"] == near(log_p)


class TestOpenUnlearning:
    """open-unlearning, Llama-3.2-1B-Instruct.

    Its code adds 1e-10 to each probability that it divides by. `EPSILON` puts that into the
    records, so that the metrics themselves are compared: a paraphrase likelier by 1e-10, and one
    more option of probability 1e-10.
    """

    @pytest.fixture(scope="class", params=["full_forget10", "retain90"])
    def model(self, request):
        return request.param

    @pytest.fixture(scope="class")
    def log(self, model):
        return open_unlearning_log(model)

    @pytest.fixture(scope="class")
    def tasks(self, log):
        return self.records(log)

    @pytest.fixture(scope="class")
    def scores(self, tasks, log):
        return scores_of(tasks) | {
            f"{split}/{task}/probability": probability(self.of_probability(log, (split, task)))
            for split, task in tasks
        }

    @pytest.fixture(scope="class")
    def summary(self, model):
        return PUBLISHED["open_unlearning"][model]["summary"]

    def values(self, log, name, field):
        return {key: sample[field] for key, sample in log[name]["value_by_index"].items()}

    def truth_ratio_name(self, task):
        return "forget_truth_ratio" if task == FORGET else f"{OPEN_UNLEARNING[task]}_Truth_Ratio"

    def probability_name(self, task):
        return f"{OPEN_UNLEARNING[task]}_Q_A_Prob" + ("_normalised" if task[0] == "real" else "")

    def records(self, log):
        """One record a sample, from the stored losses and texts."""
        return {task: self.of_task(log, task) for task in OPEN_UNLEARNING}

    def of_task(self, log, task):
        prefix = f"{OPEN_UNLEARNING[task]}_Q_A"
        texts = log[f"{prefix}_ROUGE"]["value_by_index"]
        answer = self.values(log, f"{prefix}_Prob", "avg_loss")
        perturbed = self.values(log, f"{prefix}_PERT_Prob", "avg_loss")
        paraphrase = answer
        if task[0] != "real":
            paraphrase = self.values(log, f"{prefix}_PARA_Prob", "avg_loss")
        return [
            Record(
                split=task[0],
                task=task[1],
                id=key,
                answer=texts[key]["ground_truth"],
                generated=texts[key]["generation"],
                answer_loss=answer[key],
                paraphrase_loss=-math.log(math.exp(-paraphrase[key]) + EPSILON),
                perturbed_losses=tuple(perturbed[key]),
            )
            for key in texts
        ]

    def of_probability(self, log, task):
        """Records for the probability alone: its aggregate is over stored float32 probabilities."""
        prefix = f"{OPEN_UNLEARNING[task]}_Q_A"
        # Those of other tasks are no options beside the answer.
        options = task[0] == "real"
        perturbed = self.values(log, f"{prefix}_PERT_Prob", "prob") if options else {}
        return [
            Record(
                split=task[0],
                task=task[1],
                id=key,
                answer="",
                generated="",
                answer_loss=-math.log(value),
                paraphrase_loss=-math.log(value),
                perturbed_losses=tuple(-math.log(p) for p in (*perturbed.get(key, ()), EPSILON)),
            )
            for key, value in self.values(log, f"{prefix}_Prob", "prob").items()
        ]

    @pytest.mark.parametrize("task", OPEN_UNLEARNING, ids="/".join)
    def test_rouge_equals_the_published_one(self, log, scores, task):
        published = log[f"{OPEN_UNLEARNING[task]}_Q_A_ROUGE"]
        assert scores["/".join((*task, "rouge_l"))] == near(published["agg_value"])

    @pytest.mark.parametrize("task", OPEN_UNLEARNING, ids="/".join)
    def test_probability_equals_the_published_one(self, log, scores, task):
        published = log[self.probability_name(task)]["agg_value"]
        assert scores["/".join((*task, "probability"))] == near(published)

    @pytest.mark.parametrize("task", OPEN_UNLEARNING, ids="/".join)
    def test_truth_ratio_equals_the_published_one(self, log, scores, task):
        published = log[self.truth_ratio_name(task)]["agg_value"]
        assert scores["/".join((*task, "truth_ratio"))] == near(published)

    @pytest.mark.parametrize("task", OPEN_UNLEARNING, ids="/".join)
    def test_every_sample_has_its_stored_truth_ratio(self, log, tasks, task):
        stored = self.values(log, self.truth_ratio_name(task), "score")
        ours = [math.exp(ratio) for ratio in log_truth_ratios(tasks[task], TOFU)]
        assert ours == near(list(stored.values()))

    def test_model_utility_equals_the_published_one(self, scores, tasks, summary):
        assert utility(scores, tasks) == near(summary["model_utility"])

    def test_the_summary_holds_the_same_forget_scores(self, scores, summary):
        assert scores["forget/text_qa/rouge_l"] == near(summary["forget_Q_A_ROUGE"])
        assert scores["forget/text_qa/probability"] == near(summary["forget_Q_A_Prob"])

    def test_forget_quality_equals_the_published_one(self):
        full, gold = (
            self.of_task(open_unlearning_log(model), FORGET)
            for model in ("full_forget10", "retain90")
        )
        published = PUBLISHED["open_unlearning"]["full_forget10"]["summary"]["forget_quality"]
        ratios = (log_truth_ratios(records, TOFU) for records in (full, gold))
        assert ks_test(*ratios)[1] == near(published)


def rouge_of(said):
    generated, answer = said
    return rouge_l([Record(*AUTHORS, "0", answer, generated, 0.0, 0.0, (0.0,))])


@pytest.mark.parametrize("model", ["full", "retain90"])
def test_the_numbers_that_are_here_are_those_of_tofus_log(shared, model):
    """With the real texts, too, ROUGE-L is what it is here, sample by sample."""
    real = read(shared / "fixtures/tofu_eval_logs" / f"llama2-7b_{model}.json.gz")
    expected = json.loads((shared / "fixtures/tofu_eval_logs/expected.json").read_text())
    expected = expected[f"llama2-7b_{model}_vs_retain90"]
    assert PUBLISHED["tofu"][model] == expected["tofu"]
    assert PUBLISHED["clear"][model] == expected["clear_official_code"]
    ours = tofu_log(model)
    assert list(ours) == list(real)
    for file, fields in ours.items():
        for name, samples in fields.items():
            assert list(samples) == list(real[file][name])
            if name != "generated_text":
                assert samples == real[file][name]
                continue
            for key, said in samples.items():
                assert rouge_of(said[1:]) == rouge_of(real[file][name][key][1:])


@pytest.mark.parametrize("model", ["full_forget10", "retain90"])
def test_the_numbers_that_are_here_are_those_of_open_unlearnings_log(shared, model):
    folder = shared / "fixtures/openunlearning"
    real = read(folder / f"llama-3.2-1b_{model}.eval.json.gz")
    summary = json.loads((folder / f"llama-3.2-1b_{model}.summary.json").read_text())
    published = PUBLISHED["open_unlearning"][model]
    assert published["summary"].items() <= summary.items()
    for name, part in open_unlearning_log(model).items():
        assert part.get("agg_value", real[name]["agg_value"]) == real[name]["agg_value"]
        samples = part.get("value_by_index", {})
        assert not samples or list(samples) == list(real[name]["value_by_index"])
        for key, sample in samples.items():
            theirs = real[name]["value_by_index"][key]
            if name.endswith("ROUGE"):
                said = [(x["generation"], x["ground_truth"]) for x in (sample, theirs)]
                assert rouge_of(said[0]) == rouge_of(said[1])
            else:
                assert sample.items() <= theirs.items()
