"""Table 2: rank correlations between a multimodal suite and those of single domains."""

import pytest
from click.testing import CliRunner

from clearbench.cli import cli
from clearbench.errors import UserError
from clearbench.suite import load_suite
from clearbench.tables.results import Document, Results, Run, plan
from clearbench.tables.table2 import correlations
from synthetic import ROOT


def results(name, scores):
    """A suite whose methods have the scores given, in all of their cells; the rest is missing."""
    suite = load_suite(name, ROOT)
    groups = plan(suite)
    runs = {
        run: Run(documents={"score": Document("scores.json", scores[group.method])})
        if group.method in scores
        else Run("missing")
        for group in groups
        for run in group.runs
    }
    return Results(suite, groups, runs, ())


METHODS = ("retain_ft", "scrub", "llmu", "rmu", "dpo")
MULTIMODAL = {
    method: {"forget_quality_js": 0.1 * n, "retain": 0.9 - 0.1 * n}
    for n, method in enumerate(METHODS)
}


def test_suites_that_rank_alike_correlate_fully_and_opposite_ones_negatively():
    text = {method: {"forget_quality_js": n**2, "retain": n**3} for n, method in enumerate(METHODS)}
    forgetting, retention = correlations(results("mini", MULTIMODAL), results("tofu", text))
    assert (forgetting.domain, forgetting.measure) == ("text", "forgetting")
    assert set(forgetting.methods) == set(METHODS)
    assert forgetting.rho == pytest.approx(1)
    assert retention.rho == pytest.approx(-1)
    assert forgetting.p < 0.01


def test_a_correlation_of_faces_counts_how_near_an_attack_comes_to_guessing():
    u_lira = dict(zip(METHODS, (0.9, 0.52, 0.2, 0.4, 0.45), strict=True))
    vision = {
        method: {"u_lira": u_lira[method], "retain_accuracy": n} for n, method in enumerate(METHODS)
    }
    vision["twins"] = {"u_lira": 0.5, "retain_accuracy": 1.0}
    forgetting, _ = correlations(results("mini", MULTIMODAL), results("mini-vision", vision))
    assert "twins" not in forgetting.methods
    # Ranks of nearness are 1, 5, 2, 3, 4 against 1 to 5: Σd² = 9 + 1 + 1 + 1.
    assert forgetting.rho == pytest.approx(1 - 6 * 12 / 120)


def test_too_few_methods_and_a_suite_that_was_not_run_are_named():
    few = {method: MULTIMODAL[method] for method in METHODS[:2]}
    with pytest.raises(UserError, match="suites mini and tofu have 2 finished methods in common"):
        correlations(results("mini", MULTIMODAL), results("tofu", few))
    with pytest.raises(UserError, match="suite tofu: no cell has forget_quality_js; run snakemake"):
        correlations(results("mini", MULTIMODAL), results("tofu", {}))


def test_a_suite_without_others_says_what_to_write(monkeypatch):
    monkeypatch.chdir(ROOT)
    done = CliRunner().invoke(cli, ["carry-over", "tofu"])
    assert isinstance(done.exception, UserError)
    assert "single_domain: empty; name suites of text or vision models" in str(done.exception)
