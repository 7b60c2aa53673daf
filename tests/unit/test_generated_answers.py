"""What is said of greedy answers by their words: captions by CIDEr-D, repetition, length."""

import math
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearbench.evaluation.records import Likelihood, Record, fields_of, parse_record
from clearbench.metrics.cider import cider_d
from clearbench.metrics.fluency import distinct_ngrams, generated_probability, length_ratio

TRUE = ["Ada Ash walks by the old mill", "Ben Low reads by the red door", "Eva Fox sits by the sea"]
WORDS = ["ada", "ash", "by", "the", "sea", "red"]
texts = st.lists(st.sampled_from(WORDS), max_size=9).map(" ".join)


def records(generated, answers=TRUE, task="captions"):
    pairs = zip(answers, generated, strict=True)
    return [
        Record("forget", task, str(number), answer, said, 1.0, 1.0, ())
        for number, (answer, said) in enumerate(pairs)
    ]


def by_hand(generated, answers):
    """CIDEr-D by its formula, one caption after another."""
    found = []
    for said, true in zip(generated, answers, strict=True):
        total = 0.0
        for n in range(1, 5):

            def weights(text, n=n):
                counts = Counter(grams(text, n))
                df = {gram: sum(gram in grams(other, n) for other in answers) for gram in counts}
                return {g: c * math.log(len(answers) / max(1, df[g])) for g, c in counts.items()}

            h, r = weights(said), weights(true)
            norm = math.sqrt(sum(x * x for x in h.values()) * sum(x * x for x in r.values()))
            if norm:
                total += sum(min(h.get(g, 0), r[g]) * r[g] for g in r) / norm
        apart = len(said.split()) - len(true.split())
        found.append(10 * total / 4 * math.exp(-(apart**2) / 72))
    return found


def grams(text, n):
    words = text.lower().split()
    return [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]


@given(st.lists(st.tuples(texts, texts), min_size=1, max_size=5))
def test_cider_is_its_formula_and_at_its_highest_for_a_copy(pairs):
    said, true = zip(*pairs, strict=True)
    found = cider_d.values(records(said, true))
    assert found == pytest.approx(by_hand(said, true), abs=1e-9)
    copies = cider_d.values(records(true, true))
    assert all(value <= copy + 1e-9 for value, copy in zip(found, copies, strict=True))


def test_cider_of_captions_that_are_told_word_by_word_is_10_whatever_capitals_and_marks():
    assert cider_d(records(TRUE)) == pytest.approx(10)
    assert cider_d(records([f"{text.upper()}!" for text in TRUE])) == pytest.approx(10)


def test_cider_goes_by_what_tells_captions_apart():
    # What all captions say counts for nothing, another's name for less than the own one.
    common, other, own = (
        cider_d.values(records([text, *TRUE[1:]]))[0]
        for text in ("by the", "Ben Low reads by the old mill", "Ada Ash reads by the old mill")
    )
    assert 0 == common < other < own < 10


def test_cider_is_of_captions_alone():
    assert cider_d(records(TRUE, task="text_qa")) is None


def test_a_loop_is_told_from_a_sentence():
    said = ["the mill the mill the mill the mill", "ada ash walks by the old mill", "the mill", ""]
    values = distinct_ngrams.values(records(said, ["x"] * 4))
    assert values == pytest.approx([2 / 5, 1, 1, 0])


def test_a_copy_of_the_true_answer_is_as_long_and_silence_has_no_length():
    assert length_ratio(records(TRUE)) == 1
    assert length_ratio.values(records(["", "Ben Low", "x " * 18])) == pytest.approx([0, 2 / 7, 3])
    assert length_ratio(records(["two words"], ["…"])) == 2


@pytest.mark.parametrize(
    ("metric", "copy"), [(cider_d, 10), (distinct_ngrams, 1), (length_ratio, 1)]
)
def test_words_of_any_script_count(metric, copy):
    answers = ["赤い帽子の男", "青い服の女", "猫と犬がいる"]
    assert metric(records(answers, answers)) == pytest.approx(copy)


def test_what_the_original_finds_of_answers_is_a_probability_a_token():
    told = [Likelihood(-2.0, 3, -1.0), Likelihood(0.0, 0, -0.5), Likelihood(-1.0, 1, -math.inf)]
    judged = [
        replace(record, generated_likelihood=likelihood)
        for record, likelihood in zip(records(["a", "", "b"]), told, strict=True)
    ]
    values = generated_probability.values(judged)
    assert values == pytest.approx([math.exp(-3 / 4), math.exp(-0.5), 0])
    # Where the original was not asked there is none, and records are what they were.
    assert generated_probability.values([*judged[:2], *records(["a"] * 3)[:1]]) is None
    assert "generated_likelihood" not in fields_of(records(["a"] * 3)[0])
    for record in judged:
        assert parse_record(fields_of(record)) == record
