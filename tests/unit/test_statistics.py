"""Intervals and ranks: what a reader may take for a difference, and what only for noise."""

import math
import random
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from clearbench.evaluation.logs import read_log
from clearbench.evaluation.records import Record
from clearbench.graph import TABLES
from clearbench.metrics import task_metrics
from clearbench.metrics.base import Evaluation
from clearbench.metrics.bootstrap import drawn_scores
from clearbench.metrics.score import SCORES, score_records
from clearbench.provenance.tree import Tree
from clearbench.tables.base import make_entry, score_column
from clearbench.tables.difference import exceeds
from clearbench.tables.read import read_results
from synthetic import Made, SyntheticTree, draw_scores, write_suite

HEADLINE = ("real", "retain", "forget", "forget_quality_js")


def records(seed=0, size=200, right=0.7):
    """Captions of three splits; the true answer is the likeliest in a share of them."""
    draw = random.Random(seed)
    return [
        Record(
            split=split,
            task="captions",
            id=f"{number:04}",
            answer="a red hat",
            generated=draw.choice(["a red hat", "a hat", "no"]),
            answer_loss=draw.uniform(0.2, 2),
            paraphrase_loss=0.5 if number < right * size else 1.5,
            perturbed_losses=(1.0, draw.uniform(1, 2)),
        )
        for split in ("forget", "retain", "real")
        for number in range(size)
    ]


def ends(scores, key):
    return scores[f"{key}~low"], scores[f"{key}~high"]


def test_the_interval_of_a_share_is_that_of_the_binomial_distribution():
    low, high = ends(score_records(records(), records(1)), "forget/captions/accuracy")
    half = 1.96 * math.sqrt(0.7 * 0.3 / 200)
    assert (low, high) == (pytest.approx(0.7 - half, abs=0.01), pytest.approx(0.7 + half, abs=0.01))


def test_the_interval_of_a_mean_is_that_of_its_standard_error():
    sample = records()
    low, high = ends(score_records(sample, sample), "retain/captions/probability")
    values = [math.exp(-record.answer_loss) for record in sample if record.split == "retain"]
    half = 1.96 * np.std(values) / math.sqrt(len(values))
    assert high - low == pytest.approx(2 * half, rel=0.1)
    assert low < np.mean(values) < high


@pytest.mark.parametrize("key", [*HEADLINE, "model_utility"])
def test_more_samples_narrow_an_interval_and_it_holds_the_score(key):
    few, many = (score_records(records(0, size), records(1, size, 0.5)) for size in (50, 800))
    width_of_few, width_of_many = (high - low for low, high in (ends(few, key), ends(many, key)))
    assert width_of_many < 0.5 * width_of_few
    for scores in (few, many):
        low, high = ends(scores, key)
        assert low <= scores[key] <= high


def test_a_model_like_its_gold_has_no_noise_for_the_samples_are_drawn_for_both():
    scores = score_records(records(), records())
    assert ends(scores, "forget_quality_js") == (1, 1)


def drawn_again(sample, weights):
    """The records as often as they are drawn, under ids of their own."""
    return [
        replace(record, id=f"{record.id} {number}")
        for task, times in weights.items()
        for record, count in zip(of_task(sample, task), times, strict=True)
        for number in range(int(count))
    ]


def of_task(sample, task):
    return [record for record in sample if (record.split, record.task) == task]


@pytest.mark.parametrize("infinite", [False, True], ids=["finite", "infinite losses"])
@pytest.mark.parametrize("tasks", [("captions", "face_naming", "text_qa"), ("text_qa",)])
def test_a_drawn_score_is_the_score_of_the_drawn_samples_under_every_definition(tasks, infinite):
    sample, gold = (
        [replace(record, task=task) for task in tasks for record in drawn]
        for drawn in (records(0, 20), records(1, 20, 0.4))
    )
    if infinite:
        sample[3] = replace(sample[3], perturbed_losses=(math.inf, 1.0))
        sample[5] = replace(sample[5], paraphrase_loss=math.inf)
    scores = score_records(sample, gold)
    names = [(split, task) for split in ("forget", "retain", "real") for task in sorted(tasks)]
    groups = {name: of_task(sample, name) for name in names}
    draw = np.random.default_rng(0)
    weights = {name: draw.multinomial(20, [1 / 20] * 20, size=5) * 1.0 for name in names}
    values = {
        task: {
            name: found
            for name, metric in task_metrics().items()
            if (found := metric.values(group)) is not None
        }
        for task, group in groups.items()
    }
    found = drawn_scores(Evaluation(scores, sample, gold), groups, values, weights)
    without = {key for key in scores if "~" not in key} - set(found)
    assert {key.partition("@")[0] for key in without} == {"forget_quality_ks"}
    for number in range(5):
        chosen = {task: times[number] for task, times in weights.items()}
        expected = score_records(drawn_again(sample, chosen), drawn_again(gold, chosen))
        for key, drawn in found.items():
            if math.isnan(drawn[number]):
                assert key not in expected
            else:
                assert drawn[number] == pytest.approx(expected[key], rel=1e-9, abs=1e-12), key


def test_every_score_has_an_interval_that_holds_it_but_for_p(shared):
    folder = shared / "fixtures/tofu_eval_logs"
    names = ("llama2-7b_full.json.gz", "llama2-7b_retain90.json.gz")
    scores = score_records(*(read_log(folder / name) for name in names))
    for key, score in scores.items():
        if "~" not in key and key.partition("@")[0] != "forget_quality_ks":
            low, high = ends(scores, key)
            assert low <= score <= high, key
    # That of TOFU's own number: some 6 in the exponent, of 300 samples.
    assert ends(scores, "forget_quality_ks_log10@tofu") == pytest.approx((-27.1, -15.5), abs=0.1)


def test_samples_alike_leave_nothing_to_draw():
    same = [replace(record, **SAME) for record in records()]
    scores = score_records(same, same)
    for key in ("forget", "retain/captions/truth_ratio", "real/captions/rouge_l"):
        assert ends(scores, key) == pytest.approx((scores[key], scores[key]), abs=1e-6)


SAME = {
    "generated": "a hat",
    "answer_loss": 0.5,
    "paraphrase_loss": 0.5,
    "perturbed_losses": (1.0, 2.0),
}


@pytest.fixture
def tree(tmp_path):
    suite = write_suite(tmp_path, methods={"ga": {}, "gd": {}, "kl": {}}, modalities=["text"])
    return SyntheticTree(suite, tmp_path / "results/small")


def scored(tree, real):
    """The suite with the real score of each method's three seeds."""
    states = {}
    for method, numbers in real.items():
        for seed, number in enumerate(numbers):
            run = f"{method}/text/forget10/seed{seed}"
            text = pd.Series({**draw_scores(run), "real": number}).to_json()
            states[f"score/{run}"] = Made(files={SCORES: text})
    return tree.build(states)


def test_the_interval_over_seeds_is_students(tree):
    scored(tree, {"ga": [0.4, 0.5, 0.7]})
    frame = pd.read_csv(tree.root / TABLES / "comparison.csv")
    (found,) = frame[(frame.method == "ga") & (frame.metric == "real")].itertuples()
    expected = stats.t.interval(0.95, 2, found.mean, stats.sem([0.4, 0.5, 0.7]))
    assert (found.low, found.high) == pytest.approx(expected)


def ranks(tree):
    text = (tree.root / TABLES / "ranking.md").read_text()
    rows = [line.split("|")[1:3] for line in text.splitlines() if line.startswith("| ")]
    return {name.strip(): real.split()[-1] for name, real in rows[1:]}


def test_methods_within_each_others_noise_share_a_rank(tree):
    scored(tree, {"ga": [0.50, 0.51, 0.52], "gd": [0.51, 0.50, 0.53], "kl": [0.1, 0.11, 0.12]})
    assert ranks(tree) == {"ga": "1=", "gd": "1=", "kl": "3"}


def test_methods_beyond_it_do_not(tree):
    scored(tree, {"ga": [0.30, 0.31, 0.32], "gd": [0.81, 0.80, 0.83], "kl": [0.1, 0.11, 0.12]})
    assert ranks(tree) == {"gd": "1", "ga": "2", "kl": "3"}


def test_a_method_that_diverged_has_no_rank_and_takes_none(tree):
    states = {
        f"unlearn/ga/text/forget10/seed{seed}": Made(status="diverged", step=3) for seed in range(3)
    }
    tree.build(states)
    text = (tree.root / TABLES / "ranking.md").read_text()
    assert "| ga [" in text
    assert "diverged (step 3)" in text


def test_one_seed_is_ranked_by_its_interval_over_samples(tmp_path):
    suite = write_suite(tmp_path, methods={"ga": {}, "gd": {}}, modalities=["text"], seeds=[0])
    tree = SyntheticTree(suite, tmp_path / "results/small", records=True).build()
    results = read_results(tree.graph, Tree(tree.root))
    groups = {group.method: group for group in results.groups}
    one, other = (
        make_entry(results, groups[method], score_column("real", "real")) for method in ("ga", "gd")
    )
    scores = score_records(
        tree.records("ga/text/forget10/seed0"), tree.records("gold/forget10/seed0")
    )
    assert one.interval == ends(scores, "real")
    # A handful of samples: nobody is ahead.
    assert not exceeds(one, other)
    assert not exceeds(other, one)
    assert (
        "Noise ceiling of forget quality, that of another gold"
        in (tree.root / TABLES / "ranking.md").read_text()
    )
