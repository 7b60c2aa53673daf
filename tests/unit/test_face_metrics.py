"""Metrics of faces: closed forms, and what must hold for every input."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, t

from clearbench.errors import UserError
from clearbench.evaluation.embeddings import MODEL, Picture, Seen, read_seen, write_seen
from clearbench.evaluation.enrolment import EPSILON, enrol
from clearbench.metrics import face_metrics
from clearbench.metrics.faces import Asked, Attack, balanced, margin, spread
from clearbench.metrics.score import score_faces
from clearbench.metrics.u_lira import LEAST_DEVIATION, likelihood_ratio
from clearbench.metrics.u_mia import regression

SHADOWS, TARGETS = 32, 6
PICTURES = 4
values = st.floats(-14, 14)
samples = st.lists(values, min_size=1, max_size=20)


def pictures(persons, splits=("forget", "holdout", "retain")):
    """Some persons of each split with their pictures; every other model of an attack knows each."""
    known = [tuple(range(odd, SHADOWS + TARGETS, 2)) for odd in (0, 1)]
    return [
        Picture(split, f"{split}{person}", f"{split}{person}/{number}", known[person % 2])
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


def holding(known, unknown, seed, persons=12, models=SHADOWS + TARGETS):
    """The records of an attack's models, which spread the pictures of persons by who knows them."""
    asked = [picture for picture in pictures(persons) if picture.split != "retain"]
    found = {
        str(number): drawn(
            asked, lambda p, n=number: known if n in p.shadows else unknown, 100 * seed + number
        )
        for number in range(models)
    }
    return Seen(asked, found)


def scores(spread, seed=0, persons=12):
    """The scores of a model, itself attacked by shadow models that hold together whom they know."""
    seen = Seen(pictures(persons), {MODEL: drawn(pictures(persons), spread, seed)})
    return score_faces(seen, [holding(0.3, 1.5, 1, persons, SHADOWS)], 2, None)


def attacked(known, unknown, seed=1, persons=12):
    """The scores where models like the shadow models are attacked."""
    seen = Seen(pictures(persons), {MODEL: drawn(pictures(persons), lambda picture: 1.0, 0)})
    return score_faces(seen, [holding(known, unknown, seed, persons)], 2, SHADOWS)


def test_a_model_that_knows_the_forgotten_is_caught_by_both_attacks():
    found = scores(lambda picture: 1.5 if picture.split == "holdout" else 0.3)
    assert found["forget_accuracy"] == 1
    assert found["u_mia"] > 0.95
    assert found["u_lira"] > 0.95
    assert found["u_lira_tpr"] > 0.95
    assert found["holdout_accuracy"] < 0.9


@pytest.mark.parametrize("seed", range(5))
def test_a_model_that_was_shown_neither_is_told_apart_by_no_attack(seed):
    found = scores(lambda picture: 0.3 if picture.split == "retain" else 1.5, seed, persons=40)
    for attack in ("u_lira", "u_mia"):
        assert abs(found[attack] - 0.5) <= 1.5 * found[f"{attack}_margin"] + 1e-12


def test_models_that_did_not_forget_are_found_out():
    found = attacked(known=0.3, unknown=1.5)
    assert min(found[key] for key in ("u_lira", "u_mia", "u_lira_tpr")) > 0.95


@pytest.mark.parametrize("seed", range(3))
def test_few_shadow_models_are_enough_to_be_sure_of_what_is_plain(seed):
    """Of four models a side some agree by chance, which must not set the threshold for all."""
    shown, population = pictures(40), holding(0.5, 1.5, seed + 1, 40, 8 + TARGETS)
    seen = Seen(shown, {MODEL: drawn(shown, lambda picture: 1.0, 0)})
    assert score_faces(seen, [population], 2, 8)["u_lira_tpr"] > 0.8


@pytest.mark.parametrize("seed", range(3))
def test_models_that_forgot_without_a_trace_tell_an_attack_nothing(seed):
    found = attacked(known=1.0, unknown=1.0, seed=seed + 1, persons=40)
    for attack in ("u_lira", "u_mia"):
        assert abs(found[attack] - 0.5) <= 2 * found[f"{attack}_margin"] + 1e-12
    assert found["u_lira_tpr"] < 0.1


def test_an_attack_that_learns_from_models_before_they_forgot_is_blind_to_the_trace():
    """Shadow models that forgot know what is left; those that did not take it for nothing."""
    forgot, before = holding(0.8, 1.5, 1), holding(0.3, 1.5, 2)
    shadows = {name: before.embeddings[name] for name in map(str, range(SHADOWS))}
    shown = pictures(12)
    seen = Seen(shown, {MODEL: drawn(shown, lambda picture: 1.0, 0)})
    adapted = score_faces(seen, [forgot], 2, SHADOWS)
    mixed = Seen(forgot.pictures, {**forgot.embeddings, **shadows})
    blind = score_faces(seen, [mixed], 2, SHADOWS)
    assert blind["u_lira"] < 0.55 < adapted["u_lira"]


def test_an_attack_counts_its_targets_and_their_spread():
    shown, population = pictures(12), holding(0.8, 1.0, 3)
    seen = Seen(shown, {MODEL: drawn(shown, lambda picture: 1.0, 0)})
    together = score_faces(seen, [population], 2, SHADOWS)
    alone = []
    for number in range(SHADOWS, SHADOWS + TARGETS):
        kept = [*map(str, range(SHADOWS)), str(number)]
        one = Seen(population.pictures, {name: population.embeddings[name] for name in kept})
        alone.append(score_faces(seen, [one], 2, SHADOWS))
    for key in ("u_lira", "u_mia"):
        accuracies = [found[key] for found in alone]
        assert len(set(accuracies)) > 1
        assert together[key] == pytest.approx(np.mean(accuracies))
        error = np.std(accuracies, ddof=1) / math.sqrt(TARGETS)
        expected = t.ppf(0.975, TARGETS - 1) * error
        assert together[f"{key}_margin"] == pytest.approx(expected)


def test_false_alarms_bound_what_a_likelihood_ratio_finds():
    """Two models; of 200 pictures never met, one a hundred may be above the threshold: two."""
    logits = {"known": [5.0, 3.5, 2.5, 0.0], "never": [4.0, 3.0, 2.0, *[-1.0] * 97]}
    fits = {"shadow": ([1.0, 2.0, 3.0], [-1.0, 0.0, 1.0])}
    model = [
        Asked(f"{kind}{i}", "shadow", logit, kind == "known")
        for kind, found in logits.items()
        for i, logit in enumerate(found)
    ]
    # Equal deviations make the ratio rise with the logit: 4.0 twice are the two false alarms.
    evaluation = SimpleNamespace(attack=Attack(fits, [model, model]))
    assert face_metrics()["u_lira_tpr"](evaluation) == pytest.approx(2 / 4)


def test_models_that_diverged_are_left_out_and_an_attack_without_any_is_absent():
    shown, population = pictures(3), holding(0.8, 1.0, 3, persons=3)
    seen = Seen(shown, {MODEL: drawn(shown, lambda picture: 1.0, 0)})
    shadows = {name: population.embeddings[name] for name in map(str, range(SHADOWS))}
    found = score_faces(seen, [Seen(population.pictures, shadows)], 2, SHADOWS)
    assert "forget_accuracy" in found
    assert not [key for key in found if key.startswith("u_")]


@settings(max_examples=20)
@given(st.integers(0, 1000))
def test_scores_ignore_the_order_of_persons_and_lie_in_their_ranges(seed):
    shown = pictures(3)
    vectors = drawn(shown, lambda picture: 1.0, seed)
    shadows = [holding(0.8, 1.0, seed, persons=3)]
    found = score_faces(Seen(shown, {MODEL: vectors}), shadows, 2, SHADOWS)
    order = list(dict.fromkeys(picture.person for picture in shown))[::-1]
    rows = [i for person in order for i, p in enumerate(shown) if p.person == person]
    moved = Seen([shown[i] for i in rows], {MODEL: vectors[rows]})
    again = score_faces(moved, shadows, 2, SHADOWS)
    for name, metric in face_metrics().items():
        assert metric.low <= found[name] <= metric.high
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
    assume(np.mean(group) not in (0, 1))
    error = np.std(group, ddof=1) / math.sqrt(len(group))
    expected = min(1, t.ppf(0.975, len(group) - 1) * error)
    assert margin({"one": group}) == pytest.approx(expected, abs=1e-9)
    if expected < 1:
        both = margin({"one": group, "other": group})
        assert both == pytest.approx(expected / math.sqrt(2), abs=1e-9)
    assert balanced({"one": group, "other": [1.0]}) == pytest.approx((np.mean(group) + 1) / 2)


@pytest.mark.parametrize("share", [0.0, 1.0])
@pytest.mark.parametrize("persons", [2, 4, 20])
def test_a_share_of_no_face_or_every_face_has_a_margin_of_a_width(persons, share):
    wilson = binomtest(round(share * persons), persons).proportion_ci(method="wilson")
    expected = wilson.high - wilson.low
    group = [share] * persons
    assert margin({"one": group}) == pytest.approx(expected, abs=1e-5)
    assert margin({"one": group, "other": group}) == pytest.approx(
        expected / math.sqrt(2), abs=1e-5
    )
    assert spread([{"known": group, "unknown": group}] * persons) == pytest.approx(
        expected, abs=1e-5
    )


def test_of_one_person_or_one_model_there_is_no_margin_and_no_interval():
    assert margin({"one": [0.5]}) is None
    assert margin({"one": [0.2, 0.4], "other": [1.0]}) is None
    shown = pictures(1)
    vectors = drawn(shown, lambda picture: 1.0, 0)
    found = score_faces(Seen(shown, {MODEL: vectors}), [holding(0.5, 1.5, 0, 1)], 2, SHADOWS)
    for split in ("forget", "holdout", "retain"):
        assert f"{split}_accuracy" in found
        assert not {f"{split}_accuracy{end}" for end in ("_margin", "~low", "~high")} & set(found)


def test_the_share_that_is_found_of_one_model_has_no_interval():
    """As of a gold, which is attacked alone; its accuracies have one over persons."""
    shown = pictures(12)
    seen = Seen(shown, {MODEL: drawn(shown, lambda picture: 0.5, 0)})
    found = score_faces(seen, [holding(0.5, 1.5, 0, 12)], 2, None)
    assert "u_lira_tpr" in found
    assert not {"u_lira_tpr_margin", "u_lira_tpr~low"} & set(found)
    assert {"u_lira_margin", "u_mia_margin"} <= set(found)


def test_a_model_that_recognises_everybody_has_intervals_of_a_width():
    found = scores(lambda picture: 0.01)
    for split in ("forget", "holdout", "retain"):
        assert found[f"{split}_accuracy"] == 1
        assert found[f"{split}_accuracy~low"] < 0.9


def test_a_split_without_pictures_is_told():
    shown = pictures(3, ("forget", "retain"))
    vectors = drawn(shown, lambda picture: 1.0, 0)
    seen = Seen(shown, {MODEL: vectors})
    with pytest.raises(UserError, match="no holdout picture"):
        score_faces(seen, [Seen(shown, {"0": vectors, "1": vectors})], 2, None)


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
