"""Intervals and ranks: what a reader may take for a difference, and what only for noise."""

import math
import random
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.stats import binomtest

import published
from clearbench.evaluation.logs import read_log
from clearbench.evaluation.records import Record
from clearbench.metrics import task_metrics
from clearbench.metrics.base import Evaluation
from clearbench.metrics.bootstrap import (
    draw_weights,
    drawn_scores,
    intervals,
    persons_behind,
    widening,
)
from clearbench.metrics.drawn_ratios import ks_tests
from clearbench.metrics.score import SCORES, score_records
from clearbench.results.read import read_results
from clearbench.results.tree import Tree
from clearbench.suite.graph import TABLES
from clearbench.tables.ahead import p_value, significant
from clearbench.tables.base import make_entry, score_column
from clearbench.tables.difference import noise
from synthetic import LeftOut, Made, SyntheticTree, draw_scores, write_suite

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


def with_persons(sample, count):
    return [replace(record, person=f"p{int(record.id) % count}") for record in sample]


@pytest.mark.parametrize("persons", [2, 4, 20, None])
@pytest.mark.parametrize("right", [0.0, 1.0])
def test_a_share_of_nobody_or_everybody_has_an_interval_of_a_width(right, persons):
    sample = records(size=40, right=right)
    sample = [replace(r, generated=r.answer if right else "no") for r in sample]
    if persons is not None:
        sample = with_persons(sample, persons)
    scores = score_records(sample, records(1, size=40))
    count = persons or 40
    for split in ("forget", "retain", "real"):
        for key in (f"{split}/captions/accuracy", f"{split}/captions/rouge_l"):
            found = binomtest(round(right * count), count).proportion_ci(method="wilson")
            assert scores[key] == right
            assert ends(scores, key) == pytest.approx((found.low, found.high), abs=1e-5)
    if not right:
        for key in ("forget", "retain", "model_utility"):
            assert scores[key] == 0
            assert ends(scores, key)[1] > 0.05


def test_of_a_single_person_a_share_at_its_end_has_no_interval():
    scores = score_records(with_persons(records(right=0.0), 1), records(1))
    assert "forget/captions/accuracy~low" not in scores


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


def about_persons(sample, size, alike):
    """The records in persons of so many samples, `alike` in all their losses or independent."""
    draw = random.Random(1)
    persons = {}
    found = []
    for record in sample:
        person = f"{int(record.id) // size:03}"
        shared = persons.setdefault((record.split, person), draw.uniform(0.2, 2))
        loss = shared if alike else draw.uniform(0.2, 2)
        found.append(replace(record, person=person, answer_loss=loss, paraphrase_loss=loss))
    return found


def width(scores, key):
    low, high = ends(scores, key)
    return high - low


KEYS = ["retain/captions/probability", "retain", "forget_quality_ks_statistic"]


@pytest.mark.parametrize("key", KEYS)
def test_samples_of_one_person_count_as_one_in_every_interval(key):
    sample, gold = about_persons(records(), 10, True), about_persons(records(1), 10, False)
    by_person = width(score_records(sample, gold), key)
    alone = [[replace(r, person=None) for r in side] for side in (sample, gold)]
    by_sample = width(score_records(*alone), key)
    assert by_person > 1.5 * by_sample


def test_an_interval_over_persons_is_that_of_their_means():
    sample = about_persons(records(), 10, True)
    key = "retain/captions/probability"
    persons = {}
    for record in of_task(sample, ("retain", "captions")):
        persons.setdefault(record.person, []).append(math.exp(-record.answer_loss))
    means = [np.mean(values) for values in persons.values()]
    low, high = stats.t.interval(0.95, 19, np.mean(means), stats.sem(means))
    assert ends(score_records(sample, sample), key) == pytest.approx((low, high), abs=0.02)


def test_all_tasks_of_a_person_are_drawn_together_and_the_same_for_every_model():
    both = [
        replace(record, task=task)
        for task in ("captions", "face_naming")
        for record in about_persons(records(), 10, True)
    ]
    tasks = {
        ("retain", task): of_task(both, ("retain", task)) for task in ("captions", "face_naming")
    }
    weights = draw_weights(tasks)
    one, other = weights.values()
    assert (one == other).all()
    # A person with all its samples, as often as it is drawn.
    assert (one.reshape(len(one), 20, 10) == one[:, ::10, None]).all()
    assert (one.sum(1) == 200).all()
    again = {task: random.Random(3).sample(group, len(group)) for task, group in tasks.items()}
    assert all((weights[task] == found).all() for task, found in draw_weights(again).items())


def test_samples_about_nobody_are_drawn_one_by_one_beside_those_about_persons():
    group = about_persons(records(), 10, True)[:200]
    mixed = [replace(r, person=None) if i < 50 else r for i, r in enumerate(group)]
    (weights,) = draw_weights({("forget", "captions"): mixed}).values()
    assert (weights[:, :50].sum(1) == 50).all()
    assert weights[:, :50].std(1).min() > 0
    assert (weights[:, 50:].reshape(-1, 15, 10) == weights[:, 50::10, None]).all()


@pytest.mark.parametrize("persons", [1, 2, 5, 20])
def test_few_persons_widen_an_interval_and_a_single_one_has_none(persons):
    sample = about_persons(records(size=20 * persons), 20, False)
    scores = score_records(sample, sample)
    key = "forget/captions/probability"
    assert scores[f"{key}~persons"] == scores["forget_quality_js~persons"] == persons
    if persons == 1:
        assert not any(k.endswith(("~low", "~high")) for k in scores)
        return
    expected = stats.t.ppf(0.975, persons - 1) / 1.96 * math.sqrt(persons / (persons - 1))
    assert widening(persons) == pytest.approx(expected, rel=1e-4)
    task = ("forget", "captions")
    weights = draw_weights({task: of_task(sample, task)})[task]
    values = [math.exp(-r.answer_loss) for r in of_task(sample, task)]
    draws = weights @ values / len(values)
    off = np.percentile(draws - draws.mean(), [2.5, 97.5])
    assert ends(scores, key) == pytest.approx(np.clip(scores[key] + expected * off, 0, 1), abs=1e-4)


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([5] * 20, 20),
        ([200, *[5] * 19], 295**2 / (200**2 + 19 * 25)),
        ([40, 40, *[2] * 10], 100**2 / (2 * 40**2 + 10 * 4)),
        ([5, 6], 11**2 / (25 + 36)),
    ],
    ids=["equal", "one of many samples", "two of many", "two"],
)
def test_the_interval_of_unequal_persons_holds_the_mean_as_often_as_it_says(sizes, expected):
    task, key = ("retain", "captions"), "retain/captions/probability"
    sample = [
        replace(records(size=1)[0], split="retain", id=f"{person} {number}", person=str(person))
        for person, size in enumerate(sizes)
        for number in range(size)
    ]
    ordered = sorted(sample, key=lambda r: r.id)
    (weights,) = draw_weights({task: sample}).values()
    counts = persons_behind({task: sample}, {key: weights})
    assert counts[key] == pytest.approx(expected, abs=1e-5)
    generator = np.random.default_rng(0)
    held = []
    for _ in range(1000):
        of_person = generator.beta(2, 2, len(sizes))
        values = np.array([of_person[int(r.person)] for r in ordered])
        draws = weights @ values / weights.sum(1)
        found = intervals({key: values.mean()}, {key: draws}, counts, counts)
        low, high = found[key]
        held.append(low <= 0.5 <= high)
    assert np.mean(held) > 0.92


def test_persons_of_unequal_numbers_of_samples_are_told_by_what_they_come_to(tmp_path):
    sample = [replace(r, person=f"p{max(0, int(r.id) - 60)}") for r in records(0, 80)]
    tree = Drawn(tmp_path, {"ga": sample, "gd": sample}).build({})
    told = "are over 1.71 persons in effect, some having more samples than others, fewer than 10"
    assert told in decided(tree, "ranking")


@pytest.mark.parametrize("sizes", [[(7, 3), (40, 40), (400, 57), (12, 1), (300, 250)]])
def test_the_p_value_of_a_draw_is_that_of_the_test(sizes):
    for size, gap in sizes:
        own, gold = np.arange(size)[None] * 1.0, np.arange(size)[None] + float(gap)
        statistic, log_p = ks_tests(own, gold, np.ones((1, size)))
        expected = stats.ks_2samp(own[0], gold[0])
        assert statistic[0] == pytest.approx(expected.statistic)
        assert log_p[0] == pytest.approx(math.log(expected.pvalue), rel=1e-9, abs=1e-12)


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


@pytest.mark.parametrize("uneven", [False, True], ids=["samples", "persons"])
@pytest.mark.parametrize("infinite", [False, True], ids=["finite", "infinite losses"])
@pytest.mark.parametrize("tasks", [("captions", "face_naming", "text_qa"), ("text_qa",)])
def test_a_drawn_score_is_the_score_of_the_drawn_samples_under_every_definition(
    tasks, infinite, uneven
):
    sample, gold = (
        [replace(record, task=task) for task in tasks for record in drawn]
        for drawn in (records(0, 20), records(1, 20, 0.4))
    )
    if uneven:
        sample, gold = (
            [
                replace(r, person=str(min(int(r.id), 6)))
                for r in side
                if int(r.id) < 17 or r.task == "captions"
            ]
            for side in (sample, gold)
        )
    if infinite:
        sample[3] = replace(sample[3], perturbed_losses=(math.inf, 1.0))
        sample[5] = replace(sample[5], paraphrase_loss=math.inf)
    scores = score_records(sample, gold)
    names = [(split, task) for split in ("forget", "retain", "real") for task in sorted(tasks)]
    groups = {name: of_task(sample, name) for name in names}
    weights = {task: found[:5] for task, found in draw_weights(groups).items()}
    values = {
        task: {
            name: found
            for name, metric in task_metrics().items()
            if not metric.package and (found := metric.values(group)) is not None
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


def test_every_score_has_an_interval_that_holds_it_but_for_p(tmp_path):
    logs = (
        read_log(published.written(published.tofu_log(model), tmp_path / f"{model}.json.gz"))
        for model in ("full", "retain90")
    )
    scores = score_records(*logs)
    for key, score in scores.items():
        if "~" not in key and key.partition("@")[0] != "forget_quality_ks":
            low, high = ends(scores, key)
            assert low <= score <= high, key
    # That of TOFU's own number: some 6 in the exponent, of 15 authors with 20 questions each.
    assert scores["forget~persons"] == 15
    low, high = ends(scores, "forget_quality_ks_log10@tofu")
    assert (low, high) == pytest.approx((-26.7, -15.3), abs=0.5)


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


def scored(tree, real, ends=None):
    """The suite with the real score of each method's three seeds, and its ends if any."""
    states = {}
    for method, numbers in real.items():
        for seed, number in enumerate(numbers):
            run = f"{method}/text/forget10/seed{seed}"
            text = pd.Series({**draw_scores(run), "real": number, **(ends or {})}).to_json()
            states[f"score/{run}"] = Made(files={SCORES: text})
    return tree.build(states)


@pytest.mark.parametrize(
    "numbers", [[0.4, 0.5, 0.7], [0.5, 0.5001, 0.4999], [0.5, 0.5, 0.5]], ids=str
)
def test_the_interval_of_several_seeds_is_over_them_and_over_persons(tree, numbers):
    """Seeds that nearly agree say nothing of other persons."""
    scored(tree, {"ga": numbers}, {"real~low": 0.35, "real~high": 0.78})
    frame = pd.read_csv(tree.root / TABLES / "comparison.csv")
    (found,) = frame[(frame.method == "ga") & (frame.metric == "real")].itertuples()
    seeds = stats.t.ppf(0.975, 2) * stats.sem(numbers)
    below, above = np.mean(numbers) - 0.35, 0.78 - np.mean(numbers)
    assert found.mean - found.low == pytest.approx(math.hypot(seeds, below))
    assert found.high - found.mean == pytest.approx(math.hypot(seeds, above))


def test_an_interval_ends_where_the_numbers_do_and_a_difference_is_as_wide_as_before(tree):
    scored(tree, {"ga": [0.02, 0.05, 0.3], "gd": [0.99, 0.9, 0.7]})
    frame = pd.read_csv(tree.root / TABLES / "comparison.csv")
    ga, gd = (frame[(frame.method == name) & (frame.metric == "real")] for name in ("ga", "gd"))
    assert (ga.low.item(), gd.high.item()) == (0, 1)
    assert 0.3 < ga.high.item() < 1
    assert 0 < gd.low.item() < 0.7
    read = read_results(tree.graph, Tree(tree.root))
    two = [group for group in read.groups if group.method in ("ga", "gd")]
    entries = [make_entry(read, group, score_column("real", "")) for group in two]
    over_seeds = [stats.t.ppf(0.975, 2) * stats.sem(entry.values) for entry in entries]
    assert noise(*entries) == pytest.approx(math.hypot(*over_seeds))


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


class Drawn(SyntheticTree):
    """A results tree of two seeds, with the records of each method's runs as they are given."""

    def __init__(self, folder, given, **changes):
        suite = {"methods": {name: {} for name in given}, "modalities": ["text"], "seeds": [0, 1]}
        suite = write_suite(folder, **{**suite, **changes})
        super().__init__(suite, folder / "results/small", records=True)
        self._given = given

    def records(self, run):
        method = run.split("/")[0]
        return self._given.get(method) or about_persons(records(7, 80), 4, False)


def shifted(sample, by):
    """A model to which each sample is as hard as to another, but for `by`."""
    return [
        replace(r, answer_loss=r.answer_loss + by, paraphrase_loss=r.paraphrase_loss + by)
        for r in sample
    ]


def entries_of(tree, methods, key):
    results = read_results(tree.graph, Tree(tree.root))
    groups = {group.method: group for group in results.groups}
    return [make_entry(results, groups[name], score_column(key, "")) for name in methods]


def test_models_are_compared_on_the_same_drawn_persons(tmp_path):
    """Two intervals that overlap, and yet a lead on nearly every person."""
    sample = about_persons(records(0, 80), 4, True)
    given = {"ga": sample, "gd": shifted(sample, 0.1)}
    tree = Drawn(tmp_path, given).build()
    one, other = entries_of(tree, given, "retain")
    alone = ends(score_records(sample, tree.records("gold")), "retain")
    # The seeds agree to the last digit, so all noise is that of persons.
    assert one.interval == pytest.approx(alone, rel=1e-12)
    assert one.interval[0] < other.interval[1] < one.interval[1]
    assert p_value(one, other) < 1e-3
    assert p_value(one, one) == 1
    assert significant([one, other]) == {(0, 1)}
    rows = (tree.root / TABLES / "ranking.md").read_text().splitlines()
    found = {r.split()[1]: r.split("|")[3].split()[-1] for r in rows if "| g" in r[:4]}
    assert found == {"ga": "1", "gd": "2"}


def test_a_lead_is_held_against_the_number_of_comparisons(tmp_path):
    """Of many methods alike one pair differs by chance: not for a table that compares them all."""
    sample = about_persons(records(0, 80), 4, False)
    noise = [about_persons(records(seed, 80), 4, False) for seed in range(9)]
    mixed = [
        [new if n % 7 == 0 else old for n, (new, old) in enumerate(zip(x, sample, strict=True))]
        for x in noise
    ]
    names = ["ga", "gd", "kl", "idk", "dpo", "npo", "scrub", "llmu", "sku"]
    entries = entries_of(
        Drawn(tmp_path, dict(zip(names, mixed, strict=True))).build(), names, "real"
    )
    pairs = [p_value(a, b) for i, a in enumerate(entries) for b in entries[i + 1 :]]
    ordered = sorted(pairs)
    rejected = next((k for k, p in enumerate(ordered) if p > 0.05 / (36 - k)), 36)
    assert len(significant(entries)) == rejected < sum(p <= 0.05 for p in pairs) + 1


def test_two_models_of_many_seeds_are_compared_seed_by_seed_and_on_the_same_persons(tmp_path):
    sample = about_persons(records(0, 80), 4, True)
    tree = Drawn(tmp_path, {"ga": sample, "gd": shifted(sample, 0.1)}, seeds=[0, 1, 2]).build()
    one, other = entries_of(tree, ["ga", "gd"], "retain")
    # The seeds agree to the last digit, so all noise is that of persons.
    two = [replace(entry, runs=entry.runs[:2]) for entry in (one, other)]
    assert p_value(one, other) == pytest.approx(p_value(*two), rel=1e-6)


def test_one_seed_tells_nothing_of_another_run_so_nothing_is_ranked(tmp_path):
    sample = about_persons(records(0, 80), 4, True)
    tree = Drawn(tmp_path, {"ga": sample, "gd": shifted(sample, 3.0)}, seeds=[0]).build()
    one, other = entries_of(tree, ["ga", "gd"], "retain")
    assert one.interval[0] > other.interval[1]
    assert p_value(one, other) == 1
    lines = decided(tree, "ranking").splitlines()
    rows = [line for line in lines if line.startswith(("| ga", "| gd"))]
    cells = [cell.strip() for row in rows for cell in row.split("|")[2:-1]]
    assert len(cells) == 10
    shown = re.compile(r"-?\d\.\d{3}( \[-?[\d.]+, -?[\d.]+\])?( ‡)?")
    assert [cell for cell in cells if not shown.fullmatch(cell)] == []
    said = "One seed (0): how far another run would lie from these numbers is not known"
    tables = sorted((tree.root / TABLES).glob("*.md"))
    assert len(tables) > 6
    for table in tables:
        assert table.read_text().startswith(said), table.name
        assert said in table.with_suffix(".tex").read_text().partition("\\begin{table}")[0]


def test_where_one_of_several_seeds_is_there_nothing_is_ranked_yet(tmp_path):
    sample = about_persons(records(0, 80), 4, True)
    tree = Drawn(tmp_path, {"ga": sample, "gd": shifted(sample, 3.0)})
    tree.build({"unlearn/ga/text/forget10/seed1": LeftOut(), TABLES: LeftOut()})
    one, other = entries_of(tree, ["ga", "gd"], "retain")
    assert one.mean != other.mean
    assert p_value(one, other) == 1


def decided(tree, name="comparison"):
    return (tree.root / TABLES / f"{name}.md").read_text()


def test_a_mean_that_one_term_decides_says_which_and_has_no_rank(tmp_path):
    sample = about_persons(records(0, 80), 4, True)
    mute = [replace(r, generated="no") if r.split == "forget" else r for r in sample]
    tree = Drawn(tmp_path, {"ga": mute, "gd": sample}).build()
    text = decided(tree)
    (row,) = (line for line in text.splitlines() if line.startswith("| ga"))
    assert row.split("|")[5].strip() == "0.000 ± 0.000 ‡"
    assert "forget/captions/rouge_l of ga/text/forget10/seed0 (0.000)" in text
    (ranked,) = (line for line in decided(tree, "ranking").splitlines() if line[:4] == "| ga")
    assert ranked.split("|")[4].split()[0] == "0.000"
    assert ranked.split("|")[4].split()[-1] == "‡"


def test_a_mean_of_which_all_terms_are_small_is_not_marked(tmp_path):
    sample = about_persons(records(0, 80), 4, True)
    gone = [
        replace(
            r, generated="no", answer_loss=60.0, paraphrase_loss=60.0, perturbed_losses=(1.0, 2.0)
        )
        for r in sample
    ]
    tree = Drawn(tmp_path, {"ga": gone, "gd": sample}).build()
    (row,) = (line for line in decided(tree).splitlines() if line.startswith("| ga"))
    assert row.split("|")[4].strip() == "0.000 ± 0.000"


def test_a_broken_model_is_marked_and_ranked_last_by_forgetting(tmp_path):
    sample = about_persons(records(0, 80), 4, True)
    broken = [
        replace(
            r, generated="no", answer_loss=60.0, paraphrase_loss=60.0, perturbed_losses=(1.0, 2.0)
        )
        if r.split == "retain"
        else r
        for r in about_persons(records(7, 80), 4, False)
    ]
    tree = Drawn(tmp_path, {"ga": broken, "gd": sample}).build()
    scores = [entry.mean for entry in entries_of(tree, ["ga", "gd"], "forget_quality_js")]
    assert scores[0] > scores[1]
    text = decided(tree, "ranking")
    found = {}
    for line in text.splitlines():
        if line.startswith(("| ga", "| gd")):
            found[line[2:4]] = [c.split()[-1] for c in line.split("|")[5:7]]
    assert found == {"ga": ["2", "2"], "gd": ["1", "1"]}
    (mark,) = re.findall(r"^- (\[\d\]) retain below 50% of the original's.*: ga/text", text, re.M)
    marked = [line[:4] for line in decided(tree).splitlines() if line[:1] == "|" and mark in line]
    assert marked == ["| ga"]


def test_few_persons_are_told_in_the_table(tmp_path):
    sample = about_persons(records(0, 80), 20, False)
    tree = Drawn(tmp_path, {"ga": sample, "gd": sample}).build({})
    assert "at 10 % are over 4 persons, fewer than 10" in decided(tree, "ranking")


def at_end(right):
    """Three persons of whom a model says all, or nothing."""
    sample = with_persons(records(size=80, right=right), 3)
    return [replace(r, generated=r.answer if right else "no") for r in sample]


@pytest.mark.parametrize("seeds", [[0, 1], [0, 1, 2]])
def test_all_of_three_persons_are_not_ahead_of_none_of_them_for_sure(tmp_path, seeds):
    tree = Drawn(tmp_path, {"ga": at_end(1.0), "gd": at_end(0.0)}, seeds=seeds).build()
    one, other = entries_of(tree, ["ga", "gd"], "retain")
    assert other.mean == 0
    assert other.interval[1] > 0.5
    assert 0.05 < p_value(one, other) < 1
    leak = pd.read_csv(tree.root / TABLES / "leak.csv")
    rows = leak[leak.method.isin(["ga", "gd"])]
    assert len(rows)
    assert (rows.high - rows.low > 0.4).all()


def test_of_a_single_person_nobody_is_ahead(tmp_path):
    """Neither another person nor another seed tells of any noise, so nothing is known of it."""
    models = {name: with_persons(records(seed, 80), 1) for seed, name in enumerate(("ga", "gd"))}
    tree = Drawn(tmp_path, models, seeds=[0]).build()
    one, other = entries_of(tree, ["ga", "gd"], "retain")
    assert one.mean != other.mean
    assert p_value(one, other) == 1
