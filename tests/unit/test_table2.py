"""Table 2: rank correlations between a multimodal suite and those of single domains."""

import numpy as np
import pytest
from click.testing import CliRunner

from clearbench.cli import cli
from clearbench.errors import UserError
from clearbench.results.runs import Document, Outcome, Results, groups_of
from clearbench.suite.load import load_suite
from clearbench.suite.rows import runs_of
from clearbench.tables.clear_paper import TABLE_1, TABLE_2, TABLE_3, TABLE_4, TABLE_5
from clearbench.tables.table2 import (
    PRINTED,
    correlations,
    printed_correlations,
    row_correlations,
)
from synthetic import ROOT, SyntheticTree, write_suite


def results(name, scores):
    """A suite whose methods have the scores given, in all of their cells; the rest is missing."""
    suite = load_suite(name, ROOT)
    groups = groups_of(runs_of(suite))
    runs = {
        run: Outcome(documents={"score": Document("scores.json", scores[group.method])})
        if group.method in scores
        else Outcome("missing")
        for group in groups
        for run in group.runs
    }
    return Results(suite, groups, runs, ())


METHODS = ("retain_ft", "scrub", "llmu", "rmu", "dpo")
MULTIMODAL = {
    method: {"forget": 0.1 * n, "forget_quality_js": 0.1 * n, "retain": 0.9 - 0.1 * n}
    for n, method in enumerate(METHODS)
}


def test_suites_that_rank_alike_correlate_fully_and_opposite_ones_negatively():
    text = {
        method: {"forget": -n, "forget_quality_js": n**2, "retain": n**3}
        for n, method in enumerate(METHODS)
    }
    forget, forgetting, retention = correlations(results("mini", MULTIMODAL), results("tofu", text))
    assert (forget.domain, forget.measure) == ("text", "forget")
    assert forget.rho == pytest.approx(-1)
    assert forgetting.measure == "forgetting"
    assert set(forgetting.methods) == set(METHODS)
    assert forgetting.rho == pytest.approx(1)
    assert retention.rho == pytest.approx(-1)
    assert forgetting.p < 0.01


def test_a_correlation_of_faces_counts_how_near_an_attack_comes_to_guessing():
    u_lira = dict(zip(METHODS, (0.9, 0.52, 0.2, 0.4, 0.45), strict=True))
    vision = {
        method: {"forget_accuracy": n, "u_lira": u_lira[method], "retain_accuracy": n}
        for n, method in enumerate(METHODS)
    }
    vision["twins"] = {"forget_accuracy": 0, "u_lira": 0.5, "retain_accuracy": 1.0}
    forget, forgetting, _ = correlations(
        results("mini", MULTIMODAL), results("mini-vision", vision)
    )
    assert "twins" not in forgetting.methods
    assert forget.rho == pytest.approx(1)
    # Ranks of nearness are 1, 5, 2, 3, 4 against 1 to 5: Σd² = 9 + 1 + 1 + 1.
    assert forgetting.rho == pytest.approx(1 - 6 * 12 / 120)


def test_too_few_methods_and_a_suite_that_was_not_run_are_named():
    few = {method: MULTIMODAL[method] for method in METHODS[:2]}
    with pytest.raises(UserError, match="suites mini and tofu have 2 finished methods in common"):
        correlations(results("mini", MULTIMODAL), results("tofu", few))
    with pytest.raises(UserError, match="suite tofu: no cell has forget; run snakemake"):
        correlations(results("mini", MULTIMODAL), results("tofu", {}))


@pytest.mark.parametrize(
    ("domain", "by_forget", "by_retain", "methods"),
    [("text", -0.273, -0.139, 6), ("vision", 0.3, 0.462, 5)],
)
def test_the_rows_of_the_papers_table_do_not_give_the_correlations_below_them(
    domain, by_forget, by_retain, methods
):
    forget, retention = row_correlations(domain)
    assert (forget.measure, len(forget.methods)) == ("forget", methods)
    assert forget.rho == pytest.approx(by_forget, abs=5e-4)
    assert retention.rho == pytest.approx(by_retain, abs=5e-4)
    assert abs(forget.rho - PRINTED[domain]) > 0.05
    assert abs(retention.rho - PRINTED[domain]) > 0.05


def test_the_papers_table_repeats_other_tables_but_for_its_faces():
    # Scrub is there what scrub_bio is in Table 5; others differ in their digits.
    digits = {"llmu", "dpo", "scrub", "rmu"}
    for domain, table, modality, others in (
        ("multimodal", TABLE_1, "both", set()),
        ("text", TABLE_4, "text", set()),
        ("vision", TABLE_5, "visual", digits),
    ):
        found = TABLE_2[domain]
        differing = {
            method
            for method, _ in found.rows
            for key in found.metrics
            if found.value(method, modality, key) != table.value(method, modality, key)
        }
        assert differing == others
    faces, bio = TABLE_2["vision"], ("scrub_bio", "visual", "forget_accuracy")
    assert faces.value("scrub", *bio[1:]) == TABLE_5.value(*bio)


@pytest.mark.parametrize(
    ("table", "domain", "rhos"),
    [
        (TABLE_1, "text", (0.328, 0.771, 0.414)),
        (TABLE_3, "text", (-0.075, 0.327, -0.066)),
        (TABLE_1, "vision", (0.9, -0.791, 0.051)),
        (TABLE_3, "vision", (0.9, -0.791, -0.500)),
    ],
)
def test_what_the_paper_prints_elsewhere_gives_other_correlations_than_it_prints(
    table, domain, rhos
):
    found = printed_correlations(table, domain)
    assert [row.measure for row in found] == ["forget", "forgetting", "retention"]
    assert [row.rho for row in found] == pytest.approx(rhos, abs=5e-4)
    shared = METHODS if domain == "vision" else (*METHODS, "ga", "gd", "idk", "kl", "npo")
    assert all(set(row.methods) == set(shared) for row in found)
    assert all(abs(row.rho - PRINTED[domain]) > 0.05 for row in found)


def test_equal_values_share_the_mean_of_their_ranks():
    # Table 1's retain of dpo, llmu, retain_ft, rmu, scrub against Table 5's retain accuracy.
    here, there = (2, 3.5, 3.5, 1, 5), (1, 2, 5, 4, 3)
    _, _, retention = printed_correlations(TABLE_1, "vision")
    assert retention.rho == pytest.approx(np.corrcoef(here, there)[0, 1])


def test_a_suite_without_others_says_what_to_write(monkeypatch):
    monkeypatch.chdir(ROOT)
    done = CliRunner().invoke(cli, ["carry-over", "tofu"])
    assert isinstance(done.exception, UserError)
    assert "single_domain: empty; name suites of text or vision models" in str(done.exception)


def test_a_suite_of_one_seed_is_said_to_tell_nothing_of_another_run(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    own = {"methods": {name: {} for name in ("ga", "gd", "kl")}}
    words = write_suite(
        tmp_path, "words", model="tiny-llama", modalities=["text"], seeds=[0], **own
    )
    named = {"modalities": ["both"], "single_domain": [str(words.path)]}
    images = write_suite(tmp_path, "images", seeds=[0, 1], **named, **own)
    for suite in (words, images):
        SyntheticTree(suite, tmp_path / "results" / suite.name).build()
    asked = ["carry-over", str(images.path), "--results", str(tmp_path / "results")]
    done = CliRunner().invoke(cli, asked)
    assert done.exit_code == 0, done.output
    assert "Suite words: One seed (0): how far another run would lie" in done.output
    assert "Suite images:" not in done.output
