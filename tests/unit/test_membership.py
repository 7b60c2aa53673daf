"""Attacks on membership: their scores by hand and of others, and what they tell of persons."""

import json
import math
import zlib

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from clearbench.errors import UserError
from clearbench.evaluation.answer_tokens import answer_tokens
from clearbench.evaluation.records import Likelihood, Record
from clearbench.evaluation.tokens import Tokens
from clearbench.metrics.membership import (
    ATTACKS,
    auc,
    loss,
    min_k,
    min_k_plus_plus,
    packed_length,
    scores_of_persons,
    true_positive_rate,
)
from published import DATA

CASES = json.loads((DATA / "memorisation.json").read_text())["samples"]
scores = st.lists(st.floats(-50, 50) | st.just(math.inf), min_size=1, max_size=30)


def record(tokens, text="a red hat", **changes):
    *own, end = tokens.log_p
    parts = [Likelihood(math.fsum(own), len(own), end)] * 2
    asked = {"split": "forget", "task": "text_qa", "id": "1", "answer": text, "generated": ""}
    return Record.measured(parts, **{**asked, **changes}, tokens=tokens)


def tokens(*log_p):
    many = len(log_p)
    return Tokens(log_p, (True,) * many, (-1.0,) * many, (0.25,) * many)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{len(case['tokens'])} tokens")
def test_attacks_are_those_of_others(case):
    logits = torch.tensor(case["logits"], dtype=torch.float64)
    told = record(answer_tokens(logits, torch.tensor(case["tokens"])), case["text"])
    computed = {"loss": ATTACKS["loss"](told), "zlib": ATTACKS["zlib"](told)}
    for share in (0.2, 0.4):
        computed[f"min_k@{share}"] = min_k(told, share)
        computed[f"min_k_plus_plus@{share}"] = min_k_plus_plus(told, share)
    expected = {name: case["values"][name] for name in computed}
    assert computed == pytest.approx(expected, abs=1e-9)


def test_min_k_goes_by_the_least_likely_tokens_one_at_the_least():
    told = record(tokens(-5.0, -0.1, -3.0, -0.2, -0.3))
    assert min_k(told) == pytest.approx(4)
    assert min_k(told, 0.1) == 5
    assert min_k(told, 1) == pytest.approx(loss(told))
    # (log p + 1) / 0.5 each.
    assert min_k_plus_plus(told) == pytest.approx(6)
    for share in (0, 1.5):
        with pytest.raises(UserError, match="allowed: above 0, to 1"):
            min_k(told, share)


def test_the_end_of_text_can_be_left_out_of_all_attacks():
    told = record(tokens(-1.0, -1.0, -9.0))
    without = told.without_end()
    assert [attack(without) for attack in (loss, min_k)] == [1, 1]
    assert min_k_plus_plus(without) == pytest.approx(0)


def test_a_token_that_the_model_is_sure_of_divides_by_no_0():
    sure = Tokens((0.0, -1.0), (True, True), (0.0, 0.0), (0.0, 0.0))
    assert min_k_plus_plus(record(sure)) == pytest.approx(1000)


def test_zlib_counts_the_bytes_of_the_answer():
    assert packed_length("é" * 50) == len(zlib.compress(("é" * 50).encode())) < 50


def test_a_person_counts_once_whatever_the_number_of_samples():
    sample = [record(tokens(-p, -p), person=who) for p, who in ((1, "a"), (3, "a"), (5, "b"))]
    assert scores_of_persons(sample, loss) == {"a": pytest.approx(2), "b": pytest.approx(5)}
    alone = [record(tokens(-1.0), id=str(number)) for number in range(2)]
    assert scores_of_persons(alone, loss) == {"forget/text_qa/0": 1, "forget/text_qa/1": 1}


def test_records_without_tokens_have_no_score_of_these():
    old = Record("forget", "text_qa", "1", "a", "a", 1.0, 1.0, ())
    assert {name: attack(old) for name, attack in ATTACKS.items()} == {
        "loss": 1,
        "zlib": 1 / packed_length("a"),
        "min_k": None,
        "min_k_plus_plus": None,
        "gradient": None,
        "gradient_of_tensors": None,
    }
    assert scores_of_persons([record(tokens(-1.0)), old], min_k) is None


@given(scores, scores)
def test_the_auc_is_that_of_the_rank_test_and_turns_with_the_sides(strangers, forgotten):
    value = auc(strangers, forgotten)
    assert 0 <= value <= 1
    assert value + auc(forgotten, strangers) == pytest.approx(1)
    pairs = len(strangers) * len(forgotten)
    statistic = stats.mannwhitneyu(strangers, forgotten, method="asymptotic").statistic
    assert value == pytest.approx(statistic / pairs)
    assert auc(strangers, strangers) == pytest.approx(0.5)


@given(scores, scores, st.floats(0, 0.99))
def test_no_more_strangers_are_taken_for_members_than_allowed(strangers, forgotten, share):
    assert 0 <= true_positive_rate(strangers, forgotten, share) <= 1
    assert true_positive_rate(strangers, strangers, share) <= share
    assert true_positive_rate(strangers, forgotten, share) >= true_positive_rate(
        strangers, forgotten, 0
    )


def test_members_that_are_evident_are_all_found():
    strangers, forgotten = [float(i) for i in range(100)], [0.5, 0.7, 2.0, -1.0]
    assert true_positive_rate(strangers, forgotten) == 3 / 4
    assert true_positive_rate(strangers, forgotten, 0.0) == 1 / 4
    assert auc([5.0, 6.0], [1.0, 2.0]) == 1


@pytest.mark.parametrize("measure", [auc, true_positive_rate])
def test_no_score_and_a_nan_are_told(measure):
    for sides in (([], [1.0]), ([1.0], [])):
        with pytest.raises(UserError, match="no score of"):
            measure(*sides)
    with pytest.raises(UserError, match="a score of the forgotten is NaN"):
        measure([1.0], [math.nan])
