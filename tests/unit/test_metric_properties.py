"""What must hold of the metrics for every input, so that a table's ordering can be believed."""

import importlib.util
import json
import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon

from clearbench.data.tasks import Task, together
from clearbench.evaluation.records import Record
from clearbench.evaluation.tokens import Tokens
from clearbench.metrics import metric_of, task_metrics
from clearbench.metrics.accuracy import accuracy
from clearbench.metrics.aggregates import forget, real, retain
from clearbench.metrics.base import Evaluation
from clearbench.metrics.definitions import arithmetic, geometric
from clearbench.metrics.forget_quality_js import aligned_similarity, js_similarity
from clearbench.metrics.forget_quality_ks import ks_test
from clearbench.metrics.headline import TERMS
from clearbench.metrics.probability import probability
from clearbench.metrics.score import score_records
from clearbench.metrics.truth_ratio import (
    log_truth_ratios,
    reported,
    truth_ratio,
)

losses = st.floats(0, 1000) | st.just(math.inf)
ratios = st.floats(1e-6, 1e6)
log_ratio = st.floats(-800, 800) | st.sampled_from([-math.inf, math.inf])
log_ratios = st.lists(log_ratio, min_size=1, max_size=60)
splits = st.sampled_from(["forget", "retain", "real"])
texts = st.text("abc é.", max_size=12)


numbers = st.floats(-100, 0)


@st.composite
def tokens(draw):
    """Of an answer of no token or some, with the end of text."""
    row = st.tuples(numbers, st.booleans(), numbers, st.floats(0, 100))
    rows = draw(st.lists(row, min_size=1, max_size=9))
    return Tokens(*zip(*rows, strict=True))


def records(split: str, task: str = "captions", candidates: bool = True, least: int = 1):
    record = st.builds(
        Record,
        split=st.just(split),
        task=st.just(task),
        id=st.text("0123456789", min_size=1, max_size=3),
        answer=texts,
        generated=texts,
        answer_loss=losses,
        paraphrase_loss=losses,
        perturbed_losses=st.lists(losses, min_size=1, max_size=7).map(tuple)
        if candidates
        else st.just(()),
        tokens=tokens(),
    )
    return st.lists(record, min_size=least, max_size=8)


def reordered(values, seed):
    return random.Random(seed).sample(values, len(values))


def quality(sample, gold):
    """Both measures, higher is better: JS similarity and 1 - KS statistic, and the p-value."""
    statistic, p = ks_test(sample, gold)
    return js_similarity(sample, gold), 1 - statistic, p


@given(log_ratios, st.integers())
def test_forget_quality_is_perfect_for_identical_samples_in_any_order(sample, seed):
    assert quality(sample, reordered(sample, seed)) == (1, 1, 1)


@given(log_ratios, log_ratios, st.integers())
def test_forget_quality_ignores_the_order_of_samples(sample, gold, seed):
    assert quality(reordered(sample, seed), gold) == quality(sample, gold)


@given(log_ratios, log_ratios)
def test_forget_quality_lies_in_0_1_and_is_symmetric(sample, gold):
    forward, backward = quality(sample, gold), quality(gold, sample)
    assert all(0 <= value <= 1 for value in forward)
    assert forward == pytest.approx(backward, rel=1e-12)


@given(log_ratio, st.integers(1, 400), st.integers(1, 400))
def test_forget_quality_is_defined_for_constant_ratios(value, size, gold_size):
    # Sizes too: one sample repeated is the same distribution.
    assert quality([value] * size, [value] * gold_size) == (1, 1, 1)


@given(st.lists(ratios, min_size=1, max_size=60), st.floats(1.5, 1e6), st.booleans())
def test_forget_quality_falls_when_ratios_are_scaled(sample, factor, down):
    step = -math.log(factor) if down else math.log(factor)
    gold = [math.log(ratio) for ratio in sample]
    js, complement, _ = quality([value + step for value in gold], gold)
    assert js < 1
    assert complement < 1


@given(st.lists(ratios, min_size=1, max_size=60), st.floats(0.5, 1e6))
def test_forget_quality_falls_when_ratios_are_shifted(sample, shift):
    """By half the least ratio or more: what R is made of, not how R spreads, sets the scale."""
    gold = [math.log(ratio) for ratio in sample]
    moved = [math.log(ratio + shift * min(sample)) for ratio in sample]
    js, complement, _ = quality(moved, gold)
    assert js < 1
    assert complement < 1


@given(st.integers(), st.integers(80, 400), st.floats(0.1, 1), st.floats(1.5, 3))
def test_the_p_value_falls_when_ratios_like_a_models_are_scaled(seed, size, spread, factor):
    # The spread of log R in the published logs is 0.7 nats; a lone pair of samples has p = 1.
    generator = random.Random(seed)
    gold = [generator.gauss(-0.5, spread) for _ in range(size)]
    assert ks_test([value + math.log(factor) for value in gold], gold)[1] < 1


@given(log_ratios)
def test_forget_quality_is_worst_for_disjoint_samples(sample):
    finite = [max(-700.0, min(700.0, value)) for value in sample]
    js, complement, _ = quality([value + 1500 for value in finite], finite)
    assert (js, complement) == (0, 0)


INSTALLED = [
    metric
    for metric in task_metrics().values()
    if not metric.package or importlib.util.find_spec(metric.package)
]
"""All metrics of a task, but for those of packages that are not there."""


@given(st.data(), splits, st.booleans())
def test_a_task_metric_stays_in_its_range(data, split, candidates):
    sample = data.draw(records(split, candidates=candidates))
    for metric in INSTALLED:
        value = metric(sample)
        assert value is None or metric.low <= value <= metric.high


@given(st.data(), splits, st.integers())
def test_a_task_metric_ignores_the_order_of_samples_and_of_perturbed_answers(data, split, seed):
    sample = data.draw(records(split))
    shuffled = [
        Record(**{**vars(r), "perturbed_losses": tuple(reordered(r.perturbed_losses, seed))})
        for r in reordered(sample, seed)
    ]
    for metric in INSTALLED:
        assert metric(shuffled) == metric(sample)


@given(st.lists(log_ratio, min_size=1))
def test_the_forget_truth_ratio_treats_r_and_its_inverse_alike(sample):
    inverse = [-value for value in sample]
    assert reported("forget", inverse) == reported("forget", sample)


@given(st.lists(losses, min_size=1, max_size=7))
def test_the_arithmetic_mean_probability_is_never_below_the_geometric(perturbed):
    low, high = arithmetic(perturbed), geometric(perturbed)
    assert low <= high or low == pytest.approx(high, rel=1e-12, abs=1e-12)


@given(records("forget"), st.floats(0, 20))
def test_the_truth_ratio_sees_only_differences_of_losses(sample, offset):
    moved = [
        Record(
            **{
                **vars(record),
                "paraphrase_loss": record.paraphrase_loss + offset,
                "perturbed_losses": tuple(loss + offset for loss in record.perturbed_losses),
            }
        )
        for record in sample
    ]
    assert log_truth_ratios(moved) == pytest.approx(log_truth_ratios(sample), abs=1e-9)
    assert truth_ratio(moved) == pytest.approx(truth_ratio(sample), abs=1e-9)


@given(records("real"), st.floats(0.1, 5))
def test_a_less_likely_answer_never_scores_higher(sample, rise):
    worse = [
        Record(
            **{
                **vars(record),
                "answer_loss": record.answer_loss + rise,
                "paraphrase_loss": record.paraphrase_loss + rise,
            }
        )
        for record in sample
    ]
    assert probability(worse) <= probability(sample)
    assert accuracy(worse) <= accuracy(sample)
    assert truth_ratio(worse) <= truth_ratio(sample) + 1e-12


# The inverse of a subnormal number overflows: the harmonic mean takes it for 0.
terms = st.lists(st.floats(0, 1, allow_subnormal=False), min_size=3, max_size=3)


@given(st.sampled_from([real, retain, forget]), st.lists(terms, min_size=1, max_size=3))
def test_an_aggregate_lies_between_its_terms_and_is_0_where_one_is(aggregate, tasks):
    split = aggregate.name
    sample = [Record(split, f"t{i}", "1", "a", "a", 1, 1, (1,)) for i in range(len(tasks))]
    scores = {
        f"{split}/t{i}/{term}": value
        for i, values in enumerate(tasks)
        for term, value in zip(TERMS, values, strict=True)
    }
    kind = {"splits": (split,), "kind": "visual", "headline": True}
    declared = together(*(Task(name=f"t{i}", **kind) for i in range(len(tasks))))
    value = aggregate(Evaluation(scores, sample, sample, declared))
    least, most = min(scores.values()), max(scores.values())
    assert least * (1 - 1e-12) <= value <= most * (1 + 1e-12)
    assert (value == 0) == (least == 0)


def unaligned(scores):
    """The scores without the one that compares sample by sample."""
    return {key: value for key, value in scores.items() if key != "forget_quality_js@official"}


finite_ratios = st.lists(st.floats(-800, 800), min_size=1, max_size=60)


@given(finite_ratios, st.floats(-50, 50), st.integers())
def test_the_aligned_similarity_sees_neither_a_common_order_nor_a_common_factor(
    sample, shift, seed
):
    other = reordered(sample, 1)
    pairs = reordered(list(zip(sample, other, strict=True)), seed)
    value = aligned_similarity(sample, other)
    assert 1 - math.sqrt(math.log(2)) <= value + 1e-12
    assert value <= 1
    moved = [ratio + shift for ratio in sample]
    assert aligned_similarity(moved, other) == pytest.approx(value, abs=1e-6)
    assert aligned_similarity(*zip(*pairs, strict=True)) == pytest.approx(value, abs=1e-6)
    assert aligned_similarity(sample, sample) == 1


@given(finite_ratios, finite_ratios)
def test_the_aligned_similarity_is_that_of_scipy(sample, other):
    size = min(len(sample), len(other))
    one, two = ([max(-300.0, min(300.0, x)) for x in xs[:size]] for xs in (sample, other))
    published = 1 - jensenshannon(np.exp(np.negative(one)), np.exp(np.negative(two)))
    if not math.isnan(published):
        # scipy lets the divergence of equal vectors go below 0, and gives NaN.
        assert aligned_similarity(one, two) == pytest.approx(published, abs=1e-6)


@given(st.data(), st.integers())
def test_all_scores_are_in_range_finite_and_unchanged_by_the_order_of_records(data, seed):
    sample = [
        record
        for split, task in [("forget", "captions"), ("forget", "text_qa"), ("real", "real_faces")]
        for record in data.draw(records(split, task, least=0))
    ]
    sample.extend(data.draw(records("retain", "captions")))
    scores = score_records(sample, reordered(sample, seed))
    assert unaligned(score_records(reordered(sample, seed), sample)) == unaligned(scores)
    assert json.loads(json.dumps(scores, allow_nan=False)) == scores
    for key, value in scores.items():
        assert metric_of(key).low <= value <= metric_of(key).high
