"""Models made elsewhere as rows of the tables: what reruns them, and mistakes as one line."""

import re
from pathlib import Path

import pandas as pd
import pytest

from clearbench.cluster.doctor.requirements import Requirements
from clearbench.config.site import Site
from clearbench.documentation.keys import describe
from clearbench.errors import UserError
from clearbench.jobs.environment import accepted
from clearbench.results.currency import assess
from clearbench.results.runs import groups_of
from clearbench.results.tree import Tree
from clearbench.suite.graph import OF_SUITE, TABLES, Graph
from clearbench.suite.suite import SuiteFile
from synthetic import ROOT, SyntheticTree, write_suite

ADAPTER, COMMIT, ROW = "adapter_model.safetensors", "a" * 40, "external/theirs"


def small(folder, name="small", **changes):
    rows = {"theirs": {"model": str(folder / "theirs"), "forget_size": 10}}
    return write_suite(
        folder, name=name, **{"methods": {"ga": {}}, "seeds": [0], "external": rows, **changes}
    )


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A finished results tree with a row of a model in a folder."""
    monkeypatch.chdir(ROOT)
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / ADAPTER).write_text("weights")
    return SyntheticTree(small(tmp_path), tmp_path / "results/small").build()


def to_make(tree, graph=None):
    """What a run would make: the artifacts with a cause, and those that wait for one."""
    found = assess(graph or tree.graph, Tree(tree.root), accepted(Path("no.sif"), False))
    causes = {name for name, status in found.items() if status.causes}
    return causes, {name for name, status in found.items() if status.waits}


def test_a_row_is_made_from_its_base_and_compared_with_the_gold_of_its_size(tree):
    graph = tree.graph
    assert graph[ROW].inputs == {"base": "base/seed0"}
    assert graph[f"evaluate/{ROW}"].inputs == {
        "base": "base/seed0",
        "model/0": ROW,
        "dataset": "dataset",
    }
    assert graph[f"score/{ROW}"].inputs["gold"] == "evaluate/gold/forget10/seed0"


def test_an_adapter_can_lie_on_the_original(tmp_path):
    row = {"model": "theirs", "forget_size": 10, "on": "original"}
    graph = Graph(small(tmp_path, external={"theirs": row}))
    inputs = graph[f"evaluate/{ROW}"].inputs
    assert (inputs["model/0"], inputs["model/1"]) == ("original/seed0", ROW)


def test_a_row_is_in_the_tables_and_says_that_it_was_made_elsewhere(tree):
    frame = pd.read_csv(tree.root / TABLES / "comparison.csv")
    row = frame[frame.method == "theirs"]
    assert set(row.modality) == {"external"}
    assert set(row.status) == {"ok"}
    text = (tree.root / TABLES / "comparison.md").read_text()
    model = tree.suite.file.external["theirs"].model
    assert f"theirs: the weights of {model}, on the base if they are an adapter;" in text
    cost = pd.read_csv(tree.root / TABLES / "cost.csv")
    cost = cost[cost.method == "theirs"].set_index("metric").status
    assert cost["train/seconds"] == "absent"
    assert cost["evaluate/seconds"] == "ok"


def test_a_changed_file_of_the_folder_reruns_the_row_alone(tree):
    assert to_make(tree) == (set(), set())
    (tree.root.parent.parent / "theirs" / ADAPTER).write_text("other weights")
    assert to_make(tree) == ({ROW}, {f"evaluate/{ROW}", f"score/{ROW}", *OF_SUITE})
    reason = Tree(tree.root).broken_link(tree.graph[ROW])
    assert reason.endswith("made from another model than the one here")


EDITS = {
    "another commit": ({"model": "some/model", "revision": COMMIT}, {ROW}),
    "another place below": ({"on": "original"}, {f"evaluate/{ROW}"}),
    "another size": ({"forget_size": 5}, {f"evaluate/{ROW}", f"score/{ROW}"}),
}


@pytest.mark.parametrize("change", EDITS)
def test_an_edit_reruns_the_row_and_what_is_below_it_alone(tmp_path, monkeypatch, change):
    monkeypatch.chdir(ROOT)
    (tmp_path / "theirs").mkdir()
    row = {"model": str(tmp_path / "theirs"), "forget_size": 10}
    other = {"others": {"model": str(tmp_path / "theirs"), "forget_size": 10}}

    def suite(row):
        return small(tmp_path, forget_sizes=[5, 10], external={"theirs": row, **other})

    tree = SyntheticTree(suite(row), tmp_path / "results/small").build()
    changes, expected = EDITS[change]
    causes, waiting = to_make(tree, Graph(suite({**row, **changes})))
    assert causes == {*expected, *OF_SUITE}
    assert waiting <= {f"evaluate/{ROW}", f"score/{ROW}", *OF_SUITE}


def test_a_new_row_reruns_nothing_but_what_tells_of_all(tree, tmp_path):
    rows = tree.suite.file.external | {"others": tree.suite.file.external["theirs"]}
    suite = small(tmp_path, external={name: row.model_dump() for name, row in rows.items()})
    causes, _ = to_make(tree, Graph(suite))
    made = {f"{stage}external/others" for stage in ("", "evaluate/", "score/")}
    assert causes == {*made, *OF_SUITE}


def test_models_and_folders_are_sources_of_the_suite_which_the_doctor_looks_for(tmp_path):
    theirs = {"model": "some/model", "revision": COMMIT, "forget_size": 10}
    ours = {"model": str(tmp_path), "forget_size": 10}
    suite = small(tmp_path, external={"theirs": theirs, "ours": ours})
    assert Graph(suite)[ROW].outside == {}
    assert Graph(suite)["external/ours"].outside == {"model": tmp_path}
    required = Requirements.of(suite, Site(), False, tmp_path)
    assert ("model", "some/model", COMMIT) in required.hub
    assert str(tmp_path) in required.folders


MISTAKES = {
    "unknown size": ({"forget_size": 5}, "external.theirs.forget_size: unknown: 5; allowed: 10"),
    "unknown place": ({"on": "gold"}, "external.theirs.on: input should be 'base' or 'original'"),
    "unknown key": (
        {"commit": COMMIT},
        "external.theirs.commit: unknown key; allowed: forget_size, model, on, revision",
    ),
    "no model": ({"model": None}, "external.theirs.model: input should be a valid string"),
    "a folder with a commit": (
        {"revision": COMMIT, "model": "some/folder/theirs"},
        "external.theirs.revision: some/folder/theirs is no id of the hub; leave it out",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_the_suite_is_one_line(tmp_path, mistake):
    changes, told = MISTAKES[mistake]
    row = {"model": "theirs", "forget_size": 10, **changes}
    with pytest.raises(UserError, match=re.escape(told)):
        small(tmp_path, external={"theirs": row})


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("a/b", "allowed in a name: letters, digits, _ . -"),
        ("ga", "is a method; choose another name"),
        ("gold", "is a control; choose another name"),
        ("ours", "is a row of its own already; choose another name"),
    ],
)
def test_a_name_is_of_one_row_alone(tmp_path, name, told):
    log = {"log": "log.json", "gold": "gold.json", "forget_size": 10}
    row = {"model": "theirs", "forget_size": 10}
    with pytest.raises(UserError, match=re.escape(f"external.{name}: {told}")):
        small(tmp_path, imported={"ours": log}, external={name: row})


def test_a_vision_suite_has_no_such_rows(tmp_path):
    row = {"model": "theirs", "forget_size": 10}
    changes = {"dataset": "mini-faces", "model": "tiny-resnet", "modalities": ["visual"]}
    changes |= {"faces": {}, "unlearn": {"weights": "full"}}
    with pytest.raises(UserError, match=r"external\.theirs: tiny-resnet is a vision model; leave"):
        small(tmp_path, external={"theirs": row}, **changes)


def test_rows_stand_between_the_controls_and_the_cells(tree):
    names = [group.name for group in groups_of(tree.graph.runs.values())]
    assert names.index(ROW) == 5


def test_a_row_that_was_trained_on_another_base_by_name_says_so(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    row = {"model": str(tmp_path), "forget_size": 10, "trained_on": "other/base"}
    suite = small(tmp_path, external={"theirs": row})
    assert Graph(suite)[ROW].settings["trained_on"] == "other/base"
    tree = SyntheticTree(suite, tmp_path / "results/small").build()
    text = (tree.root / TABLES / "comparison.md").read_text()
    assert "made elsewhere. It says that it was trained on other/base." in text


def test_the_keys_of_a_row_are_listed():
    keys = {key for key, *_ in describe(SuiteFile)}
    assert {f"external.NAME.{key}" for key in ("model", "revision", "trained_on", "on")} <= keys
    assert "imported.NAME.log" in keys
