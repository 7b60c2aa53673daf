"""Table 5 from given scores: what is of a method stands once, what is of a cell has its seeds."""

import pytest

from clearbench.figures.tradeoff import draw
from clearbench.report.tradeoff import tradeoff_of
from clearbench.results.runs import Document, Outcome, Results, groups_of
from clearbench.suite.graph import Graph
from clearbench.suite.rows import runs_of
from clearbench.tables import across, tradeoff
from clearbench.tables.base import Column, make_entry
from clearbench.tables.claims import AHEAD, GAINS
from clearbench.tables.table5 import build
from synthetic import write_suite

SUITE = {
    "dataset": "mini-faces",
    "model": "tiny-resnet",
    "modalities": ["visual"],
    "seeds": [0, 1, 2],
    "unlearn": {"weights": "full"},
    "methods": {"scrub_bio": {}},
    "faces": {"shadows": 16, "targets": 8},
}
OF_METHOD = {"u_lira": 0.579, "u_lira_margin": 0.037, "u_lira~low": 0.542, "u_lira~high": 0.616}


@pytest.fixture
def results(tmp_path):
    suite = write_suite(tmp_path, **SUITE)
    groups = groups_of(runs_of(suite))
    names = [run for group in groups for run in group.runs]
    runs = {
        name: Outcome(
            documents={
                "score": Document(
                    "scores.json", {**OF_METHOD, "forget_accuracy": 0.1 * (number % 3)}
                )
            }
        )
        for number, name in enumerate(names)
    }
    return Results(suite, groups, runs, ())


def entry(results, key):
    (group,) = (group for group in results.groups if group.method == "scrub_bio")
    return make_entry(results, group, Column(key, ""))


def test_an_attack_of_all_seeds_together_shows_its_own_interval_and_none_over_seeds(results):
    attack = entry(results, "u_lira")
    assert (attack.text, attack.status, attack.std) == ("0.579", "ok", None)
    assert attack.interval == (0.542, 0.616)
    accuracy = entry(results, "forget_accuracy")
    assert accuracy.text == "0.100 ± 0.100"
    assert accuracy.std is not None


def test_table_5_says_of_which_models_its_attacks_are(results):
    table = build(results)
    ours, beside = table.blocks
    assert {"U-LIRA ↓", "TPR at 1 % ↓", "U-MIA ↓"} <= set(ours.headers)
    # The paper has no such column.
    assert not [header for header in beside.headers if header.startswith("TPR")]
    (note,) = (note for note in table.notes if note.startswith("U-LIRA"))
    assert "16 shadow models that forgot by the same method" in note
    assert "tried on 8 others" in note


STRENGTHS = [0.5, 1.5]


def scores_at(strength, seed, fall):
    """Scores of a model that forgets as its update grows, and falls by `fall` of its retention."""
    attack = 1 - 0.2 * strength
    return {
        "retain_accuracy": 0.8 * (1 - fall * strength * (1 + 0.1 * seed)),
        "u_lira": attack,
        "u_lira_margin": 0.04,
        "u_lira~low": attack - 0.04,
        "u_lira~high": attack + 0.04,
        "forget_accuracy": 0.9 - 0.1 * strength,
    }


@pytest.fixture
def scaled(tmp_path):
    """Results of a row that falls by a fifth at its own strength, and of one that hardly falls."""
    methods = {"scrub_bio": {}, "twins": {}}
    suite = write_suite(tmp_path, **{**SUITE, "methods": methods, "strengths": STRENGTHS})
    runs = {}
    for run in runs_of(suite):
        strength = 0.0 if run.cell is None else 1.0 if run.strength is None else run.strength
        seed = 0 if run.cell is None else run.cell.seed
        scores = scores_at(strength, seed, 0.01 if run.row == "twins" else 0.2)
        runs[run.name] = Outcome(documents={"score": Document("scores.json", scores)})
    return Results(suite, groups_of(runs_of(suite)), runs, ())


def test_methods_of_faces_are_compared_by_their_attack_where_they_retain_the_same(scaled):
    table = tradeoff.build(scaled)
    assert table.blocks[0].topic == "retain acc. at 95 % of the original's"
    assert table.blocks[0].headers[2:5] == ["U-LIRA ↓", "±", "forget acc. ↓"]
    row = "scrub_bio/visual/forget10"
    # It falls to 95 % at 0.25, at 0.25 / 1.1 and at 0.25 / 1.2, by seed.
    strengths = [0.25 / (1 + 0.1 * seed) for seed in range(3)]
    told = table.entries[f"{row}:u_lira/at 95%"]
    assert told.numbers == pytest.approx([1 - 0.2 * strength for strength in strengths])
    # The attack is no surer than of the models around it, however near the seeds are.
    low, high = told.interval
    assert 0.04 < (high - low) / 2 < 0.06
    assert table.entries[f"{row}:u_lira_margin/at 95%"].mean == pytest.approx(0.04)
    gain = table.entries[f"{row}:u_lira/gain"]
    assert gain.mean > 0
    stays = table.entries["twins/visual/forget10:u_lira/at 95%"]
    assert stays.text == "> at 1.5"
    assert table.entries["twins/visual/forget10:u_lira/gain"].mean == pytest.approx(0.29, abs=0.01)


def test_seeds_that_never_get_there_are_told_beside_one_that_does(scaled):
    (group,) = (group for group in scaled.groups if group.method == "twins")
    cell = group.runs[0]
    numbers = scaled.runs[cell].documents["score"].numbers
    numbers["retain_accuracy"] = 0.7
    text = tradeoff.build(scaled).entries["twins/visual/forget10:u_lira/at 95%"].text
    assert text.endswith("(1/3 seeds)")


def test_the_figure_of_faces_has_no_band_of_an_attack_that_seeds_share(scaled):
    figure = draw(scaled)
    (axes,) = figure.axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("retain acc. →", "← U-LIRA")
    assert not axes.collections
    labels = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    assert not [label for label in labels if "standard deviation" in label]
    assert not [label for label in labels if "no point" in label or "missing" in label]


def test_the_page_sets_the_attack_against_retention_first(scaled):
    columns = [Column(key, "") for key in ("forget_accuracy", "u_lira", "retain_accuracy")]
    told = tradeoff_of(scaled, columns)
    assert (told["up"], told["across"]) == (1, 2)
    assert len(told["curves"]["scrub_bio/visual/forget10"]) == 4


def test_claims_rank_methods_of_faces_the_better_the_lower_their_attack(scaled):
    ahead = across.numbers(scaled, "visual", AHEAD)
    assert all(-1 < number < -0.9 for number in ahead["scrub_bio"])
    assert ahead["twins"] == [None] * 3
    assert across.lacking(scaled) is None
    assert all(number > 0 for number in across.numbers(scaled, "visual", GAINS)["twins"])


def test_an_attack_on_a_scaled_cell_is_by_models_that_are_scaled_as_it_is(scaled):
    graph = Graph(scaled.suite)
    told = "0.5,1.5"
    shadows = [artifact for artifact in graph if artifact.stage == "unlearn_shadows"]
    assert {artifact.options["strengths"] for artifact in shadows} == {told}
    run = "strengths/twins/visual/forget10/seed0"
    assert graph[f"evaluate/{run}"].options["strengths"] == told
    scored = graph[f"score/{run}/1.5"]
    assert (scored.options["strength"], scored.options["targets"]) == (1.5, 16)
    plain = graph["score/twins/visual/forget10/seed0"]
    assert {**plain.inputs, "records": f"evaluate/{run}"} == scored.inputs


def test_a_sweep_of_faces_has_shadow_models_of_each_point(tmp_path):
    swept = {"twins": {"sweep": {"lr": [1e-4, 1e-3]}}}
    suite = write_suite(tmp_path, **{**SUITE, "methods": swept, "strengths": STRENGTHS})
    rows = ["twins-lr0.0001", "twins-lr0.001"]
    assert list(suite.file.methods) == rows
    made = [a for a in Graph(suite) if a.stage == "unlearn_shadows"]
    rates = {a.name.split("/")[1]: a.settings["training"]["lr"] for a in made}
    assert [rates[row] for row in rows] == [1e-4, 1e-3]
