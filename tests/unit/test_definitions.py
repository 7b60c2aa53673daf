"""A suite's choice of definitions: what columns its tables have, and that nothing is remade."""

import pandas as pd
import pytest
from click.testing import CliRunner

from clearbench.cli import cli
from clearbench.config.definitions import WORDS
from clearbench.jobs.environment import Accepted
from clearbench.metrics.definitions import DEFINITIONS
from clearbench.results.currency import assess
from clearbench.results.read import read_results
from clearbench.results.tree import Tree
from clearbench.suite.graph import OF_SUITE, TABLES, Graph
from clearbench.suite.load import load_suite, suite_names
from clearbench.tables.documents import documents
from synthetic import ROOT, SyntheticTree, write_suite

BOTH = ["headline", "official"]
SMALL = {"seeds": [0], "methods": {"ga": {}}}


@pytest.fixture
def tree(tmp_path):
    suite = write_suite(tmp_path, **SMALL, metrics=BOTH)
    return SyntheticTree(suite, tmp_path / "results/small", records=True).build()


def tables(tree, graph=None):
    return documents(read_results(graph or tree.graph, Tree(tree.root)))


def frame(tree, name):
    return pd.read_csv(tree.root / TABLES / f"{name}.csv")


def test_a_table_names_the_definition_of_a_column_in_its_header_and_explains_it(tree):
    text = tables(tree)["comparison.md"]
    header = next(line for line in text.splitlines() if line.startswith("| method"))
    titles = [title.strip() for title in header.split("|")[3:-1]]
    assert titles[:3] == ["real ↑", "retain ↑", "forget § ↓"]
    assert titles[3:6] == ["forget quality ↑", "paired ↑", "log10 p (KS) ↑"]
    assert titles[6:] == [
        "real (official) ↑",
        "retain (official) ↑",
        "forget § (official) ↓",
        "forget quality (official) ↑",
        "log10 p (KS) (official) ↑",
    ]
    assert "- § CLEAR's own number, which does not show whether a method forgot" in text
    assert "- Marked (official): as CLEAR's code for images computes them" in text


@pytest.mark.parametrize(
    ("metrics", "words"),
    [
        (["headline"], {}),
        (["tofu"], {}),
        (["headline", "unicode"], {}),
        (["unicode", "official"], {}),
        (["unicode"], {"words": "unicode"}),
    ],
)
def test_answers_are_read_for_the_words_of_every_definition_that_a_suite_shows(
    tmp_path, metrics, words
):
    suite = write_suite(tmp_path, metrics=metrics)
    assert Graph(suite)["dataset"].options == words


def test_a_suite_can_name_each_definition_that_there_is():
    assert list(WORDS) == list(DEFINITIONS)
    assert all(name == definition.name for name, definition in DEFINITIONS.items())


def test_no_word_is_asked_of_a_suite_that_compares_none(tmp_path):
    for name in suite_names(ROOT):
        suite = load_suite(name, ROOT)
        expected = {"words": "any"} if suite.domain == "vision" else {}
        options = Graph(suite)["dataset"].options
        assert {name: asked for name, asked in options.items() if name == "words"} == expected
    assert CliRunner().invoke(cli, ["dataset", "--words", "all"]).exit_code == 2


def test_unicode_has_the_columns_that_it_reads_otherwise(tree, tmp_path):
    suite = write_suite(tmp_path, **SMALL, metrics=["headline", "unicode"])
    found = documents(read_results(Graph(suite), Tree(tree.root), lambda name: None))
    text = found["comparison.md"]
    header = next(line for line in text.splitlines() if line.startswith("| method"))
    titles = [title.strip() for title in header.split("|")[3:-1]]
    assert titles[6:] == ["real (unicode) ↑", "retain (unicode) ↑", "forget § (unicode) ↓"]
    assert "- Marked (unicode): as the headline, ROUGE-L of any script" in text


@pytest.mark.parametrize(
    "metrics", [["unicode"], ["tofu"], ["official"], ["answer_only"], ["open_unlearning"]]
)
def test_what_a_definition_reads_as_the_headline_stays_among_the_tasks(tree, tmp_path, metrics):
    suite = write_suite(tmp_path, **SMALL, metrics=metrics)
    text = documents(read_results(Graph(suite), Tree(tree.root), lambda name: None))["tasks.csv"]
    for name in ("rouge_l", "probability", "truth_ratio", "accuracy"):
        assert f"forget/captions/{name}" in text
    own = f"forget/captions/truth_ratio@{metrics[0]}"
    assert (own in text) == (metrics[0] not in ("unicode", "open_unlearning"))


@pytest.mark.parametrize("name", ["comparison", "modality", "tasks"])
def test_every_table_can_be_made_with_both_definitions(tree, name):
    found = frame(tree, name)
    # The bounds of forget quality have no other splits.
    found = found[found.modality != "drawn"]
    assert set(found.status) == {"ok"}
    of_code = found[found.metric.str.endswith("@official")]
    others = found[~found.metric.str.contains("@")]
    assert len(of_code) > 3
    assert len(others) > 3
    assert len(of_code) + len(others) == len(found)


def test_another_choice_makes_the_tables_and_the_page_again_and_nothing_else(tree, tmp_path):
    suite = write_suite(tmp_path, **SMALL, metrics=["tofu"])
    record = Tree(tree.root).record(TABLES).recipe
    environments = Accepted(frozenset({record.lock}), frozenset({record.image}))
    statuses = assess(Graph(suite), Tree(tree.root), environments)
    assert [name for name, found in statuses.items() if not found.current] == [*OF_SUITE]
    unicode = Graph(write_suite(tmp_path, **SMALL, metrics=["unicode"]))
    statuses = assess(unicode, Tree(tree.root), environments)
    assert [name for name, found in statuses.items() if found.causes] == ["dataset", *OF_SUITE]
    text = tables(tree, Graph(suite))["comparison.md"]
    assert "real (tofu) ↑" in text
    assert "forget quality" not in text.split("\n\n")[1]
