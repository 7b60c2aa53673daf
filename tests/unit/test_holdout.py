"""Held-out persons: nobody else changes for them, and no model is trained on them."""

from collections import Counter
from dataclasses import replace

import pytest

from clearbench.config.generator import MiniSettings
from clearbench.data.contents import Contents
from clearbench.data.holdout import hold_out
from clearbench.data.mini.world import FACE_DISTANCE, build_world
from clearbench.data.mini.write import generate
from clearbench.data.store import EvalSample, TrainSample
from clearbench.data.tasks import TOFU
from clearbench.errors import UserError
from clearbench.suite.graph import Graph
from synthetic import write_suite

WORLD = MiniSettings(
    persons=100,
    portraits=2,
    image_size=8,
    real_persons=8,
    real_portraits=1,
    unpictured_persons=2,
    strangers=9,
    things=3,
)
STRANGER = EvalSample("holdout/0", "holdout", "text_qa", None, "q", "a", "p", ("w",), None, "x")


def files(folder):
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def test_held_out_persons_change_no_byte_of_what_was_drawn_before(tmp_path):
    for percent in (None, 10):
        generate(tmp_path / str(percent), WORLD, percent)
    without, with_them = (files(tmp_path / str(percent)) for percent in (None, 10))
    changed = {name for name in without if without[name] != with_them[name]}
    assert changed == {"clear/README.md", "tofu/README.md"}
    assert {name.split("/")[1] for name in with_them.keys() - without.keys()} == {
        "holdout_perturbed",
        "holdout_perturbed.json",
    }


def test_a_person_held_out_has_nothing_of_another():
    world = build_world(WORLD, 10)
    known = (*world.fictitious, *world.real, *world.unpictured)
    assert len(world.held_out) == 10
    assert Counter(person.gender for person in world.held_out) == {"male": 5, "female": 5}
    for person in world.held_out:
        others = [other for other in (*known, *world.held_out) if other is not person]
        assert not {person.name, person.book} & {t for o in others for t in (o.name, o.book)}
        faces = [other.face for other in others if other.face is not None]
        assert min(person.face.distance(face) for face in faces) >= FACE_DISTANCE
    assert build_world(WORLD).fictitious == world.fictitious


def contents(retained: int = 6) -> Contents:
    """Ten persons, of whom one is forgotten, and so many are asked about as retained."""
    part = [{1: p, 5: p, 10: p} for p in [*["retain"] * 9, "forget"]]
    train = [
        TrainSample(f"full/{i}", "text_qa", "text", f"p{i}", "q", f"a{i}", None, part[i])
        for i in range(10)
    ]
    asked = [("retain", i) for i in range(retained)] + [("forget", 9)]
    evaluation = [
        EvalSample(f"{split}/{i}", split, "text_qa", None, "q", f"a{i}", "p", ("w",), None, f"p{i}")
        for split, i in asked
    ]
    return Contents([], [], train, evaluation)


def test_of_a_source_without_others_retained_persons_are_held_out():
    held = hold_out(contents(), 20)
    persons = {s.person for s in held.evaluation if s.split == "holdout"}
    assert persons == {"p1", "p4"}
    assert {s.person for s in held.train} == {f"p{i}" for i in range(10)} - persons
    assert sum(s.split == "retain" for s in held.evaluation) == 4
    assert "2 of those whom it evaluates as retained are held out" in held.notes[0]
    held.check([10], TOFU)
    assert hold_out(contents(), None) == contents()


def test_persons_apart_are_taken_as_they_are_and_left_out_where_nobody_is_held_out():
    apart = replace(contents(), evaluation=[*contents().evaluation, STRANGER])
    assert hold_out(apart, 20) is apart
    assert hold_out(apart, None) == contents()


def test_too_many_held_out_are_told_with_how_many_there_may_be():
    with pytest.raises(UserError, match=r"holdout: 20 % are 2 persons; 2 are .*; allowed: 1 to 10"):
        hold_out(contents(2), 20)
    with pytest.raises(UserError, match="allowed: none"):
        hold_out(contents(1), 20)
    with pytest.raises(UserError, match=r"holdout: 50 % are 150 persons; .* for 48; hold out"):
        build_world(MiniSettings(persons=300, real_persons=24, unpictured_persons=76), 50)


def test_somebody_held_out_who_is_trained_on_is_told():
    trained = replace(STRANGER, person="p1")
    with pytest.raises(UserError, match="holdout/0: p1 has training rows"):
        replace(contents(), evaluation=[*contents().evaluation, trained]).check([10], TOFU)


def test_a_suites_holdout_is_told_to_its_jobs_and_no_other_suites(tmp_path):
    with_them = Graph(write_suite(tmp_path, "held", holdout=10))
    assert [with_them[name].options for name in ("generate", "dataset")] == [{"holdout": 10}] * 2
    without = Graph(write_suite(tmp_path, "plain"))
    assert [without[name].options for name in ("generate", "dataset")] == [{}, {}]
    with pytest.raises(UserError, match=r"holdout: .*faces.holdout says it; leave it out"):
        write_suite(
            tmp_path,
            "faces",
            dataset="mini-faces",
            model="tiny-resnet",
            modalities=["visual"],
            faces={},
            unlearn={"weights": "full"},
            methods={"ga": {}},
            holdout=10,
        )
