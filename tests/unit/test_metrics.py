"""Each metric on samples that can be worked out by hand, and what a wrong input is told."""

import math
import subprocess
import sys
from dataclasses import replace

import pytest

from clearbench.data.tasks import DECLARED, headline_tasks
from clearbench.errors import UserError
from clearbench.evaluation.records import Record
from clearbench.metrics import better, metric_of, model_metrics, task_metrics
from clearbench.metrics.accuracy import accuracy
from clearbench.metrics.definitions import OFFICIAL, TOFU, definition_of
from clearbench.metrics.filled import filled
from clearbench.metrics.forget_quality_ks import LEAST_P
from clearbench.metrics.keys import Key
from clearbench.metrics.probability import probability
from clearbench.metrics.retrieval import READ
from clearbench.metrics.rouge_l import rouge_l
from clearbench.metrics.score import score_records
from clearbench.metrics.truth_ratio import log_truth_ratios, truth_ratio
from installed import forgotten, install  # noqa: F401


def loss(probability: float) -> float:
    return -math.log(probability)


def record(
    split="forget", task="captions", id="1", *, p=0.5, paraphrase=0.4, perturbed=(0.1, 0.3), **texts
):
    return Record(
        split=split,
        task=task,
        id=id,
        answer=texts.get("answer", "Ana Lima walks"),
        generated=texts.get("generated", "Ana walked home"),
        answer_loss=loss(p),
        paraphrase_loss=loss(paraphrase),
        perturbed_losses=tuple(map(loss, perturbed)),
    )


def suite(tasks, **changes):
    """Three samples of each (split, task)."""
    return [
        record(split, task, str(i), p=0.2 * i, paraphrase=0.2 * i, **changes)
        for split, task in tasks
        for i in (1, 2, 3)
    ]


# Those of questions about anything, which these suites do not ask.
OF_GENERAL = ("yes_or_no", "pope_accuracy", "vqa_accuracy", "vqa_accuracy_of_nine")
MULTIMODAL = [
    ("forget", "captions"),
    ("forget", "face_naming"),
    ("forget", "text_qa"),
    ("retain", "captions"),
    ("retain", "text_qa"),
    ("real", "real_faces"),
]


OF_LOSSES = ("accuracy", "probability", "truth_ratio")
OF_TEXTS = ("rouge_l", "rouge_l@unicode", "distinct_ngrams", "length_ratio")
OF_TOKENS = ("exact_memorisation", "extraction_strength")
"""The metrics of a task by what they take of a record, but for those of captions and of blanks."""


def test_rouge_is_the_recall_of_the_answers_words_by_their_stems():
    # "ana" and "walk" of "ana lima walk", in order.
    assert rouge_l([record()]) == pytest.approx(2 / 3)


def test_a_blank_is_filled_by_the_words_of_the_answer_wherever_they_stand():
    said = {"Art": 0, "It is new york, I think.": 1, "New, York": 1, "York New": 0, "": 0}
    blanks = [
        record("forget", "blanks_by_name", answer="New York", generated=text) for text in said
    ]
    assert filled.values(blanks) == list(said.values())
    assert filled([record("real", "blanks_by_picture", answer="Art", generated="Martha")]) == 0
    assert filled([record("real", "blanks_by_picture", answer="…", generated="…")]) == 0
    assert filled([record("forget", "captions", answer="a", generated="a")]) is None


def test_rouge_of_an_answer_without_words_is_0():
    assert rouge_l([record(answer="…", generated="…")]) == 0


def test_probability_is_that_of_the_answer_and_among_options_for_real_tasks():
    assert probability([record(p=0.5), record(p=0.1)]) == pytest.approx(0.3)
    assert probability([record("real", "real_faces", p=0.5)]) == pytest.approx(0.5 / 0.9)


def test_probability_among_options_survives_losses_beyond_the_range_of_a_double():
    far = replace(record("real"), answer_loss=2000.0, perturbed_losses=(2000.0, 2001.0))
    never = replace(record("real"), answer_loss=math.inf, perturbed_losses=(math.inf, math.inf))
    assert probability([far]) == pytest.approx(1 / (2 + math.exp(-1)))
    assert probability([never]) == pytest.approx(1 / 3)


def test_truth_ratio_is_defined_by_the_samples_own_perturbed_answers():
    sample = [
        record(paraphrase=0.4, perturbed=(0.1, 0.3)),
        record(paraphrase=0.1, perturbed=(0.2,)),
    ]
    assert list(map(math.exp, log_truth_ratios(sample))) == pytest.approx([0.5, 2])
    assert list(map(math.exp, log_truth_ratios(sample, TOFU))) == pytest.approx(
        [math.sqrt(0.03) / 0.4, 2]
    )
    assert truth_ratio(sample) == pytest.approx(0.5)
    assert truth_ratio([replace(r, split="retain") for r in sample]) == pytest.approx(0.25)


def test_the_truth_ratio_of_clears_code_takes_one_average_for_the_whole_task():
    sample = [
        record(paraphrase=0.4, perturbed=(0.1, 0.3)),
        record(paraphrase=0.1, perturbed=(0.2, 0.2)),
    ]
    average = (0.1 * 0.3 * 0.2 * 0.2) ** 0.25
    found = list(map(math.exp, log_truth_ratios(sample, OFFICIAL)))
    assert found == pytest.approx([average / 0.4, average / 0.1])


def test_clears_code_takes_naming_for_multiple_choice_and_leaves_rouge_out_of_aggregates():
    scores = score_records(suite(MULTIMODAL), suite(MULTIMODAL))
    captions, naming = "forget/captions/probability", "forget/face_naming/probability"
    assert scores[f"{captions}@official"] == scores[captions]
    expected = sum(p / (p + 0.1 + 0.3) for p in (0.2, 0.4, 0.6)) / 3
    assert scores[f"{naming}@official"] == pytest.approx(expected)
    assert scores[naming] == pytest.approx(0.4)
    keys = [
        f"forget/{task}/{term}@official"
        for task in ("captions", "face_naming")
        for term in ("probability", "truth_ratio")
    ]
    assert scores["forget@official"] == pytest.approx(4 / sum(1 / scores[key] for key in keys))


def test_the_aggregates_of_text_have_rouge_on_the_forget_split_alone_in_published_code():
    sample = suite([("forget", "text_qa"), ("retain", "text_qa")])
    scores = score_records(sample, sample)
    for definition in ("tofu", "official"):
        for split, rouge in (("forget", ["rouge_l"]), ("retain", [])):
            keys = [f"{split}/text_qa/{key}" for key in [*rouge, "probability"]]
            keys.append(f"{split}/text_qa/truth_ratio@{definition}")
            harmonic = len(keys) / sum(1 / scores[key] for key in keys)
            assert scores[f"{split}@{definition}"] == pytest.approx(harmonic)


def test_the_forget_quality_of_clears_code_goes_by_the_order_of_captions():
    gold = suite(MULTIMODAL)
    named = [replace(r, paraphrase_loss=9.0) if r.task == "face_naming" else r for r in gold]
    mixed = [gold[1], gold[0], *gold[2:]]
    scaled = [replace(r, paraphrase_loss=r.paraphrase_loss + 1) for r in gold]
    found = [score_records(r, gold)["forget_quality_js@official"] for r in (named, mixed, scaled)]
    assert found == [1, pytest.approx(0.8, abs=0.2), pytest.approx(1)]
    assert found[1] < 1
    infinite = [replace(r, perturbed_losses=(math.inf, math.inf)) for r in gold]
    assert "forget_quality_js@official" not in score_records(infinite, gold)


def test_truth_ratio_is_defined_where_probabilities_are_0():
    impossible = replace(record(), paraphrase_loss=math.inf)
    both = replace(impossible, perturbed_losses=(math.inf, math.inf))
    none_false = replace(record(), perturbed_losses=(math.inf, math.inf))
    assert log_truth_ratios([impossible, both, none_false]) == [math.inf, 0, -math.inf]


def test_accuracy_does_not_reward_remembered_wording_or_ties():
    remembered = record(p=0.99, paraphrase=0.1, perturbed=(0.2, 0.05))
    tie = record(paraphrase=0.3, perturbed=(0.3, 0.1))
    right = record(paraphrase=0.3, perturbed=(0.2, 0.1))
    assert accuracy([remembered, tie, right, right]) == 0.5


def test_the_headline_of_a_multimodal_suite_leaves_text_qa_out_and_a_text_suite_is_made_of_it():
    assert headline_tasks(DECLARED, ["text_qa", "face_naming", "captions"]) == [
        "captions",
        "face_naming",
    ]
    assert headline_tasks(DECLARED, ["real_faces"]) == ["real_faces"]
    assert headline_tasks(DECLARED, ["text_qa"]) == ["text_qa"]
    assert headline_tasks(DECLARED, ["world_facts", "real_authors"]) == [
        "real_authors",
        "world_facts",
    ]
    assert headline_tasks(DECLARED, ["text_qa", "colours"]) == ["text_qa"]


def test_all_scores_of_a_multimodal_suite():
    scores = score_records(suite(MULTIMODAL), suite(MULTIMODAL))
    expected = {
        *(f"{split}/{task}/{name}" for split, task in MULTIMODAL for name in task_metrics()),
        *model_metrics(),
    }
    # Records without likelihoods, as those of an imported log, can't leave out the end of text.
    told = {key for key in map(Key.parse, expected) if definition_of(str(key)) != "answer_only"}
    # Nor have they tokens; and a caption's metric is of captions alone, a blank's of blanks.
    told = {key for key in told if key.metric not in OF_TOKENS}
    told = {str(key) for key in told if key.metric != "cider_d" or key.task == "captions"}
    # And ranks are of pictures that are asked with several captions.
    told -= {f"{split}/{task}/{name}" for split, task in MULTIMODAL for name in READ}
    left_out = ("/filled", "/generated_probability", "/bleu", "/chrf", *OF_GENERAL)
    told = {key for key in told if not key.endswith(left_out)}
    # Nobody is held out, no groups are asked for, nothing is asked in pairs, no original judges,
    # and no further package is.
    asked_for = (
        "aligned",
        "membership_auc",
        "membership_tpr",
        "membership_distance",
        "privleak",
        "fairness",
    )
    files = {key: metric_of(key).compute.__module__.rpartition(".")[2] for key in told}
    told = {key for key in told if files[key] not in asked_for}
    assert {key for key in scores if "~" not in key} == told
    found = {name for name in task_metrics() if "@" not in name or name in OF_TEXTS}
    others = {"cider_d", "filled", "generated_probability", "bleu", "chrf"}
    assert found == {*OF_LOSSES, *OF_TEXTS, *OF_TOKENS, *READ, *OF_GENERAL, *others}
    rouge, prob, truth = 2 / 3, 0.4, (1 + 0.5 + 1 / 3) / 3
    assert scores["forget/captions/truth_ratio"] == pytest.approx(truth)
    assert scores["forget"] == pytest.approx(3 / (1 / rouge + 1 / prob + 1 / truth))
    assert scores["forget_quality_js"] == scores["forget_quality_ks"] == 1
    assert scores["forget_quality_ks_log10"] == scores["forget_quality_ks_statistic"] == 0


def test_forget_quality_falls_when_only_the_images_are_remembered_and_not_the_texts():
    gold = suite(MULTIMODAL)
    text = [replace(r, paraphrase_loss=9.0) if r.task == "text_qa" else r for r in gold]
    captions = [replace(r, paraphrase_loss=9.0) if r.task == "captions" else r for r in gold]
    assert score_records(text, gold)["forget_quality_js"] == 1
    assert score_records(captions, gold)["forget_quality_js"] < 1


def test_a_metric_that_lacks_its_task_is_absent_and_not_guessed():
    tasks = [("forget", "text_qa"), ("retain", "text_qa")]
    scores = score_records(suite(tasks), suite(tasks))
    assert {"forget", "retain"} <= scores.keys()
    assert not {"real", "model_utility"} & scores.keys()
    only_retain = score_records(suite([("retain", "captions")]), suite([("retain", "captions")]))
    assert not any(key.startswith("forget") for key in only_retain)


def test_a_task_without_perturbed_answers_has_only_the_metrics_that_need_none():
    tasks = [("retain", "text_qa"), ("real", "real_faces"), ("forget", "captions")]
    sample = suite(tasks, perturbed=())
    scores = score_records(sample, sample)
    of_texts = [f"{split}/{task}/{name}" for split, task in tasks for name in OF_TEXTS]
    assert {key for key in scores if "~" not in key} == {
        *of_texts,
        "retain/text_qa/probability",
        "retain/text_qa/probability@official",
        "forget/captions/cider_d",
        "forget/captions/probability",
        "forget/captions/probability@official",
    }


@pytest.mark.parametrize("field", ["answer_loss", "paraphrase_loss", "perturbed_losses"])
def test_a_nan_loss_is_told_with_its_sample(field):
    sample = suite(MULTIMODAL)
    damaged = [*sample]
    damaged[4] = replace(
        sample[4], **{field: (0.1, math.nan) if field == "perturbed_losses" else math.nan}
    )
    for arguments in [(damaged, sample), (sample, damaged)]:
        with pytest.raises(UserError, match="forget/face_naming/2: a loss is NaN"):
            score_records(*arguments)


def test_no_records_are_told():
    for arguments in [([], suite(MULTIMODAL)), (suite(MULTIMODAL), [])]:
        with pytest.raises(UserError, match="no record"):
            score_records(*arguments)
    for metric in task_metrics().values():
        with pytest.raises(UserError, match="no record"):
            metric([])


def test_a_sample_that_lost_its_perturbed_answers_is_told():
    sample = suite(MULTIMODAL)
    sample[1] = replace(sample[1], perturbed_losses=())
    with pytest.raises(UserError, match="forget/captions/2: has no perturbed answer"):
        score_records(sample, sample)


def test_a_gold_model_of_another_forget_size_is_refused():
    sample = suite(MULTIMODAL)
    with pytest.raises(UserError, match="forget/captions: the gold model was evaluated on other"):
        score_records(sample, sample[1:])


def test_thousands_of_samples_give_finite_scores_even_where_the_p_value_underflows():
    gold = [
        replace(record(id=str(i)), paraphrase_loss=i / 4000, answer="a", generated="a")
        for i in range(4000)
    ]
    unlearned = [replace(r, paraphrase_loss=r.paraphrase_loss + 50) for r in gold]
    scores = score_records(unlearned, gold)
    assert scores["forget_quality_js"] == scores["forget_quality_ks"] == 0
    assert scores["forget_quality_ks_statistic"] == 1
    assert scores["forget_quality_ks_log10"] == math.log10(LEAST_P)


def test_a_metric_is_found_by_its_file(bring):
    bring(
        "length",
        "from clearbench.metrics.base import task_metric\n"
        "@task_metric(low=0, high=9, better='up', better_on_forget='down')\n"
        "def length(records):\n    '''Samples.'''\n    return [3.0 for _ in records]\n",
    )
    assert score_records(suite(MULTIMODAL), suite(MULTIMODAL))["forget/captions/length"] == 3
    assert metric_of("forget/captions/length").doc == "Samples."


def test_a_metric_that_gives_not_a_number_a_sample_is_told(bring):
    bring(
        "length",
        "from clearbench.metrics.base import task_metric\n"
        "@task_metric(low=0, high=9, better='up', better_on_forget='down')\n"
        "def length(records):\n    return [1.0]\n",
    )
    with pytest.raises(UserError, match="length: gives 1 numbers of 3 samples"):
        score_records(suite(MULTIMODAL), suite(MULTIMODAL))


def test_a_copied_metric_that_keeps_its_name_is_told(bring):
    bring(
        "zz_copied",
        "from clearbench.metrics.base import task_metric\n"
        "@task_metric(low=0, high=1, better='up', better_on_forget='up')\n"
        "def accuracy(records):\n    return 1.0\n",
    )
    with pytest.raises(UserError, match="metric zz_copied: metric accuracy is defined"):
        task_metrics()


@pytest.fixture
def bring(monkeypatch, tmp_path):
    """Add a file to the metrics for one test, from a package that is installed beside this one."""

    def add(name, text):
        install(monkeypatch, tmp_path, {f"{name}.py": text}, {"metrics": {name: name}})

    return add


def test_a_table_can_ask_any_key_for_its_direction_and_every_metric_says_what_it_is():
    assert better("retain/captions/rouge_l") == better("model_utility") == "up"
    assert better("forget/captions/rouge_l") == better("forget") == "down"
    assert better("forget_quality_ks_statistic") == "down"
    for metric in [*task_metrics().values(), *model_metrics().values()]:
        assert metric.doc
        assert metric.low < metric.high
    with pytest.raises(UserError, match="forget/captions/meteor: no metric has this name"):
        better("forget/captions/meteor")


def test_looking_metrics_up_stays_cheap():
    code = (
        "import sys; from clearbench.metrics import model_metrics; model_metrics();"
        "sys.exit(bool({'scipy', 'rouge_score', 'nltk', 'torch', 'numpy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
