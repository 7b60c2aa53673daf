"""The table `tradeoff`: numbers at a share of the original's retention, read off curves."""

import io
import json
import math
from pathlib import Path

import pandas as pd
import pytest

from clearbench.errors import UserError
from clearbench.jobs.environment import accepted
from clearbench.provenance.audit import Audit
from clearbench.provenance.invalidate import labels
from clearbench.provenance.plan import Experience
from clearbench.results.read import read_results
from clearbench.results.runs import Document, Outcome
from clearbench.results.strengths import Point
from clearbench.results.tree import Tree
from clearbench.suite.graph import TABLES
from clearbench.suite.load import load_suite
from clearbench.suite.rows import cells
from clearbench.tables.documents import documents
from clearbench.tables.tradeoff import at, crossing, gain
from synthetic import ROOT, Failed, Made, SyntheticTree, draw_scores, write_suite

STRENGTHS = [0.5, 1.5]
QUALITY = "forget_quality_js"


def curve(*points):
    """A curve through (strength, retain, forget quality); None stands for a run without scores."""
    return tuple(
        Point(
            strength,
            f"run at {strength}",
            Outcome("missing")
            if retain is None
            else Outcome(documents={"score": Document("", {"retain": retain, QUALITY: quality})}),
        )
        for strength, retain, quality in points
    )


def test_a_number_lies_between_the_points_where_retain_first_falls_to_the_share():
    down = curve((0, 0.8, 0.1), (0.5, 0.78, 0.2), (1, 0.70, 0.6), (1.5, 0.75, 0.9))
    # 95 % of 0.8 is 0.76, a quarter of the way from 0.78 to 0.70.
    assert at(down, 0.95, QUALITY) == pytest.approx(0.3)
    assert at(down, 0.95, "strength") == pytest.approx(0.625)
    # On a point.
    assert at(down, 0.875, QUALITY) == pytest.approx(0.6)
    assert crossing(down, 0.8) is None
    assert at(down, 0.8, QUALITY) is None


def test_what_retains_more_than_the_original_at_first_falls_later():
    up = curve((0, 0.8, 0.1), (0.5, 0.9, 0.2), (1, 0.6, 0.5))
    assert at(up, 0.95, "strength") == pytest.approx(0.5 + 0.5 * 0.14 / 0.3)


def test_a_gap_before_the_share_leaves_it_unknown_and_one_after_it_does_not_matter():
    points = [(0, 0.8, 0.1), (0.5, 0.7, 0.2), (1, None, None), (1.5, 0.1, 0.5)]
    assert at(curve(*points), 0.95, QUALITY) == pytest.approx(0.14)
    assert at(curve(*points), 0.8, QUALITY) is None
    assert at(curve((0, None, None), (1, 0.5, 0.3)), 0.95, QUALITY) is None


def test_the_gain_is_the_mean_height_over_the_original():
    # Straight down to nothing: at the share r, forget quality is 0.1 + (1 - r).
    line = curve((0, 1.0, 0.1), (1, 0.0, 1.1))
    assert gain(line, QUALITY) == pytest.approx(0.1)
    # Of one that stays, its end counts for all lower shares.
    stays = curve((0, 1.0, 0.1), (1, 0.99, 0.5))
    assert gain(stays, QUALITY) == pytest.approx(0.4 * 0.975)
    assert gain(curve((0, 1.0, 0.1), (1, 1.0, 0.1)), QUALITY) == 0
    assert gain(curve((0, 1.0, 0.1), (1, None, None)), QUALITY) is None


class Scaled(SyntheticTree):
    """Cells that fall by a tenth of the original's retain score with each half of a strength."""

    def __init__(self, folder, **changes):
        suite = {"methods": {"ga": {}, "gd": {}}, "modalities": ["text"], "strengths": STRENGTHS}
        super().__init__(write_suite(folder, **{**suite, **changes}), folder / "results/small")

    def _files(self, artifact):
        run = artifact.run
        if artifact.stage != "score" or run is None:
            return super()._files(artifact)
        strength = 0.0 if run.row == "original" else 1.0 if run.strength is None else run.strength
        seed = int(run.name.partition("/seed")[2][:1] or 0)
        fall = 0.01 if run.row == "gd" else 0.2
        rise = {"kl": 0.2 + 0.001 * seed, "npo": 0.5 - 0.001 * seed}.get(run.row, 0.1 * (seed + 1))
        numbers = {"retain": 0.8 * (1 - fall * strength), QUALITY: 0.1 + rise * strength}
        return {"scores.json": json.dumps({**draw_scores(run.name), **numbers})}


@pytest.fixture
def tree(tmp_path):
    return Scaled(tmp_path)


def table(tree):
    frame = pd.read_csv(tree.root / TABLES / "tradeoff.csv")
    return frame.set_index(["method", "metric"])


def test_methods_are_compared_at_the_same_retention_over_seeds(tree):
    told = table(tree.build())
    # ga has fallen to 95 % at a quarter of its strength.
    assert told.loc[("ga", "strength/at 95%"), "mean"] == pytest.approx(0.25)
    assert told.loc[("ga", f"{QUALITY}/at 95%"), "mean"] == pytest.approx(0.1 + 0.2 * 0.25)
    assert told.loc[("ga", f"{QUALITY}/at 95%"), "std"] == pytest.approx(0.1 * 0.25)
    assert told.loc[("ga", f"{QUALITY}/at 80%"), "mean"] == pytest.approx(0.1 + 0.2)
    assert told.loc[("ga", f"{QUALITY}/at 95%"), "n"] == 3
    # gd never falls as far, which is told, and has a gain all the same.
    assert math.isnan(told.loc[("gd", f"{QUALITY}/at 95%"), "mean"])
    assert told.loc[("gd", f"{QUALITY}/gain"), "mean"] > 0.2
    text = (tree.root / TABLES / "tradeoff.md").read_text()
    row = next(line for line in text.splitlines() if line.startswith("| gd"))
    assert "> at 1.5" in row
    assert "retain at 95 % of the original's" in text


def test_other_tables_have_no_rows_of_scaled_cells(tree, tmp_path):
    (tmp_path / "plain").mkdir()
    plain = Scaled(tmp_path / "plain", strengths=[]).build()
    scaled = tree.build()
    for path in (plain.root / TABLES).glob("*.csv"):
        # What strengths cost, and ranks at equal retention.
        if path.name not in ("cost.csv", "overhead.csv", "ranking.csv"):
            assert path.read_text() == (scaled.root / TABLES / path.name).read_text(), path.name
    assert not (plain.root / TABLES / "tradeoff.csv").exists()


def test_methods_are_ranked_at_equal_retention_first(tmp_path):
    methods = {"gd": {}, "kl": {}, "npo": {}}
    tree = Scaled(tmp_path, methods=methods).build()
    text = (tree.root / TABLES / "ranking.md").read_text()
    rows = [line.split("|") for line in text.splitlines() if line.startswith("|")]
    assert rows[0][2].strip() == "forget quality at 95 % retention ↑"
    told = {row[1].strip(): row[2].strip() for row in rows}
    assert told["npo"].endswith("] 1")
    assert told["npo"].startswith("0.225 [")
    assert told["kl"].endswith("] 2")
    assert told["gd"] == "> at 1.5"


def test_each_number_is_proven_by_all_points_of_its_curves(tmp_path):
    suite = {"methods": {"ga": {}, "gd": {}}, "modalities": ["text"], "strengths": STRENGTHS}
    tree = SyntheticTree(write_suite(tmp_path, **suite), tmp_path / "results/small", records=True)
    tree.build()
    lost = "score/strengths/ga/text/forget10/seed1/1.5"

    def broken():
        audit = Audit(tree.graph, Tree(tree.root), accepted(Path("none.sif"), False))
        return {cell: link for cell, link in audit.cells().items() if link}

    assert broken() == {}
    (tree.root / lost / "scores.json").write_text("{}")
    links = broken()
    assert links
    assert {table for table, _ in links} == {"tradeoff", "ranking"}
    assert {name.partition("/")[0] for _, name in links} == {"ga"}
    assert {name for table, name in links if table == "ranking"} == {
        f"ga/text/forget10:{QUALITY}/at 95%"
    }


def test_what_strengths_cost_is_told_of_cells_alone(tree):
    tree.build()
    name = "evaluate/strengths/ga/text/forget10/seed{}"
    for seed, seconds in enumerate((10, 20, 30)):
        tree.put(name.format(seed), Made(seconds=seconds))
    frame = pd.read_csv(
        io.StringIO(
            documents(read_results(tree.graph, Tree(tree.root), lambda _: None))["cost.csv"]
        )
    )
    told = frame[frame.metric == "evaluate/seconds/strengths"].set_index("method")
    assert told.loc["ga", "mean"] == 20
    assert math.isnan(told.loc["gold", "mean"])


def test_a_plan_takes_strengths_for_as_many_evaluations_until_it_knows(tree):
    names = ("evaluate/ga/text/forget10/seed0", "evaluate/strengths/ga/text/forget10/seed0")
    for artifact in tree.graph.ancestors(names[0]):
        tree.put(artifact.name, Made(seconds=7))
    asked = tree.graph[names[1]]
    assert Experience([Tree(tree.root)]).estimate(asked, tree.graph).seconds == 2 * 7
    tree.put(names[1], Made(seconds=9))
    assert Experience([Tree(tree.root)]).estimate(asked, tree.graph).seconds == 9
    plain = tree.graph[names[0]]
    assert Experience([Tree(tree.root)]).estimate(plain, tree.graph).seconds == 7


def test_scaled_cells_are_found_as_the_cells_are(tree):
    told = labels(tree.graph["score/strengths/ga/text/forget10/seed0/0.5"])
    assert told.items() >= {"stage": "score", "row": "ga", "seed": "0", "strength": "0.5"}.items()
    assert list(tree.graph.cells) == [run.name for run in cells.runs(tree.suite, 10)]


def test_a_point_that_failed_is_told(tree):
    tree.build({"evaluate/strengths/gd/text/forget10/seed0": Failed("no memory")})
    text = documents(read_results(tree.graph, Tree(tree.root)))["tradeoff.md"]
    rows = {line.split()[1]: line for line in text.splitlines() if line.startswith("| g")}
    assert "failed" not in rows["ga"]
    assert "> at 1.5" not in rows["gd"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([-0.5], "strengths.0: input should be greater than or equal to 0, not -0.5"),
        ([float("nan")], "strengths.0: .nan: not a finite number"),
        (["half"], "strengths.0: input should be a valid number, not 'half'"),
        ([0.5, 0.5], "strengths: 0.5 stands twice"),
        (0.5, "strengths: input should be a valid list, not 0.5"),
    ],
)
def test_what_is_no_strength_is_one_line(tmp_path, given, said):
    with pytest.raises(UserError) as error:
        write_suite(tmp_path, strengths=given)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_one_and_nought_are_evaluated_anyway(tmp_path):
    suite = write_suite(tmp_path, strengths=[0, 1, 2, 0.5])
    assert suite.file.scaled == [0.5, 2.0]


@pytest.mark.parametrize("given", ["[-0.5]", "[.nan]", "[half]", "[0.5, 0.5]", "0.5"])
def test_what_is_no_strength_is_one_line_of_models_of_faces_too(tmp_path, given):
    path = tmp_path / "faces.yaml"
    path.write_text((ROOT / "config/mini-vision.yaml").read_text() + f"strengths: {given}\n")
    with pytest.raises(UserError, match=r"faces.yaml: (line \d+: )?strengths") as error:
        load_suite(str(path), ROOT)
    assert "\n" not in str(error.value)
