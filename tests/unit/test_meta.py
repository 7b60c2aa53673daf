"""The table `meta`: which metrics tell who knows, and how it fares under stress."""

import io
import json
import random
from itertools import product
from pathlib import Path

import pandas as pd
import pytest

from clearbench.errors import UserError
from clearbench.jobs.environment import accepted
from clearbench.provenance.audit import Audit
from clearbench.results.faithfulness import (
    faithfulness,
    interval_of_auc,
    r_and_q,
    robustness,
    threshold,
)
from clearbench.results.tree import Tree
from clearbench.suite.graph import TABLES, Graph
from synthetic import ROOT, Made, SyntheticTree, write_suite

ROUGE = "forget/text_qa/rouge_l"
RATIO = "forget/text_qa/truth_ratio"
SUITE = {
    "methods": {"ga": {}, "npo": {}},
    "modalities": ["text"],
    "recipes": {"short": {"epochs": 2}, "again": {}},
    "stress": {"relearn": {"steps": [5]}, "quantise": {"to": ["nf4"]}},
}


def test_faithfulness_is_the_share_of_pairs_that_stand_rightly():
    draw = random.Random(0)
    knowing, ignorant = ([draw.randrange(9) / 9 for _ in range(n)] for n in (7, 5))
    pairs = [(p > n) + 0.5 * (p == n) for p, n in product(knowing, ignorant)]
    assert faithfulness(knowing, ignorant) == pytest.approx(sum(pairs) / 35)
    assert faithfulness(ignorant, knowing) == pytest.approx(1 - sum(pairs) / 35)
    with pytest.raises(UserError, match="no score"):
        faithfulness([], ignorant)


@pytest.mark.parametrize("number", [0.0, 0.2, 0.5, 0.93, 1.0])
@pytest.mark.parametrize(("knowing", "ignorant"), [(18, 15), (3, 4), (400, 300)])
def test_the_interval_of_an_auc_ends_where_its_equation_holds(number, knowing, ignorant):
    low, high = interval_of_auc(number, knowing, ignorant)
    assert 0 <= low <= number <= high <= 1
    assert low < high
    for end in {low, high} - {number}:
        half = (knowing + ignorant) / 2
        terms = (1 - end) / (2 - end) + end / (1 + end)
        variance = end * (1 - end) * (1 + (half - 1) * terms) / (knowing * ignorant)
        assert (end - number) ** 2 == pytest.approx(1.959964**2 * variance, rel=1e-5)
    mirrored = interval_of_auc(1 - number, ignorant, knowing)
    assert (1 - mirrored[1], 1 - mirrored[0]) == pytest.approx((low, high))


def test_the_interval_holds_the_true_auc_as_often_as_it_says():
    """Of normal numbers a distance of 1.349 apart, whose AUC is that of a deviate of 0.954."""
    draw, held = random.Random(1), 0
    for _ in range(400):
        knowing, ignorant = ([draw.gauss(mean, 1) for _ in range(18)] for mean in (1.349, 0))
        low, high = interval_of_auc(faithfulness(knowing, ignorant), 18, 18)
        held += low <= 0.83 <= high
    assert 0.92 <= held / 400 <= 0.99


def test_the_threshold_lies_between_two_models_and_tells_most_rightly():
    assert threshold([0.8, 0.9], [0.1, 0.4]) == pytest.approx(0.6)
    assert threshold([0.3, 0.8, 0.9], [0.1, 0.4, 0.2]) in (0.25, pytest.approx(0.6))
    # Pools of different sizes count alike.
    assert threshold([0.5] * 9 + [0.1], [0.2]) == pytest.approx(0.35)
    assert threshold([0.5], [0.5]) == 0.5


def test_r_and_q_are_means_over_points_and_one_that_is_0_makes_both_0():
    r, q = r_and_q(0.2, [0.6, 0.2], [0.4, 0.1], 0.2, [0.3, 0.3])
    assert r == pytest.approx((0.25 + 1) / 2)
    assert q == pytest.approx((0.5 + 1) / 2)
    assert robustness(0.5, 1.0) == pytest.approx(2 / 3)
    assert robustness(0.0, 1.0) == 0


class Scored(SyntheticTree):
    """Originals know and golds don't, by ROUGE-L; the truth ratio is the same of all."""

    def __init__(self, folder, **changes):
        suite = write_suite(folder, **{**SUITE, **changes})
        super().__init__(suite, folder / "results/small")

    def _files(self, artifact):
        if artifact.stage != "score":
            return super()._files(artifact)
        run = artifact.run
        # A gold that relearns knows a little more; npo comes back by relearning, ga by rounding.
        number = 0.9 if run.row.startswith("original") else 0.3
        back = {"relearn": {"npo": 0.7, "ga": 0.4}, "quantise": {"ga": 0.6}}
        if run.stress:
            number = back[run.stress].get(run.row, 0.4 if run.stress == "relearn" else number)
        kept = 0.5 if run.row == "npo" and run.base == "base/seed2" else 0.9
        scores = {ROUGE: number, RATIO: 0.5, "model_utility": kept}
        return {"scores.json": json.dumps(scores)}


def told(tree):
    frame = pd.read_csv(io.StringIO((tree.root / TABLES / "meta.csv").read_text()))
    return {
        (row.method, row.metric.rpartition("/")[2]): (row.mean, row.low, row.high)
        for row in frame.itertuples()
    }


def test_a_metric_that_tells_who_knows_has_auc_1_and_one_that_does_not_one_half(tmp_path):
    found = told(Scored(tmp_path).build())
    assert found["rouge_l", "AUC"][0] == 1
    assert found["rouge_l", "AUC"][1] == pytest.approx(interval_of_auc(1, 9, 6)[0])
    assert found["truth_ratio", "AUC"][0] == 0.5
    assert found["rouge_l", "original"][0] == pytest.approx(0.9)
    assert found["rouge_l", "gold"][0] == pytest.approx(0.3)


def test_robustness_is_of_the_models_that_keep_their_use(tmp_path):
    found = told(Scored(tmp_path).build())
    # Of npo, two seeds keep enough: gold gains 0.1 where it gains 0.4. Of ga all three do.
    r_and_q_of = {"npo": (0.25, 1.0), "ga": (1.0, 0.5)}
    each = [r_and_q_of["npo"]] * 2 + [r_and_q_of["ga"]] * 3
    assert found["rouge_l", "models"][0] == 5
    assert found["rouge_l", "R"][0] == pytest.approx(sum(r for r, _ in each) / 5)
    assert found["rouge_l", "Q"][0] == pytest.approx(sum(q for _, q in each) / 5)
    robust = sum(2 * r * q / (r + q) for r, q in each) / 5
    number, low, high = found["rouge_l", "robustness"]
    assert low < number < high
    assert number == pytest.approx(robust)
    assert found["rouge_l", "both"][0] == pytest.approx(2 * robust / (1 + robust))
    assert found["rouge_l", "believed"][0] == 5
    assert found["rouge_l", "robustness (paper)"] == found["rouge_l", "robustness"]


def test_the_paper_s_robustness_is_of_those_whom_the_metric_believes(tmp_path):
    class Known(Scored):
        """Npo still knows."""

        def _files(self, artifact):
            files = super()._files(artifact)
            if artifact.stage == "score" and artifact.run.row == "npo" and not artifact.run.stress:
                return {"scores.json": files["scores.json"].replace("0.3", "0.8")}
            return files

    found = told(Known(tmp_path).build())
    assert [found["rouge_l", name][0] for name in ("models", "believed")] == [5, 3]
    assert found["rouge_l", "robustness (paper)"][0] == pytest.approx(2 * 0.5 / 1.5)
    # What lost by relearning has an R of 1.
    assert found["rouge_l", "R"][0] == 1


def test_without_stress_there_is_faithfulness_alone_and_without_recipes_no_table(tmp_path):
    found = told(Scored(tmp_path, stress={}).build())
    assert found["rouge_l", "AUC"][0] == 1
    assert found["rouge_l", "robustness"][0] != found["rouge_l", "robustness"][0]
    (tmp_path / "other").mkdir()
    tree = Scored(tmp_path / "other", recipes={}).build()
    assert not (tree.root / TABLES / "meta.csv").exists()


def test_what_failed_is_left_out_of_the_pools(tmp_path):
    lost = {"original/seed0.short": Made(status="diverged", step=3)}
    found = told(Scored(tmp_path).build(lost))
    assert found["rouge_l", "AUC"][1] == pytest.approx(interval_of_auc(1, 8, 6)[0])


def test_an_audit_proves_what_is_told_of_metrics(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    tree = Scored(tmp_path).build()
    here = accepted(Path("no.sif"), False)
    cells = Audit(tree.graph, Tree(tree.root), here, fast=True).cells()
    name = f"metrics/forget10:{ROUGE}/meta"
    assert cells["meta", f"{name}/AUC"] is None
    assert set(cells.values()) == {None}
    (tree.root / "score/gold/forget10/seed0.short/provenance.json").write_text("{}")
    cells = Audit(tree.graph, Tree(tree.root), here, fast=True).cells()
    assert cells["meta", f"{name}/AUC"]
    assert cells["meta", f"{name}/R"] is None


def test_a_recipe_makes_an_original_and_a_gold_of_each_seed_on_its_base(tmp_path):
    graph = Graph(write_suite(tmp_path, **SUITE))
    made = graph["original/seed1.short"]
    assert made.inputs == {"base": "base/seed1", "dataset": "dataset"}
    assert made.settings["training"]["epochs"] == 2
    assert made.options["seed"] == graph["gold/forget10/seed1.short"].options["seed"] == 10_001
    plain = graph["original/seed1"].settings
    assert graph["original/seed1.again"].settings == plain
    assert graph.runs["gold/forget10/seed1.again"].gold == "evaluate/gold/forget10/seed1"
    assert "recipes" not in Graph(write_suite(tmp_path)).artifacts[TABLES].options


@pytest.mark.parametrize(
    ("recipes", "said"),
    [
        ({"short": {"epochs": 0}}, "recipes.short: epochs: input should be greater than 0"),
        ({"short": {"epoch": 3}}, "recipes.short: "),
        ({"1": {}}, "recipes.1: allowed in a name"),
        ({"a.b": {}}, "recipes.a.b: allowed in a name"),
    ],
)
def test_a_recipe_that_cannot_be_is_told_by_its_key(tmp_path, recipes, said):
    with pytest.raises(UserError) as error:
        write_suite(tmp_path, recipes=recipes)
    assert said in str(error.value)
    assert str(error.value).count("\n") == 0
