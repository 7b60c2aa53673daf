"""Sweeps: the points that rows are tried at, as rows of their own or for a choice."""

import pytest
import yaml

from clearbench.errors import UserError
from clearbench.suite.graph import Graph
from clearbench.suite.load import load_suite
from clearbench.suite.sweep import points
from synthetic import ROOT, write_suite

LR = {"from": 1.0e-4, "to": 1.0e-2}
CHOICE = {"select": {}, "strengths": [0.5, 2.0], "modalities": ["text", "both"]}


def names(sweep, modality="both"):
    return [point.name for point in points(sweep, modality, "here")]


def test_lists_are_a_grid():
    grid = points({"lr": [3.0e-4, 1.0e-3], "beta": [0.05, 1]}, "both", "here")
    assert [dict(point.values) for point in grid] == [
        {"lr": 3.0e-4, "beta": 0.05},
        {"lr": 3.0e-4, "beta": 1},
        {"lr": 1.0e-3, "beta": 0.05},
        {"lr": 1.0e-3, "beta": 1},
    ]
    assert grid[0].name == "lr0.0003-beta0.05"


def test_draws_are_the_same_however_many_and_whatever_else_is_drawn():
    few = points({"draws": 4, "lr": LR}, "both", "here")
    assert points({"draws": 9, "lr": LR}, "text", "here")[:4] == few
    more = points({"draws": 4, "lr": LR, "beta": [0.05, 0.1]}, "both", "here")
    assert [point.values["lr"] for point in more] == [point.values["lr"] for point in few]
    assert names({"draws": 4, "seed": 1, "lr": LR}) != names({"draws": 4, "lr": LR})


def test_draws_of_a_range_are_spread_over_its_logarithm():
    drawn = [point.values["lr"] for point in points({"draws": 400, "lr": LR}, "both", "here")]
    assert all(LR["from"] <= value <= LR["to"] for value in drawn)
    # Half of them below the geometric mean, a hundredth of the arithmetic one's part.
    assert 160 < sum(value < 1.0e-3 for value in drawn) < 240


def test_draws_of_lists_alone_are_all_combinations_in_the_end():
    assert len({*names({"draws": 4, "lr": [1.0e-3, 1.0e-4], "beta": [1, 2]})}) == 4
    with pytest.raises(UserError, match=r"here.draws: 5; there are no more than 4 points"):
        names({"draws": 5, "lr": [1.0e-3, 1.0e-4], "beta": [1, 2]})


def test_a_point_is_a_row_where_nothing_is_chosen(tmp_path):
    methods = {"npo": {"lr": 1.0e-3, "sweep": {"beta": [0.05, 0.1]}}, "ga": {}}
    suite = write_suite(tmp_path, methods=methods)
    assert list(suite.file.methods) == ["npo-beta0.05", "npo-beta0.1", "ga"]
    assert [suite.method(row) for row in suite.file.methods] == ["npo", "npo", "ga"]
    parameters, training = suite.unlearning("npo-beta0.1", "both")
    assert (parameters["beta"], training.lr) == (0.1, 1.0e-3)


def test_a_value_may_differ_by_modality(tmp_path):
    rates = {"text": 2.0e-3, "visual": 5.0e-4}
    suite = write_suite(tmp_path, methods={"npo": {"lr": rates}, "ga": {}})
    for modality, rate in rates.items():
        assert suite.unlearning("npo", modality)[1].lr == rate
    graph = Graph(suite)
    settings = {m: graph[f"unlearn/npo/{m}/forget10/seed0"].settings for m in rates}
    assert {m: told["training"]["lr"] for m, told in settings.items()} == rates


def test_a_choice_tries_the_row_as_it_stands_and_each_other_point(tmp_path):
    swept = {"lr": 1.0e-3, "sweep": {"lr": {"text": [1.0e-3, 2.0e-3], "both": [3.0e-4, 1.0e-4]}}}
    suite = write_suite(tmp_path, methods={"npo": swept, "ga": {}}, **CHOICE)
    assert [p.name for p in suite.points("npo", "text")] == ["plain", "lr0.001", "lr0.002"]
    assert [p.name for p in suite.points("npo", "both")] == ["plain", "lr0.0003", "lr0.0001"]
    assert suite.points("ga", "text") == []
    graph = Graph(suite)
    trial = graph["trial/npo/both/forget10/lr0.0003"]
    assert trial.settings["training"]["lr"] == 3.0e-4
    assert trial.inputs["validation"] == "validation/forget10"
    cell = graph["unlearn/npo/both/forget10/seed2"]
    assert (cell.inputs["selection"], cell.settings["training"]["lr"]) == (
        "select/npo/both/forget10",
        1.0e-3,
    )
    assert "selection" not in graph["unlearn/ga/both/forget10/seed2"].inputs


def test_an_artifact_comes_after_those_that_it_is_made_from(tmp_path):
    methods = {"npo": {"sweep": {"lr": [1.0e-3, 2.0e-3]}}, "ga": {}}
    graph = Graph(write_suite(tmp_path, methods=methods, **CHOICE))
    placed = set()
    for artifact in graph:
        assert placed >= set(artifact.inputs.values()), artifact.name
        placed.add(artifact.name)
    reached = {artifact.name for artifact in graph.descendants("trial/npo/text/forget10/lr0.002")}
    assert "unlearn/npo/text/forget10/seed1" in reached
    assert "unlearn/npo/both/forget10/seed1" not in reached


@pytest.mark.parametrize(
    ("sweep", "told"),
    [
        ({"rate": [1]}, "sweep.rate: unknown; allowed: .*lr"),
        ({"betta": [1]}, r"sweep.betta: unknown \(did you mean beta\?\)"),
        ({"method": ["npo", "gd"]}, "sweep.method: unknown"),
        ({None: [1]}, "sweep.None: unknown"),
        ({"lr": [10**400]}, "sweep.lr: a number beyond all that are computed with"),
        ({"draws": 2, "lr": {"from": 1, "to": 10**400}}, "sweep.lr: a number beyond all"),
        ({"lr": [n / 1e4 for n in range(1, 102)], "beta": [0.1 * n for n in range(10)]}, "1010 po"),
        ({"draws": 100000, "lr": LR}, "sweep: 100000 points; allowed: up to 1000"),
        ({"schedule": ["linear", "a\nb"]}, "sweep"),
        ({"augment": ["flip"]}, "sweep.augment: for vision models; allowed: none"),
        ({"lr": []}, "sweep.lr: empty; name one value at least"),
        ({"lr": 1.0e-3}, r"sweep.lr: write a list of values, as \[0.001\]"),
        ({"lr": [1.0e-3, 1.0e-3]}, "sweep.lr: 0.001 stands twice"),
        ({"lr": [float("inf")]}, "not a finite number"),
        ({"lr": ["fast"]}, "lr: input should be a valid number, not 'fast'"),
        ({"lr": [-1.0]}, "npo.sweep: lr: input should be greater than 0, not -1.0"),
        ({"lr": [[1]]}, "allowed in the list: numbers, texts, true, false"),
        ({"beta": [-1.0]}, "npo.sweep.beta"),
        ({"lr": LR}, "sweep.lr: a range is for points at random; say how many, as draws: 6"),
        ({"draws": 2, "lr": {"from": 1}}, "sweep.lr: a range has two keys: from, to"),
        ({"draws": 2, "lr": {"from": 0, "to": 1}}, "from a number above 0"),
        ({"draws": 2, "lr": {"from": 2, "to": 1}}, "from 2 to 1; the second must be larger"),
        ({"draws": 0, "lr": [1.0e-3]}, "sweep.draws: 0; allowed: 1 to 1000"),
        ({"draws": "many", "lr": [1.0e-3]}, "sweep.draws: many; allowed: whole numbers"),
        ({"seed": 1, "lr": [1.0e-3]}, "sweep.seed: of points at random alone"),
        ({"lr": {"text": [1.0e-3]}}, "sweep.lr: says nothing of both, which the suite forgets"),
        ({"lr": {"txt": [1.0e-3]}}, "sweep.lr: unknown modality: txt"),
        ({}, "sweep: name parameters or training keys"),
        ([1.0e-3], "sweep: name parameters or training keys"),
        ({"optimizer": ["sgd", "a b"]}, "allowed in texts: letters, digits"),
        ({"lr": [1.00000001e-3, 1.00000002e-3]}, "two points are named lr0.001"),
    ],
)
@pytest.mark.parametrize("choice", [CHOICE, {"modalities": ["both"]}])
def test_a_bad_sweep_is_told_in_a_line(tmp_path, sweep, told, choice):
    with pytest.raises(UserError, match=told) as error:
        write_suite(tmp_path, methods={"npo": {"sweep": sweep}, "ga": {}}, **choice)
    assert "\n" not in str(error.value)
    assert str(error.value).startswith(f"{tmp_path}/small.yaml: ")
    assert "methods.npo" in str(error.value)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"strengths": []}, "select: compares at equal retention, which takes strengths"),
        ({"methods": {"npo": {}}}, "select: no row of methods has a sweep to choose from"),
        ({"select": {"retention": 1}}, "select.retention: input should be less than 1"),
        ({"select": {"persons": 20}}, "select.persons: 20; 20 retained persons are evaluated"),
        ({"select": {"persons": 0}}, "select.persons: input should be greater than 0"),
        (
            {"methods": {"npo": {"sweep": {"lr": [1.0]}}, "ga": {"sweep": {"lr": [1.0, 2.0]}}}},
            "select: each is tried as often; npo, text has 1 points, ga, text has 2",
        ),
    ],
)
def test_a_choice_that_cannot_be_made_is_told_in_a_line(tmp_path, changes, told):
    methods = {"npo": {"sweep": {"lr": [1.0e-3, 2.0e-3]}}}
    with pytest.raises(UserError, match=told) as error:
        write_suite(tmp_path, **{**CHOICE, "methods": methods, **changes})
    assert "\n" not in str(error.value)


def test_lists_of_a_modalitys_own_are_for_choices(tmp_path):
    swept = {"sweep": {"lr": {"text": [1.0e-3], "visual": [2.0e-3]}}}
    with pytest.raises(UserError, match=r"npo.sweep.lr: a point is a row of all .* write one list"):
        write_suite(tmp_path, methods={"npo": swept})


def test_a_row_with_the_name_of_a_point_is_refused(tmp_path):
    methods = {"npo": {"sweep": {"beta": [0.1]}}, "npo-beta0.1": {"method": "npo"}}
    with pytest.raises(UserError, match=r"npo-beta0.1: a row has this name already"):
        write_suite(tmp_path, methods=methods)


def test_models_of_faces_are_not_chosen_among(tmp_path):
    path = tmp_path / "faces.yaml"
    path.write_text((ROOT / "config/mini-vision.yaml").read_text() + "select: {}\n")
    with pytest.raises(UserError, match=r"faces.yaml: select: tiny-resnet is a vision model"):
        load_suite(str(path), ROOT)


def test_the_readmes_example_is_a_suite(tmp_path):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (block,) = (part for part in text.split("```yaml\n") if part.startswith("strengths:"))
    suite = write_suite(
        tmp_path, **yaml.safe_load(block.partition("```")[0]), modalities=["text", "both"]
    )
    assert [len(suite.points(row, "both")) for row in ("npo", "gd")] == [7, 7]


def test_a_row_may_bear_the_name_of_a_point_and_is_told_from_it(tmp_path):
    methods = {"npo": {"sweep": {"lr": [1.0e-3]}}, "npo-plain": {"method": "npo", "lr": 2.0e-3}}
    graph = Graph(write_suite(tmp_path, methods=methods, **CHOICE))
    assert {"trial/npo/text/forget10/plain", "unlearn/npo-plain/text/forget10/seed0"} <= {
        *graph.artifacts
    }


@pytest.mark.parametrize("strength", [1.0000001, 0.12345678])
def test_strengths_are_told_apart_by_six_digits(tmp_path, strength):
    with pytest.raises(UserError, match=f"strengths: {strength}; allowed: at most six digits"):
        write_suite(tmp_path, strengths=[0.5, strength])
