"""What joint unlearning costs as models grow: what is measured, the law, and what is counted."""

import re
import runpy
import sys
from types import SimpleNamespace

import pytest

from clearbench.config.files import ModelSpec, read_spec
from clearbench.training.memory import SampleSize
from synthetic import ROOT

SCRIPT = ROOT / "benchmarks/sizes.py"
PAGE = "Before.\n<!-- sizes -->\nold\n<!-- end of sizes -->\nAfter.\n"


@pytest.fixture
def sizes(monkeypatch):
    """Runs the script in this process, which has imported torch; gives what it holds."""
    monkeypatch.syspath_prepend(str(SCRIPT.parent))

    def run(*words, name="__main__"):
        monkeypatch.setattr(sys, "argv", [str(SCRIPT), *map(str, words)])
        return SimpleNamespace(**runpy.run_path(str(SCRIPT), run_name=name))

    return run


def numbers(line):
    return [float(cell.replace(",", "")) for cell in line.split("|")[2:-1]]


def test_both_at_once_ask_for_what_each_asks_for_alone(sizes, tmp_path):
    page, figure = tmp_path / "page.md", tmp_path / "figure.svg"
    page.write_text(PAGE)
    sizes(
        *("--sizes", 2, "--rounds", 1, "--models", "tiny-llava"),
        *("--write", page, "--figure", figure),
    )
    text = page.read_text()
    assert "old" not in text
    rows = [numbers(line) for line in re.findall(r"^\| width .*$", text, re.M)]
    assert len(rows) == 2
    for weights, *costs in rows:
        seconds, memory, operations = costs[:4], costs[4:8], costs[8:]
        assert weights > 0
        # Operations are counted: not one is saved or lost by joining the two.
        assert operations[3] == 1
        assert operations[2] == pytest.approx(operations[0] + operations[1], abs=0.15)
        assert operations[0] < operations[1]
        assert memory[0] < memory[1]
        assert all(number > 0 for number in seconds)
    # Wider and deeper is more of everything that is counted.
    assert all(ours < theirs for ours, theirs in zip(rows[0][5:8], rows[1][5:8], strict=True))
    assert re.search(r"^\| tiny-llava \| 1 \|", text, re.M)
    assert figure.read_text().count("<svg") == 1


def test_operations_of_a_model_without_weights_are_those_of_its_maps(sizes):
    script = sizes(name="sizes")
    spec = read_spec(ModelSpec, ROOT / "config/models", "tiny-llava", "")
    model = script.count("tiny-llava", spec, SampleSize(24, 81, 336), "npo")
    # Two operations a weight in three passes: of both layers' seven maps forward twice and backward
    # once, of their adapters of rank 16 forward once and backward twice, for 105 tokens, and of the
    # output layer's words for the answer. What the first maps read has no gradient.
    maps = [(128, 128)] * 4 + [(128, 320)] * 3
    layers = 2 * sum(6 * a * b + 6 * 16 * (a + b) for a, b in maps)
    expected = 105 * (layers - 3 * 2 * 128 * 128) + 81 * 6 * 128 * 1800
    assert model.costs["text"].flops == pytest.approx(expected, rel=0.02)
    assert model.costs["visual"].flops > model.costs["text"].flops
    assert model.costs["visual"].bytes >= model.costs["text"].bytes > 4 * model.weights


def test_the_law_is_the_one_that_costs_follow(sizes):
    script = sizes(name="sizes")
    costs = [(1e6, 3.0), (4e6, 6.0), (16e6, 12.0)]
    models = [
        script.Model("", weights, {"text": script.Cost(flops, 0)}) for weights, flops in costs
    ]
    assert script.law(models, "flops", "text") == pytest.approx((0.5, 3.0))
    assert script.by_law(models, "flops", "text", 64e6) == pytest.approx(24.0)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--sizes", "1"], "--sizes: 1; allowed: 2 to 5, to fit a law"),
        (["--rounds", "0"], "--rounds: 0; allowed: 1 and more"),
        (["--method", "npoo"], "npoo: unknown method (did you mean npo?)"),
        (["--models", "none"], "--models: unknown: none; allowed: "),
        (["--models", "resnet-18"], "--models: resnet-18 has no shape of a model that sees"),
        (["--write", ROOT / "README.md"], "has no part between"),
    ],
)
def test_a_mistake_is_told_in_a_line_before_anything_runs(words, told, sizes, capsys):
    with pytest.raises(SystemExit) as ended:
        sizes(*words)
    assert told in str(ended.value)
    assert "\n" not in str(ended.value)
    assert capsys.readouterr().out == ""
