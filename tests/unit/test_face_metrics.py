"""Metrics of faces: closed forms, and what must hold for every input."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t

from clearbench.errors import UserError
from clearbench.evaluation.embeddings import MODEL, Picture, Seen, read_seen, write_seen
from clearbench.evaluation.enrolment import EPSILON, enrol
from clearbench.metrics import face_metrics
from clearbench.metrics.faces import balanced, margin
from clearbench.metrics.score import score_faces
from clearbench.metrics.u_lira import LEAST_DEVIATION, likelihood_ratio
from clearbench.metrics.u_mia import regression

SHADOWS = 8
PICTURES = 4
values = st.floats(-14, 14)
samples = st.lists(values, min_size=1, max_size=20)


def pictures(persons, splits=("forget", "holdout", "retain")):
    """Some persons of each split with their pictures; the first half of the shadows know each."""
    known = tuple(range(0, SHADOWS, 2))
    return [
        Picture(split, f"{split}{person}", f"{split}{person}/{number}", known)
        for split in splits
        for person in range(persons)
        for number in range(PICTURES)
    ]


def drawn(shown, spread, seed, width=64):
    """Unit vectors of pictures: near to a direction of the person's own, by `spread` of a split."""
    generator = np.random.default_rng(seed)
    persons = {picture.person: generator.normal(size=width) for picture in shown}
    vectors = np.stack(
        [
            persons[picture.person] + spread(picture) * generator.normal(size=width)
            for picture in shown
        ]
    )
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def scores(spread, seed=0, persons=12):
    """The scores of a model beside shadow models that hold together the persons they know."""
    shown = pictures(persons)
    asked = [picture for picture in shown if picture.split != "retain"]
    shadows = {
        str(number): drawn(
            asked, lambda picture, n=number: 0.3 if n in picture.shadows else 1.5, 100 + number
        )
        for number in range(SHADOWS)
    }
    seen = Seen(shown, {MODEL: drawn(shown, spread, seed)})
    return score_faces(seen, [Seen(asked, shadows)], 2)


def test_a_model_that_knows_the_forgotten_is_caught_by_both_attacks():
    found = scores(lambda picture: 1.5 if picture.split == "holdout" else 0.3)
    assert found["u_mia"] == found["forget_accuracy"] == 1
    assert found["u_mia_margin"] == 0
    assert found["u_lira"] > 0.95
    assert found["holdout_accuracy"] < 0.9


@pytest.mark.parametrize("seed", range(5))
def test_a_model_that_was_shown_neither_is_told_apart_by_no_attack(seed):
    found = scores(lambda picture: 0.3 if picture.split == "retain" else 1.5, seed, persons=40)
    for attack in ("u_lira", "u_mia"):
        assert abs(found[attack] - 0.5) <= 1.5 * found[f"{attack}_margin"] + 1e-12


@settings(max_examples=20)
@given(st.integers(0, 1000))
def test_scores_ignore_the_order_of_persons_and_lie_in_their_ranges(seed):
    shown = pictures(3)
    vectors = drawn(shown, lambda picture: 1.0, seed)
    shadows = [Seen(shown, {"0": vectors, "1": drawn(shown, lambda picture: 1.0, seed + 1)})]
    found = score_faces(Seen(shown, {MODEL: vectors}), shadows, 2)
    order = list(dict.fromkeys(picture.person for picture in shown))[::-1]
    rows = [i for person in order for i, p in enumerate(shown) if p.person == person]
    moved = Seen([shown[i] for i in rows], {MODEL: vectors[rows]})
    again = score_faces(moved, shadows, 2)
    for name, metric in face_metrics().items():
        assert metric.low <= found[name] <= metric.high
        # The folds of u_mia deal out the persons in their order.
        if not name.startswith("u_mia"):
            assert again[name] == pytest.approx(found[name])


def test_enrolment_is_the_mean_of_the_first_pictures_and_the_logit_that_of_the_cosine():
    shown = [Picture("forget", "a", "0"), Picture("forget", "a", "1"), Picture("forget", "a", "2")]
    shown += [Picture("holdout", "b", str(i)) for i in range(3, 6)]
    angles = np.array([0.1, 0.3, 0.7, 2.0, 2.2, 1.8])
    vectors = np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32)
    tests = enrol(shown, vectors, 1)
    # Half of three pictures enrol, rounded down: one, the first.
    assert [test.picture.id for test in tests] == ["1", "2", "4", "5"]
    cosines = np.cos([0.2, 0.6, 0.2, 0.2])
    assert [test.logit for test in tests] == pytest.approx(
        np.log(cosines / (1 - cosines)), rel=1e-5
    )
    assert all(test.recognised for test in tests)


def test_more_enrolment_pictures_than_a_person_has_leave_half_for_the_test():
    shown = pictures(1)
    assert len(enrol(shown, drawn(shown, lambda picture: 1.0, 0), 5)) == 3 * PICTURES // 2


def test_a_person_with_one_picture_is_left_out():
    shown = [*pictures(1, ("forget",)), Picture("forget", "lonely", "x")]
    tests = enrol(shown, drawn(shown, lambda picture: 1.0, 0), 2)
    assert {test.picture.person for test in tests} == {"forget0"}


def test_a_collapsed_model_recognises_nobody_and_has_finite_logits():
    shown = pictures(3)
    vectors = np.ones((len(shown), 4), np.float32) / 2
    tests = enrol(shown, vectors, 2)
    assert not any(test.recognised for test in tests)
    assert all(test.logit == pytest.approx(math.log((1 - EPSILON) / EPSILON)) for test in tests)


def test_likelihood_ratio_is_that_of_gaussians_by_median_and_mad():
    known, unknown = [1.0, 2.0, 3.0, 4.0, 100.0], [-3.0, -1.0, 0.0, 1.0, 3.0]
    # Medians 3 and 0; median deviations 1 and 1.
    deviation = 1 / 0.6745
    expected = (-((2.5 - 3) ** 2) + 2.5**2) / (2 * deviation**2)
    assert likelihood_ratio(2.5, known, unknown) == pytest.approx(expected)


@given(values, samples, samples)
def test_likelihood_ratio_is_finite_and_changes_sign_with_the_samples(value, known, unknown):
    ratio = likelihood_ratio(value, known, unknown)
    assert math.isfinite(ratio)
    assert ratio == -likelihood_ratio(value, unknown, known)


@given(values)
def test_shadow_models_that_agree_to_the_last_digit_still_decide(value):
    known, unknown = [value] * 3, [value + 10 * LEAST_DEVIATION] * 3
    assert likelihood_ratio(value, known, unknown) > 0


def test_regression_finds_the_middle_of_two_samples_that_mirror_each_other():
    slope, intercept = regression([1.0, 2.0, 4.0], [-1.0, -2.0, -4.0])
    assert slope > 0
    assert intercept == pytest.approx(0, abs=1e-4)


def test_regression_of_identical_samples_has_no_slope():
    slope, intercept = regression([1.0, 2.0], [1.0, 2.0])
    assert (slope, intercept) == pytest.approx((0, 0), abs=1e-6)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=20))
def test_margin_is_half_of_students_interval_of_the_mean(group):
    error = np.std(group, ddof=1) / math.sqrt(len(group))
    expected = min(1, t.ppf(0.975, len(group) - 1) * error)
    assert margin({"one": group}) == pytest.approx(expected, abs=1e-9)
    if expected < 1:
        both = margin({"one": group, "other": [1.0]})
        assert both == pytest.approx(expected / 2, abs=1e-9)
    assert balanced({"one": group, "other": [1.0]}) == pytest.approx((np.mean(group) + 1) / 2)


def test_a_split_without_pictures_is_told():
    shown = pictures(3, ("forget", "retain"))
    vectors = drawn(shown, lambda picture: 1.0, 0)
    seen = Seen(shown, {MODEL: vectors})
    with pytest.raises(UserError, match="no holdout picture"):
        score_faces(seen, [Seen(shown, {"0": vectors, "1": vectors})], 2)


def test_records_are_read_as_they_were_written_and_damage_is_told(tmp_path):
    shown = pictures(2)
    seen = Seen(shown, {MODEL: drawn(shown, lambda picture: 1.0, 0)})
    write_seen(tmp_path, seen)
    again = read_seen(tmp_path)
    assert again.pictures == shown
    assert (again.embeddings[MODEL] == seen.embeddings[MODEL]).all()
    lines = (tmp_path / "records.jsonl").read_text().splitlines()
    (tmp_path / "records.jsonl").write_text("\n".join(lines[:-1]) + "\n")
    with pytest.raises(UserError, match=r"24 rows for 23 pictures"):
        read_seen(tmp_path)
    (tmp_path / "records.jsonl").write_text('{"split": 1}\n')
    with pytest.raises(UserError, match="line 1: not a picture"):
        read_seen(tmp_path)
