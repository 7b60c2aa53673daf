"""Two runs beside each other: what differs beyond the noise, and what nobody can tell."""

import json
import re

import pytest
from click.testing import CliRunner

from clearbench.cli import cli
from clearbench.errors import UserError
from clearbench.metrics.score import SCORES
from clearbench.provenance.crate.export import Publication, export
from synthetic import ROOT, LeftOut, Made, SyntheticTree, draw_scores, write_suite


def scores(run, retain):
    """The scores of a run with a retain score."""
    return Made({SCORES: json.dumps({**draw_scores(run), "retain": retain}, indent=1) + "\n"})


def tree(folder, name, retain=None, **changes):
    """The results of a suite; `retain` are the retain scores of ga, a seed each."""
    given = {"modalities": ["text"], "methods": {"ga": {}, "npo": {}}, **changes}
    suite = write_suite(folder, name, **given)
    states = {
        f"score/ga/text/forget10/seed{seed}": scores(f"ga/text/forget10/seed{seed}", number)
        for seed, number in enumerate(retain or ())
    }
    return SyntheticTree(suite, folder / "results" / name).build(
        {"tables": LeftOut(), "report": LeftOut(), **states}
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Runs that differ in one number, in their rows and settings, in everything's seeds."""
    folder = tmp_path_factory.mktemp("made")
    tree(folder, "one", [0.50, 0.51, 0.52])
    tree(folder, "other", [0.80, 0.81, 0.83])
    tree(folder, "rows", [0.50, 0.51, 0.54], methods={"ga": {"lr": 0.5}, "scrub": {}})
    tree(folder, "few", [0.80, 0.81], seeds=[0, 1])
    tree(folder, "single", [0.80], seeds=[0])
    return folder


@pytest.fixture
def compare(made, monkeypatch):
    monkeypatch.setenv("COLUMNS", "1000")

    def call(one, other, *options):
        names = [str(made / f"{name}.yaml") for name in (one, other)]
        words = ["compare", *names, "--results", str(made / "results"), *map(str, options)]
        done = CliRunner().invoke(cli, words)
        if isinstance(done.exception, UserError):
            return str(done.exception)
        assert done.exit_code == 0, done.exception
        return done.output

    return call


def test_what_differs_beyond_the_noise_is_told_with_its_interval(compare):
    said = compare("one", "other")
    (line,) = re.findall(r"^\| ga/text/forget10 +\| (.*) \|$", said, re.M)
    cells = [cell.strip() for cell in line.split("|")]
    assert cells[0].startswith("retain")
    assert cells[1:3] == ["0.510 ± 0.010", "0.813 ± 0.015"]
    assert re.fullmatch(r"\+0\.303 \[\+0\.2\d\d, \+0\.3\d\d\]", cells[3])
    assert "rows 1 differ by more than the noise" in said
    assert "cannot be told" not in said


def test_of_one_seed_nothing_is_told_and_that_is_said(compare):
    said = compare("one", "single")
    assert " 0 differ by more than the noise" in said
    assert "cannot be told: of one seed" in said
    assert re.search(r"^\| seeds +\| \[0, 1, 2\] +\| \[0\]", said, re.M)


def test_runs_of_other_seeds_are_compared_as_independent_ones(compare):
    (line,) = re.findall(r"^\| ga/text/forget10 .*", compare("one", "few"), re.M)
    # Welch's: wider than that of pairs.
    low, high = map(float, re.findall(r"[+-]\d\.\d+(?=[,\]])", line))
    assert (low + high) / 2 == pytest.approx(0.295, abs=0.002)
    assert 0.02 < high - low < 0.2


def test_rows_and_settings_that_only_one_has_are_named(compare):
    said = compare("one", "rows")
    assert "- Only in one: npo/text/forget10.\n" in said
    assert "- Only in rows: scrub/text/forget10.\n" in said
    assert re.search(r"^\| methods\.ga\.lr +\| – +\| 0\.5 +\|$", said, re.M)
    # Seed by seed: 0, 0, 0.02.
    assert " 0 differ by more than the noise, 1 do not" in said


def test_a_tree_and_a_crate_are_taken_like_a_suite(tmp_path, monkeypatch):
    suite = write_suite(tmp_path, "whole", modalities=["text"], methods={"ga": {}}, seeds=[0, 1])
    results = tmp_path / "results/whole"
    whole = SyntheticTree(suite, results).build()
    crate = tmp_path / "crate"
    export(suite, ROOT, whole.root, crate, Publication("https://spdx.org/licenses/MIT"), False)
    (tmp_path / "config").mkdir()
    for name in ("models", "datasets"):
        (tmp_path / "config" / name).symlink_to(ROOT / "config" / name)
    (tmp_path / "config/whole.yaml").write_bytes(suite.path.read_bytes())
    monkeypatch.chdir(tmp_path)
    words = ["compare", str(crate), "results/whole", "--results", "none"]
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 0, done.exception
    assert done.output.startswith("## crate against whole\n\nMade alike: ")
    assert " 0 differ by more than the noise, 0 do not" in done.output


def test_the_differences_are_drawn_if_asked_for(compare, tmp_path):
    out = tmp_path / "apart.svg"
    assert compare("one", "other", "--out", out).endswith(f"{out}\n")
    assert "<!-- ga/text/forget10 -->" in out.read_text()


def test_mistakes_are_a_line_each(made, compare, tmp_path):
    said = compare("one", "other", "--out", tmp_path / "apart.png")
    assert said == f"--out {tmp_path / 'apart.png'}: allowed endings: .svg, .pdf"
    said = compare("one", "other", "--out", "none/apart.svg")
    assert said == "--out none/apart.svg: none is no folder; make it first"
    write_suite(made, "empty")
    root = made / "results/empty"
    said = compare("one", "empty")
    assert said == f"{made / 'empty.yaml'}: no finished run below {root}; nothing to compare"
    assert "gone.yaml does not exist" in compare("one", "gone")
