"""Provenance records: an edit of any field is noticed, and a recipe's key covers all of it."""

import json
from dataclasses import replace

import pytest

from clearbench.errors import UserError
from clearbench.jobs.artifacts import PROVENANCE
from clearbench.jobs.record import Recipe, Record, parse_record, read_record

RECIPE = Recipe(
    stage="unlearn",
    settings={"method": "npo", "training": {"lr": 1e-3, "weights": "lora"}, "seed": 0},
    inputs={"base": "1" * 64, "dataset": "2" * 64},
    code={"clearbench.methods.npo": "3" * 16},
    lock="4" * 64,
    image=None,
    unlocked={"peft": "0.19.0 (locked: 0.21.2)"},
)
RECORD = Record(
    recipe=RECIPE,
    paths={"base": "results/mini/base", "dataset": "results/mini/dataset"},
    manifest="5" * 64,
    times={"adapter_model.safetensors": 1_700_000_000_123_456_789},
    facts={
        "status": "ok",
        "step": None,
        "command": ["clearbench", "unlearn"],
        "seconds": 2.5,
        "measures": {"last_loss": 0.1, "größe": "1 ± 2"},
        "invalidations": [{"reason": "the disk was bad"}],
        "dirty": False,
    },
)


def places(data, path=()):
    """The path of every value in nested data, inner and outer."""
    items = data.items() if isinstance(data, dict) else enumerate(data)
    for key, value in items:
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from places(value, (*path, key))


def edited(text, place, edit):
    data = json.loads(text)
    parent = data
    for key in place[:-1]:
        parent = parent[key]
    edit(parent, place[-1])
    return json.dumps(data).encode()


def other(parent, key):
    value = parent[key]
    number = isinstance(value, int | float) and not isinstance(value, bool)
    parent[key] = value + 1 if number else "another" if value != "another" else "one more"


def drop(parent, key):
    del parent[key]


def add(parent, key):
    if isinstance(parent, dict):
        parent[f"{key} too"] = parent[key]
    else:
        parent.append(parent[key])


PLACES = list(places(json.loads(RECORD.text())))


def test_record_is_read_as_it_was_written(tmp_path):
    (tmp_path / PROVENANCE).write_text(RECORD.text())
    assert read_record(tmp_path) == replace(
        RECORD, facts={**RECORD.facts, "fingerprint": json.loads(RECORD.text())["fingerprint"]}
    )


@pytest.mark.parametrize("edit", [other, drop, add])
@pytest.mark.parametrize("place", PLACES, ids=lambda place: "/".join(map(str, place)))
def test_edit_of_any_field_breaks_the_seal(tmp_path, place, edit):
    path = tmp_path / PROVENANCE
    text = edited(RECORD.text(), place, edit)
    assert json.loads(text) != json.loads(RECORD.text())
    with pytest.raises(UserError) as caught:
        parse_record(text, path)
    told = "edited since the job wrote it (its seal is broken)", "not a provenance record ("
    assert str(caught.value).startswith(tuple(f"{path}: {words}" for words in told))
    assert "\n" not in str(caught.value)


def test_an_edit_with_every_field_in_place_is_told_as_an_edit(tmp_path):
    text = edited(RECORD.text(), ("seconds",), other)
    with pytest.raises(UserError, match="edited since the job wrote it"):
        parse_record(text, tmp_path)


@pytest.mark.parametrize("text", ["", "{", "{}", "[]", "3", "null", RECORD.text()[:-9], "\xff"])
def test_what_is_not_a_record_is_told_as_such_in_one_line(tmp_path, text):
    (tmp_path / PROVENANCE).write_bytes(text.encode("latin-1"))
    with pytest.raises(UserError) as caught:
        read_record(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path / PROVENANCE}: not a provenance record (")
    assert "\n" not in str(caught.value)


def test_missing_record_is_named(tmp_path):
    with pytest.raises(UserError, match=f"{PROVENANCE}: missing; nothing tells how"):
        read_record(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"stage": "evaluate"},
        {"settings": {**RECIPE.settings, "seed": 1}},
        {"settings": {**RECIPE.settings, "training": {"lr": 2e-3, "weights": "lora"}}},
        {"inputs": {**RECIPE.inputs, "base": "6" * 64}},
        {"inputs": {"base": "1" * 64}},
        {"code": {"clearbench.methods.npo": "7" * 16}},
        {"lock": None},
        {"image": "8" * 64},
        {"unlocked": {}},
    ],
)
def test_recipes_that_differ_in_anything_have_different_keys(change):
    assert replace(RECIPE, **change).key != RECIPE.key


def test_recipe_that_was_written_and_read_has_the_same_key(tmp_path):
    shuffled = replace(RECIPE, settings=dict(reversed(RECIPE.settings.items())))
    text = replace(RECORD, recipe=shuffled).text()
    assert parse_record(text.encode(), tmp_path).recipe.key == RECIPE.key
