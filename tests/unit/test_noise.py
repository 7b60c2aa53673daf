"""The table `noise`: what bases, fine-tunings, unlearning runs and persons make of the variance."""

import json
import random
from pathlib import Path
from statistics import fmean, variance

import pandas as pd
import pytest

from clearbench.jobs.environment import accepted
from clearbench.provenance.audit import Audit
from clearbench.results.tree import Tree
from clearbench.suite.graph import TABLES
from clearbench.tables.noise import components
from synthetic import ROOT, SyntheticTree, draw_scores, write_suite

ONE = 1 / 1.959964


def drawn(design, deviations, draw):
    """Numbers of runs by base and original, with given deviations of the three levels."""
    bases = {}
    for base, counts in enumerate(design):
        of_base = draw.gauss(0, deviations[0])
        bases[str(base)] = originals = {}
        for original, count in enumerate(counts):
            of_original = of_base + draw.gauss(0, deviations[1])
            runs = [of_original + draw.gauss(0, deviations[2]) for _ in range(count)]
            originals[str(original)] = runs
    return bases


@pytest.mark.parametrize(
    ("design", "expected"),
    [
        ([[2, 2]] * 3, (9, 4, 1)),
        ([[1, 2], [3], [2, 1, 1], [4, 1]], (9, 4, 1)),
        ([[1, 1]] * 3, (9, 5, None)),
        ([[2]] * 3, (13, None, 1)),
        ([[1]] * 4, (14, None, None)),
        ([[2, 2]], (None, 4, 1)),
        ([[5]], (None, None, 1)),
    ],
    ids=["balanced", "unequal", "no runs", "no originals", "seeds", "one base", "one original"],
)
def test_each_part_is_estimated_without_bias_and_what_nothing_tells_is_in_the_one_above(
    design, expected
):
    draw = random.Random(0)
    samples = [components(drawn(design, (3, 2, 1), draw)) for _ in range(6000)]
    for place, value in enumerate(expected):
        estimates = [sample[place] for sample in samples]
        if value is None:
            assert set(estimates) == {None}
        else:
            assert fmean(estimates) == pytest.approx(value, rel=0.07)


class Scored(SyntheticTree):
    """A results tree whose cells have the given number for `real`, by run, with an interval."""

    def __init__(self, folder, numbers, **changes):
        suite = {"methods": {"ga": {}, "gd": {}}, "modalities": ["text"]}
        super().__init__(write_suite(folder, **{**suite, **changes}), folder / "results/small")
        self._numbers = numbers

    def _files(self, artifact):
        if artifact.stage != "score" or artifact.run is None or artifact.run.cell is None:
            return super()._files(artifact)
        number = self._numbers(artifact.run)
        ends = {"real~low": number - 0.02, "real~high": number + 0.02}
        scores = {**draw_scores(artifact.run.name), "real": number, **ends}
        return {"scores.json": json.dumps(scores)}


def noise(tree):
    frame = pd.read_csv(tree.root / TABLES / "noise.csv")
    frame = frame[frame.metric.str.startswith("real/noise/")]
    parts = frame.metric.str.removeprefix("real/noise/")
    return {
        (method, part): mean
        for method, part, mean in zip(frame.method, parts, frame["mean"], strict=True)
    }


def text_of(tree):
    return (tree.root / TABLES / "noise.md").read_text()


def test_repeats_tell_the_parts_apart(tmp_path):
    """Only bases differ for one method, only unlearning runs for the other."""

    def number(run):
        if run.row == "ga":
            return 0.1 * int(run.base[-1])
        return 0.5 + 0.01 * (int(run.cell.seed) // 10_000 % 2)

    tree = Scored(tmp_path, number, seeds=[0, 1, 2], repeats={"finetune": 2, "unlearn": 2}).build()
    found = noise(tree)
    assert found["ga", "bases"] == pytest.approx(0.1)
    assert found["ga", "fine-tunings"] == found["ga", "unlearning"] == 0
    assert found["gd", "unlearning"] == pytest.approx(variance([0, 0.01]) ** 0.5)
    assert found["gd", "bases"] == found["gd", "fine-tunings"] == 0
    assert found["ga", "persons"] == pytest.approx(0.02 * ONE)
    # Of all methods the mean variance.
    assert found["all methods", "bases"] == pytest.approx((0.1**2 / 2) ** 0.5)
    row = next(line for line in text_of(tree).splitlines() if line.startswith("| ga"))
    assert "0.100 (99 %)" in row


@pytest.mark.parametrize(
    ("changes", "parts", "said"),
    [
        ({"seeds": [0, 1]}, ["bases + fine-tunings + unlearning"], "vary together"),
        (
            {"seeds": [0, 1], "originals": "shared"},
            ["unlearning"],
            "Not varied in this suite: bases, fine-tunings.",
        ),
        (
            {"seeds": [0], "repeats": {"finetune": 2}},
            ["fine-tunings + unlearning"],
            "Not varied in this suite: bases.",
        ),
        ({"seeds": [0, 1], "repeats": {"unlearn": 2}}, ["bases + fine-tunings", "unlearning"], ""),
    ],
    ids=["seeds", "shared", "fine-tunings", "runs"],
)
def test_what_varies_together_is_told_together_and_what_does_not_is_named(
    tmp_path, changes, parts, said
):
    tree = Scored(tmp_path, lambda run: 0.001 * (run.cell.seed % 997), **changes).build()
    found = noise(tree)
    assert [part for method, part in found if method == "ga"] == [*parts, "persons"]
    assert said in text_of(tree)


def test_one_seed_alone_has_no_table_of_noise(tmp_path):
    tree = Scored(tmp_path, lambda run: 0.5, seeds=[0]).build()
    assert not (tree.root / TABLES / "noise.csv").exists()


def test_an_audit_proves_the_noise_of_each_row_and_of_all_methods(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    tree = Scored(tmp_path, lambda run: 0.5, seeds=[0, 1], repeats={"unlearn": 2}).build()
    here = accepted(Path("no.sif"), False)
    cells = Audit(tree.graph, Tree(tree.root), here, fast=True).cells()
    assert ("noise", "all/forget10:real/noise/unlearning") in cells
    assert set(cells.values()) == {None}
    # A repeat is in `noise` alone.
    (tree.root / "score/ga/text/forget10/seed0.0.1/provenance.json").write_text("{}")
    cells = Audit(tree.graph, Tree(tree.root), here, fast=True).cells()
    broken = {name for (table, name), link in cells.items() if link and table == "noise"}
    assert {"all/forget10:real/noise/unlearning", "ga/text/forget10:real/noise/persons"} <= broken
    assert not any(link for (table, _), link in cells.items() if table == "comparison")
