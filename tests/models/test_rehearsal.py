"""The rehearsal of a suite, on this machine: what it promises whoever has a GPU for ten minutes."""

import re
import runpy
import sys

import pytest

from synthetic import ROOT

PAGE = "Before.\n<!-- rehearsed -->\nold\n<!-- end of rehearsed -->\nAfter.\n"


@pytest.fixture
def rehearse(monkeypatch):
    """Runs the script in this process, which has imported torch."""
    path = ROOT / "benchmarks/rehearsal.py"
    monkeypatch.syspath_prepend(str(path.parent))

    def run(*words):
        monkeypatch.setattr(sys, "argv", [str(path), *map(str, words)])
        runpy.run_path(str(path), run_name="__main__")

    return run


def test_a_rehearsal_finds_memory_as_counted_and_the_same_bytes(rehearse, tmp_path):
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    rehearse("--methods", "npo", "rmu", "mip_editor", "--write", page)
    text = page.read_text()
    assert re.fullmatch(
        r"Before\.\n<!-- rehearsed -->\n.*<!-- end of rehearsed -->\nAfter\.\n", text, re.S
    )
    assert "old" not in text
    trainings = text.partition("| what was held")[0]
    rows = re.findall(
        r"^\| ([\w, -]+) \| \d+\.\d\d \| 0\.\d+ \| .* \| ([\d.]*) \|$", trainings, re.M
    )
    counted = {what: float(share) for what, share in rows if share}
    assert [what for what, _ in rows] == ["fine-tuning", "npo", "rmu", "mip_editor, all weights"]
    assert counted.keys() == {"fine-tuning", "npo", "rmu"}
    assert all(0.9 < share < 1.1 for share in counted.values())
    assert "OTHER" not in text
    assert "| a fine-tuning, made twice | the same bytes |" in text
    assert "| npo, ended after two of four steps and gone on | the same bytes |" in text
    assert "made twice | the same numbers |" in text
    for what in ("npo", "evaluate"):
        assert re.search(rf"^\| {what} \| [\d.]+ \| [\d.]+ \| [\d.]+ \|  \|  \|$", text, re.M)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--model", "llama-3.2-1b"], "--model: needs a model with the shape of a llava"),
        (["--model", "none"], "--model: unknown: none; allowed: "),
        (["--methods", "npoo"], "npoo: unknown method (did you mean npo?); allowed: "),
        (["--methods", "npo", "--write", ROOT / "README.md"], "has no part between"),
    ],
)
def test_what_can_not_be_rehearsed_is_told_in_a_line_before_anything_runs(
    words, expected, rehearse, capsys
):
    with pytest.raises(SystemExit) as ended:
        rehearse(*words)
    assert expected in str(ended.value)
    assert "\n" not in str(ended.value)
    assert capsys.readouterr().out == ""
