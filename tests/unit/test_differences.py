"""Why an artifact is to be made again: told with what was and what is, and only where it counts."""

from dataclasses import replace

import pytest

from clearbench.jobs.differences import Cause, differences
from clearbench.jobs.environment import Accepted
from clearbench.jobs.record import Recipe

THEN = Recipe(
    stage="unlearn",
    settings={"parameters": {"beta": 1.0}, "training": {"lr": 1e-3, "epochs": 5}, "options": {}},
    inputs={"base": "1" * 64, "dataset": "2" * 64},
    code={"clearbench.methods.npo": "3" * 16, "clearbench.config.settings": "4" * 16},
    lock="5" * 64,
    image="6" * 64,
)
HERE = Accepted(frozenset({THEN.lock, "7" * 64}), frozenset({THEN.image, None}))


def causes(here=HERE, then=THEN, **changes):
    return differences(then, replace(then, **changes), here)


def test_an_equal_recipe_has_no_cause():
    assert causes() == []


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"training": {"lr": 2e-3, "epochs": 5}}, ["training.lr: 0.001 → 0.002"]),
        ({"training": {"lr": 1e-3}}, ["training.epochs: 5 → gone"]),
        ({"seed": 0}, ["seed: new, 0"]),
        ({"parameters": {"beta": "1.0"}}, ["parameters.beta: 1.0 → '1.0'"]),
        ({"parameters": {}}, ["parameters: new, {}", "parameters.beta: 1.0 → gone"]),
        ({"parameters": None}, ["parameters: new, None", "parameters.beta: 1.0 → gone"]),
        ({"options": {"deep": [1]}}, ["options: {} → gone", "options.deep: new, [1]"]),
        (
            {"training": {"epochs": 6, "lr": 2e-3}},
            ["training.epochs: 5 → 6", "training.lr: 0.001 → 0.002"],
        ),
    ],
)
def test_changed_settings_are_told_by_key_with_old_and_new_value(settings, told):
    expected = [Cause("settings", text) for text in told]
    assert causes(settings={**THEN.settings, **settings}) == expected


def test_changed_code_is_told_by_module():
    code = {"clearbench.config.settings": "0" * 16, "clearbench.added": "0" * 16}
    assert causes(code=code) == [
        Cause("code", "clearbench.added new"),
        Cause("code", "clearbench.config.settings changed"),
        Cause("code", "clearbench.methods.npo gone"),
    ]


def test_changed_inputs_are_told_by_name_with_old_and_new_digest():
    assert causes(inputs={"base": "9" * 64, "gold": "0" * 64}) == [
        Cause("input", f"base: {'1' * 12} → {'9' * 12}", "base"),
        Cause("input", "dataset: no longer an input"),
        Cause("input", "gold: new"),
    ]


def test_another_lock_is_a_cause_unless_it_is_accepted_here():
    assert causes(then=replace(THEN, lock="7" * 64)) == []
    told = f"{'8' * 12} then, here {'5' * 12}, {'7' * 12}"
    assert causes(then=replace(THEN, lock="8" * 64)) == [Cause("lock", told)]
    told = f"none then, here {'5' * 12}, {'7' * 12}"
    assert causes(then=replace(THEN, lock=None)) == [Cause("lock", told)]


def test_another_image_is_a_cause_unless_it_is_accepted_here():
    assert causes(then=replace(THEN, image=None)) == []
    told = f"{'8' * 12} then, here {'6' * 12}, none"
    assert causes(then=replace(THEN, image="8" * 64)) == [Cause("image", told)]
    assert causes(Accepted(HERE.locks, None), replace(THEN, image="8" * 64)) == []
    in_image = Accepted(HERE.locks, frozenset({THEN.image}))
    told = f"none then, here {'6' * 12}"
    assert causes(in_image, replace(THEN, image=None)) == [Cause("image", told)]


def test_other_packages_than_the_locks_are_a_cause_unless_they_are_accepted_here():
    then = replace(THEN, unlocked={"peft": "0.19.0 (locked: 0.21.2)", "tqdm": "missing"})
    told = ["peft 0.19.0 (locked: 0.21.2)", "tqdm missing"]
    assert causes(then=then) == [Cause("packages", text) for text in told]
    assert causes(replace(HERE, unlocked=then.unlocked), then) == []
    assert causes(replace(HERE, unlocked=then.unlocked)) == []
    assert causes(replace(HERE, unlocked={"tqdm": "missing"}), then) == [
        Cause("packages", text) for text in told
    ]


def test_all_causes_are_told():
    here = Accepted(frozenset({"0"}), frozenset({"0"}))
    found = causes(here, settings={}, code={}, inputs={})
    assert {cause.kind for cause in found} == {"settings", "code", "input", "lock", "image"}
