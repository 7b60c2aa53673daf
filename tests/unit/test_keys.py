"""Keys of scores: read and written in one place, so that no table takes one for another."""

import ast
from pathlib import Path

import pytest

from clearbench.errors import UserError
from clearbench.metrics import better, metric_of, model_metrics, of_method, task_metrics
from clearbench.metrics.definitions import definition_of
from clearbench.metrics.keys import Key

SOURCES = Path(__file__).resolve().parents[2] / "src/clearbench"
KEYS = {
    "real": Key("real"),
    "u_lira_margin": Key("u_lira_margin"),
    "forget@official~low": Key("forget", definition="official", end="low"),
    "retain#female~low": Key("retain", end="low", group="female"),
    "forget/captions/rouge_l": Key("rouge_l", "forget", "captions"),
    "real/real_faces/truth_ratio@tofu~persons": Key(
        "truth_ratio", "real", "real_faces", "tofu", "persons"
    ),
}


@pytest.mark.parametrize("text", KEYS)
def test_a_key_is_read_as_it_is_written(text):
    assert Key.parse(text) == KEYS[text]
    assert str(KEYS[text]) == text


@pytest.mark.parametrize(
    "text",
    [
        *("", "/", "forget/rouge_l", "/captions/rouge_l", "forget//rouge_l", "a/b/c/d", "real/"),
        *("real@", "@tofu", "real@tofu@tofu", "real@headline", "real~", "real~mean", "~low"),
        *("real~low~high", "real~low@tofu", "real@tofu/a", "two words", "real\n", "real@tofu~"),
    ],
)
def test_what_is_no_key_is_told_in_one_line_with_what_one_is(text):
    for asked in (Key.parse, metric_of, better, definition_of):
        with pytest.raises(UserError, match="not a score's key; it is METRIC") as error:
            asked(text)
        assert str(error.value).count("\n") == 0
        assert str(error.value).startswith(repr(text))


def test_the_ends_of_an_interval_have_the_score_s_key_before_them():
    key = Key.parse("forget/captions/rouge_l@unicode")
    assert key.interval == (f"{key}~low", f"{key}~high")
    assert key.persons == f"{key}~persons"
    assert [str(Key.parse(text).name) for text in (*key.interval, key.persons)] == [key.name] * 3


def test_a_metric_is_found_by_the_whole_key_and_not_by_a_part_of_it():
    assert metric_of("forget/captions/rouge_l@unicode~low") is task_metrics()["rouge_l@unicode"]
    assert metric_of("real@official~high") is model_metrics()["real@official"]
    for key in ("forget/captions/real", "rouge_l", "rouge_l@official", "real@unknown"):
        with pytest.raises(UserError, match="no metric has this name"):
            metric_of(key)
    assert of_method("u_lira")
    assert not of_method("forget/captions/u_lira")


def test_no_other_file_that_handles_scores_takes_a_key_apart_or_puts_one_together():
    found = {}
    for folder in ("metrics", "tables", "figures", "results", "documentation", "trial"):
        for path in (SOURCES / folder).glob("*.py"):
            nodes = ast.walk(ast.parse(path.read_text()))
            texts = {node.value for node in nodes if isinstance(node, ast.Constant)}
            found[f"{folder}/{path.name}"] = texts & {"@", "~", "~low", "~high", "~persons"}
    assert found.pop("metrics/keys.py")
    # Of a method's name, whose variants have one as well.
    assert found.pop("tables/beside.py") == {"@"}
    assert found.pop("documentation/citations.py") == {"@"}
    assert not any(found.values()), found


def test_the_headline_columns_are_spelled_in_one_place():
    """Their keys, and what tables call them."""
    found = {}
    for path in SOURCES.rglob("*.py"):
        nodes = ast.walk(ast.parse(path.read_text()))
        texts = {node.value for node in nodes if isinstance(node, ast.Constant)}
        for text in {"forget_quality_js", "forget quality", "paired"} & texts:
            found.setdefault(text, []).append(str(path.relative_to(SOURCES)))
    assert found == {
        "forget_quality_js": ["metrics/headline.py"],
        "forget quality": ["results/headline.py"],
        "paired": ["results/headline.py"],
    }
