"""Our numbers beside the paper's: its values as printed, the differences, its contradictions."""

import csv
import json
import re

import pandas as pd
import pytest

from clearbench.graph import TABLES
from clearbench.provenance.tree import Tree
from clearbench.tables import clear_paper
from clearbench.tables.clear_paper import PaperTable
from clearbench.tables.documents import documents
from clearbench.tables.read import read_results
from clearbench.tables.table1 import contradictions
from synthetic import LeftOut, SyntheticTree, write_suite

PRINTED = {found.model: {} for found in vars(clear_paper).values() if isinstance(found, PaperTable)}
for _found in vars(clear_paper).values():
    if isinstance(_found, PaperTable):
        PRINTED[_found.model][_found.number] = _found
MODELS = {"llama2-7b": "llama-2-7b", "mistral-7b": "mistral-7b-v0.3"}
METRICS = {
    "forget_quality": "forget_quality_js",
    "log_forget_quality": "forget_quality_ks_ln",
    "forget_acc": "forget_accuracy",
    "holdout_acc": "holdout_accuracy",
    "retain_acc": "retain_accuracy",
}
CONTROLS = ("gold", "original")


def test_the_papers_values_are_those_of_the_reference_and_none_is_left_out(shared):
    with (shared / "reference/clear_paper_tables.csv").open() as file:
        lines = list(csv.DictReader(file))
    for line in lines:
        model = MODELS.get(line["model"], line["model"])
        table = PRINTED[model][int(line["table"].removeprefix("T"))]
        modality = "-" if line["method"] in CONTROLS else line["modality"]
        metric = METRICS.get(line["metric"], line["metric"])
        value = table.value(line["method"], modality, metric)
        if metric in table.percent:
            value *= 100
        assert value == pytest.approx(float(line["value"]), abs=1e-9), line
        assert int(line["forget_percent"]) == clear_paper.SIZE
    tables = [table for found in PRINTED.values() for table in found.values()]
    assert sum(len(row) for table in tables for row in table.rows.values()) == len(lines)


def build(folder, states=None, **changes):
    suite = write_suite(folder, seeds=[0, 1], modalities=["text", "both"], **changes)
    return SyntheticTree(suite, folder / "results/small", records=True).build(states)


@pytest.fixture
def tree(tmp_path):
    return build(tmp_path, methods={"ga": {}, "gd": {}, "idk": {}, "idk@published": {}})


def frame(tree, name):
    table = pd.read_csv(tree.root / TABLES / f"{name}.csv")
    return table.set_index(["method", "modality", "metric"])


@pytest.mark.parametrize(("name", "model"), [("table1", "llava-1.5-7b"), ("table6", "qwen2-vl-2b")])
def test_a_table_prints_ours_the_papers_and_the_difference(tree, name, model):
    found = frame(tree, name)["mean"]
    paper = PRINTED[model][int(name[-1])]
    rows = {key[:2] for key in found.index}
    assert ("gd", "both") in rows
    assert ("original", "-") in rows
    assert ("gd", "text") not in rows
    for method, modality in rows:
        for metric in paper.metrics:
            ours, printed, difference = (
                found[method, modality, f"{metric}@official{role}"]
                for role in ("", "/paper", "/difference")
            )
            value = paper.value(method.partition("@")[0], modality, metric)
            if value is None:
                assert pd.isna(printed)
                assert pd.isna(difference)
            else:
                assert printed == value
                assert difference == pytest.approx(ours - value)
    text = (tree.root / TABLES / f"{name}.md").read_text()
    assert f"of {model}, which is not this suite's model (tiny-llava)" in text


def test_the_papers_own_inconsistencies_are_flagged(tree):
    text = (tree.root / TABLES / "table1.md").read_text()
    marked = set(re.findall(r"^\| (\S+) †", text, re.M))
    assert marked == {"gd"}
    assert "gd 0.29 0.00 0.00 0.18 / 0.49 0.51 0.37 0.85" in text
    # Every method of Table 3 is in Table 1 too, and none has the same four numbers there.
    for method, modality in clear_paper.TABLE_3.rows:
        if modality == "both":
            assert f"{method} " in contradictions()
    assert r"gd $\dagger$" in (tree.root / TABLES / "table1.tex").read_text()


def test_table_3_has_a_row_a_modality_and_knows_the_papers_values_of_each(tree):
    found = frame(tree, "table3")["mean"]
    assert found["gd", "text", "real@official/paper"] == 0.26
    assert found["gd", "both", "real@official/paper"] == 0.49
    assert {key[:2] for key in found.index} == {
        (method, modality)
        for method in ("ga", "gd", "idk", "idk@published")
        for modality in ("text", "both")
    }


def test_table_4_is_one_of_text_suites_with_the_logarithm_of_p(tmp_path):
    suite = write_suite(tmp_path, model="tiny-llama", modalities=["text"], methods={"ga": {}})
    tree = SyntheticTree(suite, tmp_path / "results/small", records=True).build()
    found = frame(tree, "table4")["mean"]
    assert found["ga", "text", "forget_quality_ks_ln@tofu/paper"] == -17.22
    names = {path.stem for path in (tree.root / TABLES).glob("*.md")}
    assert "table1" not in names


@pytest.mark.parametrize("size", [1, 5])
def test_sizes_that_the_paper_has_not_have_no_table_beside_it(tmp_path, size):
    tree = build(tmp_path, methods={"ga": {}}, forget_sizes=[size])
    assert not list((tree.root / TABLES).glob("table*.md"))
    assert not (tree.root / TABLES / "published_vs_paper.md").exists()


def test_a_method_and_its_published_variant_stand_side_by_side(tree):
    found = frame(tree, "published_vs_paper")["mean"]
    for modality in ("text", "both"):
        for metric in ("real", "retain", "forget", "forget_quality_js"):
            moved = found["idk@published", modality, f"{metric}/difference"]
            ours, theirs = (found[method, modality, metric] for method in ("idk", "idk@published"))
            assert moved == pytest.approx(theirs - ours)
    assert {key[0] for key in found.index} == {"idk", "idk@published"}
    sources = json.loads((tree.root / TABLES / "published_vs_paper.sources.json").read_text())
    assert [path for path, _ in sources["idk@published/text/forget10:real/difference"]] == [
        f"score/{method}/text/forget10/seed{seed}/scores.json"
        for method in ("idk@published", "idk")
        for seed in (0, 1)
    ]


def test_a_difference_counts_the_seeds_that_have_both_numbers(tmp_path):
    missing = {"unlearn/idk/text/forget10/seed1": LeftOut()}
    tree = build(tmp_path, {**missing, TABLES: LeftOut()}, methods={"idk": {}, "idk@published": {}})
    files = documents(read_results(tree.graph, Tree(tree.root)))
    lines = list(csv.DictReader(files["published_vs_paper.csv"].splitlines()))
    (line,) = (
        line for line in lines if line["modality"] == "text" and line["metric"] == "real/difference"
    )
    assert (line["n"], line["seeds"], line["status"]) == ("1", "2", "partial")
