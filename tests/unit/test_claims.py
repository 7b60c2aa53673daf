"""The paper's claims on a suite: what is supported, contradicted, undecided, or not told at all."""

import io
import json
import math
import random
import re
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner
from scipy.stats import t, ttest_ind, ttest_rel
from snakemake.exceptions import WorkflowError

from clearbench.cli import cli
from clearbench.errors import UserError
from clearbench.jobs.environment import accepted
from clearbench.provenance.audit import Audit
from clearbench.results.read import read_results
from clearbench.results.runs import Document, Group, Outcome, Results, groups_of
from clearbench.results.tree import Tree
from clearbench.suite.rows import runs_of
from clearbench.tables.across import carried, carrying, finished, gains_apart
from clearbench.tables.ahead import difference
from clearbench.tables.base import Column, Entry
from clearbench.tables.claims import BEATS, TRADES, build, findings
from clearbench.tables.documents import documents
from clearbench.tables.measured import Measured, Part
from clearbench.tables.verdicts import (
    CONTRADICTED,
    MARGIN,
    OF_CLAIM,
    OF_METHODS,
    RULES,
    SUPPORTED,
    UNDECIDED,
    Finding,
    differing,
    directed,
    of_claim,
    over_methods,
)
from synthetic import ROOT, Failed, SyntheticTree, rules_see, write_suite

QUALITY = "forget_quality_js"
METHODS = ("ga", "gd", "kl", "npo", "sku", "dpo", "idk", "llmu")
STAYS = "stays above 95 %"
ALL = ["text", "visual", "both"]


def seed_of(run):
    return int(re.search(r"/seed(\d)", f"/{run.name}")[1])


def scores(run, rises):
    """The scores of a run whose forget quality rises and whose retain score falls straight.

    At 95 % retention forget quality is a quarter of the rise above the original's, and the gain is
    half of it. None where the cell has not finished.
    """
    if run.row == "original":
        return {"retain": 0.8, QUALITY: 0.1}
    rise = rises.get((run.row, run.modality), 0.0)
    if not isinstance(rise, (float, str)) and rise is not None:
        rise = rise[seed_of(run)]
    if rise is None:
        return None
    fall, rise = (0.01, 0.1) if rise == STAYS else (0.2, rise)
    strength = 1.0 if run.strength is None else run.strength
    return {"retain": 0.8 * (1 - fall * strength), QUALITY: 0.1 + rise * strength}


def results(folder, rises, name="small", **changes):
    """A suite whose cells rise as given by method and modality, each or all seeds."""
    methods = {method: {} for method, _ in rises}
    given = {"methods": methods, "modalities": ALL, "strengths": [0.5, 1.5], **changes}
    suite = write_suite(folder, name, **given)
    runs = {}
    for run in runs_of(suite):
        known = None
        if run.row == "original" or run.cell is not None or run.strength is not None:
            known = scores(run, rises)
        runs[run.name] = (
            Outcome("missing", reason="not finished")
            if known is None
            else Outcome(documents={"score": Document(f"{run.scores}/scores.json", known)})
        )
    return Results(suite, groups_of(runs_of(suite)), runs, ())


def around(value, noise=0.01, seed=0):
    """A number of three seeds around a value."""
    draw = random.Random(seed)
    return [value + draw.uniform(-noise, noise) for _ in range(3)]


def cells(joint, text, visual, method="ga"):
    return {(method, "both"): joint, (method, "text"): text, (method, "visual"): visual}


def entries(given):
    """The differences of the table by claim and what is compared, of its first method."""
    table = build(given)
    return {
        (block.topic, entry.column.header): entry
        for block in table.blocks
        for entry in block.rows[0].entries
    }


def test_joint_forgetting_that_is_ahead_of_one_modality_and_behind_the_other(tmp_path):
    told = entries(results(tmp_path, cells(around(0.8), around(0.2, seed=1), around(1.6, seed=2))))
    ahead, behind = told[BEATS, "both - text"], told[BEATS, "both - visual"]
    assert (ahead.verdict, behind.verdict) == (SUPPORTED, CONTRADICTED)
    assert ahead.mean == pytest.approx(0.15, abs=0.01)
    assert 0 < ahead.interval[0] < ahead.mean < ahead.interval[1]
    assert re.fullmatch(r"\+0\.1\d\d \[\+0\.\d{3}, \+0\.\d{3}\] supported", ahead.text)
    assert re.fullmatch(r"-0\.\d{3} \[-0\.\d{3}, -0\.\d{3}\] contradicted", behind.text)
    # Both trade off otherwise, on whichever side.
    assert {told[TRADES, f"both - {one}"].verdict for one in ("text", "visual")} == {SUPPORTED}


def test_a_difference_is_that_of_the_same_seeds(tmp_path):
    """Seeds that lie far apart, and yet joint forgetting ahead in each by the same."""
    far = [0.2, 0.8, 1.4]
    told = entries(results(tmp_path, cells([x + 0.2 for x in far], far, far[::-1])))
    assert told[BEATS, "both - text"].verdict == SUPPORTED
    assert told[BEATS, "both - visual"].verdict == UNDECIDED


def test_a_difference_its_interval_and_its_p_are_those_of_student_and_of_welch(tmp_path):
    one, other = [0.2, 0.5, 0.4], [0.1, 0.15, 0.3]
    entry = entries(results(tmp_path, cells(one, other, 0.2)))[BEATS, "both - text"]
    paired = ttest_rel([0.25 * x for x in one], [0.25 * x for x in other])
    assert entry.measured.p == pytest.approx(paired.pvalue)
    assert entry.interval == pytest.approx(tuple(paired.confidence_interval()))
    words = results(
        tmp_path, {("ga", "text"): other}, "words", model="tiny-llama", modalities=["text"]
    )
    _, (apart,) = gains_apart(results(tmp_path, cells(one, 0.1, 0.1)), words)
    welch = ttest_ind([0.5 * x for x in one], [0.5 * x for x in other], equal_var=False)
    assert apart.measured.p == pytest.approx(welch.pvalue)
    assert apart.measured.interval == pytest.approx(tuple(welch.confidence_interval()))


def drawn(rises, quality, persons=5):
    """The entry of a share, of two seeds that agree, with its number in each draw of persons."""
    document = Document("", {QUALITY: rises, f"{QUALITY}~persons": persons})
    outcome = Outcome(documents={"score": document}, draws={QUALITY: quality})
    group = Group("ga/both/forget10", "ga", "both", 10, ("one", "two"))
    return Entry(group, Column(QUALITY, ""), (outcome, outcome))


def test_persons_are_part_of_the_noise_where_they_are_known():
    ahead, other = drawn(0.5, [0.4, 0.5, 0.6]), drawn(0.3, [0.3, 0.3, 0.3])
    measured = difference([(ahead, other)])
    half = t.ppf(0.975, 4) * 0.1 * math.sqrt(5 / 4)
    assert measured.interval == pytest.approx((0.2 - half, 0.2 + half))
    # Two methods that err on the same persons are no surer than one, and on others' cancel out.
    assert difference([(ahead, other)] * 2).interval == pytest.approx(measured.interval)
    against = drawn(0.5, [0.6, 0.5, 0.4])
    assert difference([(ahead, other), (against, other)]).interval == pytest.approx((0.2, 0.2))


def test_what_lies_within_the_noise_is_undecided(tmp_path):
    told = entries(results(tmp_path, cells([0.2, 0.9, 0.5], [0.6, 0.3, 0.5], 0.5)))
    assert {entry.verdict for entry in told.values()} == {UNDECIDED}


def test_gains_that_are_surely_alike_contradict_that_they_differ(tmp_path):
    told = entries(results(tmp_path, cells([0.5, 0.501, 0.502], 0.5, 0.46)))
    alike, apart = told[TRADES, "both - text"], told[TRADES, "both - visual"]
    assert alike.verdict == CONTRADICTED
    assert max(map(abs, alike.interval)) < MARGIN
    # Beyond the noise, and not surely within the margin.
    assert apart.verdict == SUPPORTED


def test_one_seed_decides_nothing(tmp_path):
    given = results(tmp_path, cells(1.6, 0.1, 0.1), seeds=[0])
    told = entries(given)
    assert {entry.verdict for entry in told.values()} == {UNDECIDED}
    assert told[BEATS, "both - text"].text == "+0.375 undecided"
    found, _ = carrying(given, [])
    assert {finding.verdict for finding in found} == {UNDECIDED}


def test_verdicts_are_held_against_the_number_of_comparisons():
    """A p of 0.02 is beyond the noise alone, and not among ten."""
    one = Measured(0.1, (Part(0.1**2 / 2.4**2, 1e6),))
    assert 0.005 < one.p < 0.05
    none = Measured(0.0, (Part(1.0, 2),))
    assert directed([one]) == differing([one]) == [SUPPORTED]
    assert directed([one, *[none] * 9])[0] == differing([one, *[none] * 9])[0] == UNDECIDED


def test_cells_that_are_not_there_leave_the_rest_told(tmp_path):
    rises = cells([0.8, None, 0.81], [0.2, 0.2, 0.2], None)
    told = entries(results(tmp_path, rises))
    half = told[BEATS, "both - text"]
    assert (half.status, len(half.values), half.verdict) == ("partial", 2, SUPPORTED)
    assert "(2/3 seeds) supported" in half.text
    assert told[BEATS, "both - visual"].text == "visual: missing"
    apart = entries(results(tmp_path, cells([0.8, None, None], [None, 0.2, 0.2], 0.2)))
    assert apart[BEATS, "both - text"].text == "no seed in common"


def test_curves_that_never_fall_to_the_share_are_named_and_counted_apart(tmp_path):
    rises = {
        **cells(STAYS, around(0.2), around(0.2)),
        **cells(around(0.8), [STAYS, 0.2, 0.21], around(0.2), "gd"),
    }
    table = build(results(tmp_path, rises))
    beats = findings(table.blocks)[0]
    assert beats.compared == "both - text, forget 10 %"
    assert beats.number.endswith(
        "of 2 methods 1 supported, 0 contradicted, 0 undecided, 1 without a number"
    )
    assert (
        "Never fall to 95 % at forget 10 %, and have no number there: ga/both, gd/text (in 1 of 3"
        " seeds)." in table.notes
    )
    assert entries(results(tmp_path, rises))[BEATS, "both - text"].text == "both: > at 1.5"


@pytest.mark.parametrize(
    ("verdict", "of_each", "said"),
    [
        (SUPPORTED, [UNDECIDED, UNDECIDED, None], SUPPORTED),
        (SUPPORTED, [SUPPORTED, CONTRADICTED], SUPPORTED),
        (SUPPORTED, [UNDECIDED, CONTRADICTED], UNDECIDED),
        (CONTRADICTED, [CONTRADICTED, UNDECIDED], CONTRADICTED),
        (CONTRADICTED, [SUPPORTED], UNDECIDED),
        (UNDECIDED, [SUPPORTED, SUPPORTED], UNDECIDED),
    ],
)
def test_methods_are_told_by_their_mean_unless_more_of_them_say_the_opposite(
    verdict, of_each, said
):
    assert over_methods("", "", None, verdict, of_each).verdict == said


def test_methods_that_all_move_a_little_decide_together(tmp_path):
    """Each within the noise of so many comparisons, their mean beyond it."""
    rises = {}
    for number, method in enumerate(METHODS):
        rises |= cells(around(0.6, 0.1, number), around(0.3, 0.1, 50 + number), 0.3, method)
    found = findings(build(results(tmp_path, rises)).blocks)[0]
    assert found.verdict == SUPPORTED
    assert re.match(r"\+0\.0\d\d \[\+0\.\d{3}, \+0\.\d{3}\] on average; of 8", found.number)
    assert int(re.search(r"(\d) undecided", found.number)[1]) > 4


def test_a_mean_over_methods_is_of_those_with_all_seeds(tmp_path):
    rises = {**cells([0.8, 0.9, 1.0], 0.2, 0.2), **cells([9.0, None, 9.0], 0.2, 0.2, "gd")}
    found = findings(build(results(tmp_path, rises)).blocks)[0]
    assert found.number.startswith("+0.175 [")


@pytest.mark.parametrize(
    ("verdicts", "said"),
    [
        ([SUPPORTED, SUPPORTED], SUPPORTED),
        ([SUPPORTED, UNDECIDED], UNDECIDED),
        ([SUPPORTED, UNDECIDED, CONTRADICTED], CONTRADICTED),
        ([], UNDECIDED),
    ],
)
def test_a_claim_is_what_all_of_it_is_and_any_of_it_contradicts_it(verdicts, said):
    assert of_claim([Finding("", "", verdict, "") for verdict in verdicts]) == said


def ranked(order, noise=0.0):
    """The numbers of as many methods in an order, of three seeds."""
    draw = random.Random(0)
    return {
        method: [place + draw.uniform(-noise, noise) for _ in range(3)]
        for method, place in zip(METHODS, order, strict=False)
    }


UP, DOWN = list(range(8)), list(range(7, -1, -1))


@pytest.mark.parametrize(
    ("order", "said"),
    [(UP, SUPPORTED), (DOWN, CONTRADICTED), ([3, 6, 0, 5, 2, 7, 1, 4], UNDECIDED)],
)
def test_ranks_that_carry_over_that_turn_round_and_that_have_nothing_in_common(order, said):
    found = carried(ranked(UP, 0.3), ranked(order, 0.3))
    assert directed([found.measured]) == [said]
    assert re.fullmatch(
        r"ρ [+-]\d\.\d{3} \[[+-]\d\.\d{3}, [+-]\d\.\d{3}\] of 8 methods", found.text
    )
    ends = [float(end) for end in re.findall(r"[+-]\d\.\d{3}", found.text)]
    assert max(map(abs, ends)) <= 1


def test_few_methods_in_one_order_may_be_so_by_chance():
    """All seeds agree on four methods, of which any order has one chance in 24."""
    four, five = (dict(list(ranked(UP).items())[:count]) for count in (4, 5))
    assert carried(four, four).rhos == (1, 1, 1)
    assert directed([carried(four, four).measured]) == [UNDECIDED]
    assert directed([carried(five, five).measured]) == [SUPPORTED]
    two = dict(list(ranked(UP).items())[:2])
    assert carried(two, two).text == "2 methods with a number in both, 3 needed"
    assert carried(two, two).measured is None


def test_unrelated_ranks_are_rarely_taken_to_carry_over():
    """Orders at random that all seeds agree on, as where methods differ clearly: at most 5 %."""
    draw = random.Random(1)
    wrong = 0
    for _ in range(400):
        order = draw.sample(UP, 8)
        wrong += directed([carried(ranked(UP), ranked(order)).measured]) != [UNDECIDED]
    assert wrong / 400 < 0.07


def test_where_all_methods_are_alike_there_is_no_order():
    alike = {method: [1.0, 1.0, 1.0] for method in METHODS}
    assert carried(ranked(UP), alike).rhos == (0, 0, 0)


def test_methods_without_a_number_in_all_seeds_are_left_out_and_lost_seeds_cost_none():
    there = {**ranked(UP), "ga": [None, 1.0, 2.0]}
    found = carried(ranked(UP), there)
    assert found.left_out == ("ga",)
    assert len(found.methods) == 7
    lost = {method: [values[0], None, values[2]] for method, values in ranked(UP).items()}
    assert len(carried(ranked(UP), lost).methods) == 8
    assert len(carried(ranked(UP), lost).rhos) == 2
    assert carried(ranked(UP), {"rmu": [1.0]}).methods == ()


def world(order, modality="text", rest=0.3):
    """Cells of a modality that rise in an order, the others of the suite all in one."""
    rises = {}
    for place, (method, rank) in enumerate(zip(METHODS, order, strict=True)):
        rises |= {
            (method, "both"): around(0.1 + 0.2 * place, seed=place),
            (method, "visual"): around(rest, seed=50 + place),
            (method, modality): around(0.1 + 0.2 * rank, seed=100 + place),
        }
    return rises


def test_results_of_a_suite_s_own_cells_and_of_other_suites_carry_over_or_not(tmp_path):
    here = results(tmp_path, world(UP))
    words = {"model": "tiny-llama", "modalities": ["text"]}
    other = results(tmp_path, world(DOWN), "words", **words)
    found, notes = carrying(here, [other])
    told = {finding.compared: finding.verdict for finding in found}
    assert told["text cells against both"] == SUPPORTED
    assert told["suite words against both"] == CONTRADICTED
    assert notes == []
    assert of_claim(found) == CONTRADICTED


def test_forget_sizes_count_as_one(tmp_path):
    here = results(tmp_path, world(UP), forget_sizes=[5, 10])
    assert {f.compared for f in findings(build(here).blocks)} == {
        f"both - {one}, forget {size} %" for one in ("text", "visual") for size in (5, 10)
    }
    text, _ = carrying(here, [])[0]
    assert text.number.endswith("of 8 methods")


def test_gains_are_held_against_those_of_another_suite(tmp_path):
    words = {"model": "tiny-llama", "modalities": ["text"]}
    here = results(tmp_path, {**cells(around(1.6), 0.1, 0.1), ("gd", "both"): around(0.5)})
    given = {("ga", "text"): around(0.4), ("gd", "text"): around(0.5, 0.9), ("kl", "text"): 1.0}
    other = results(tmp_path, given, "words", **words)
    found, apart = gains_apart(here, other)
    assert [(one.method, one.verdict) for one in apart] == [("ga", SUPPORTED), ("gd", UNDECIDED)]
    assert apart[0].difference == pytest.approx(0.6, abs=0.01)
    assert re.match(r"\+0\.\d{3} \[.*\] on average; of 2 methods 1 supported", found.number)
    alone = results(tmp_path, given, "words", seeds=[0], **words)
    found, apart = gains_apart(here, alone)
    assert {found.verdict, *(one.verdict for one in apart)} == {UNDECIDED}
    assert found.number == "of 2 methods 0 supported, 0 contradicted, 2 undecided"


class Rising(SyntheticTree):
    """A results tree of cells that rise as given."""

    def _files(self, artifact):
        run = artifact.run
        if artifact.stage != "score" or run is None:
            return super()._files(artifact)
        return {"scores.json": json.dumps(scores(run, self.rises))}


class World(Rising):
    rises = world(UP)


class Turned(Rising):
    rises = world(DOWN)


FEW = {"methods": {name: {} for name in METHODS}, "strengths": [0.5]}


def ask(suite, results, monkeypatch):
    monkeypatch.chdir(ROOT)
    return CliRunner().invoke(cli, ["claims", str(suite.path), "--results", str(results)])


def test_the_command_prints_each_claim_with_its_verdict_and_number(tmp_path, monkeypatch):
    few = {**FEW, "seeds": [0, 1]}
    text = {"model": "tiny-llama", "modalities": ["text"], **few}
    turned = write_suite(tmp_path, "turned", **text)
    plain = write_suite(tmp_path, "plain", **{**text, "strengths": []})
    unmade = write_suite(tmp_path, "unmade", **text)
    named = [str(suite.path) for suite in (turned, plain, unmade)] + ["mini-vision"]
    here = write_suite(tmp_path, "here", modalities=ALL, single_domain=named, **few)
    for suite, kind in ((turned, Turned), (plain, Turned), (here, World)):
        kind(suite, tmp_path / "results" / suite.name).build()
    done = ask(here, tmp_path / "results", monkeypatch)
    assert done.exit_code == 0, done.output
    rows = [re.split(r"\s*\|\s*", line)[1:-1] for line in done.output.splitlines()]
    told = {tuple(row[:2]): row[2:] for row in rows if len(row) == 4}
    assert told["(2) results of single domains carry over", "all of it"][0] == CONTRADICTED
    assert told["", "text cells against both"][0] == SUPPORTED
    verdict, number = told["", "suite turned against both"]
    assert verdict == CONTRADICTED
    assert number.startswith("ρ -")
    assert "on average; of 8 methods" in told["", "both - suite turned"][1]
    assert "on average; of 8 methods" in told["", "both - text, forget 10 %"][1]
    assert "Suite plain: none, for it has no strengths; add strengths to" in done.output
    assert "Suite unmade: not run; snakemake --config suite=unmade." in done.output
    assert "Suite mini-vision: none, for it has no strengths; add strengths to" in done.output
    assert OF_CLAIM in done.output


@pytest.mark.parametrize("modalities", [["both", "text"], ["both"]])
def test_parts_that_cannot_be_told_say_so_and_the_rest_is_printed(
    tmp_path, monkeypatch, modalities
):
    words = write_suite(tmp_path, "words", model="tiny-llama", modalities=["text"], **FEW)
    named = [str(words.path)] if modalities == ["both"] else []
    here = write_suite(tmp_path, "here", modalities=modalities, single_domain=named, **FEW)
    for suite, kind in ((words, Turned), (here, World)):
        kind(suite, tmp_path / "results" / suite.name).build()
    done = ask(here, tmp_path / "results", monkeypatch)
    assert done.exit_code == 0, done.output
    assert "- visual cells: none; add visual to modalities of" in done.output
    first = next(line for line in done.output.splitlines() if line.startswith("| (1)"))
    if named:
        assert "not told" in first
        assert "suite words against both" in done.output
    else:
        assert "not told" not in first
        assert "- Other suites: none; name some below single_domain of" in done.output


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"modalities": ALL}, "strengths: empty; methods are compared at equal retention"),
        ({"strengths": [1.0], "modalities": ALL}, "strengths: empty"),
        ({"strengths": [0.5]}, "modalities: no both; the claims are on forgetting both"),
        (
            {"strengths": [0.5], "modalities": ["both"]},
            "modalities: both alone; add text or visual",
        ),
        (
            {"strengths": [0.5], "modalities": ["text"], "model": "tiny-llama"},
            "model: tiny-llama is a text model; the claims are of multimodal ones",
        ),
    ],
)
def test_a_suite_that_tells_nothing_is_one_line_with_what_it_needs(
    tmp_path, monkeypatch, changes, said
):
    suite = write_suite(tmp_path, **changes)
    done = ask(suite, tmp_path / "results", monkeypatch)
    assert isinstance(done.exception, UserError)
    assert said in str(done.exception)
    assert "\n" not in str(done.exception)
    refused = said if "model" not in changes else "claims: a table of multimodal suites"
    with pytest.raises(WorkflowError, match=re.escape(refused)) as error:
        rules_see({"suite": str(suite.path)}).tested_tables({})
    assert "\n" not in str(error.value)
    assert not (tmp_path / "results").exists()


def test_a_suite_that_was_not_run_says_how(tmp_path, monkeypatch):
    suite = write_suite(tmp_path, modalities=ALL, strengths=[0.5])
    done = ask(suite, tmp_path / "results", monkeypatch)
    assert "suite small: no scaled cell is finished; run snakemake claims" in str(done.exception)
    assert finished(results(tmp_path, cells(0.1, 0.1, 0.1)))


def test_the_settings_of_the_paper_are_served_once_they_have_strengths(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    with pytest.raises(WorkflowError, match=r"paper-llava\.yaml: strengths: empty"):
        rules_see({"suite": "paper-llava"}).tested_tables({})
    text = (ROOT / "config/paper-llava.yaml").read_text()
    path = tmp_path / "paper.yaml"
    path.write_text(f"{text}strengths: [0.5]\n")
    workflow = rules_see({"suite": str(path)})
    assert workflow.tested_tables({}).endswith("paper/tables/manifest.json")
    runs = {run.name: Outcome("missing") for run in runs_of(workflow.suite)}
    table = build(Results(workflow.suite, groups_of(runs_of(workflow.suite)), runs, ()))
    assert len(findings(table.blocks)) == 2 * 2 * 3


def test_each_difference_is_proven_by_the_curves_of_both_sides(tmp_path):
    suite = {"methods": {"ga": {}}, "modalities": ALL, "strengths": [0.5], "seeds": [0, 1]}
    tree = SyntheticTree(write_suite(tmp_path, **suite), tmp_path / "results/small", records=True)
    tree.build()

    def broken():
        audit = Audit(tree.graph, Tree(tree.root), accepted(Path("none.sif"), False))
        return {name for (table, name), link in audit.cells().items() if table == "claims" and link}

    assert broken() == set()
    lost = "score/strengths/ga/visual/forget10/seed1/0.5"
    (tree.root / lost / "scores.json").write_text("{}")
    assert broken() == {
        f"ga/both/forget10:{QUALITY}/{role}, both - visual" for role in ("at 95%", "gain")
    }


def test_the_table_has_numbers_for_machines_and_tells_of_a_failed_cell(tmp_path):
    tree = World(write_suite(tmp_path, modalities=ALL, **FEW), tmp_path / "results/small")
    tree.build({"evaluate/strengths/gd/text/forget10/seed0": Failed("no memory")})
    files = documents(read_results(tree.graph, Tree(tree.root)))
    frame = pd.read_csv(io.StringIO(files["claims.csv"])).set_index(["method", "metric"])
    told = frame.loc[("npo", f"{QUALITY}/at 95%, both - visual")]
    assert told["low"] < told["mean"] < told["high"]
    assert told["n"] == 3
    assert frame.loc[("gd", f"{QUALITY}/gain, both - text"), "n"] == 2
    assert "forget 10 %, joint unlearning beats that of one modality" in files["claims.md"]
    assert "evaluate failed" in files["claims.md"]


def test_what_the_page_says_of_verdicts_is_what_is_printed(tmp_path):
    page = (ROOT / "docs/metrics.md").read_text(encoding="utf-8")
    section = page.partition("## The paper's claims\n")[2].partition("\n## ")[0]
    table = build(results(tmp_path, cells(0.1, 0.1, 0.1)))
    for verdict, rule in RULES.items():
        assert f"*{verdict}*: {rule}" in section
        assert f"{verdict}: {rule}." in table.notes
    for rule in (OF_METHODS, OF_CLAIM):
        assert rule in section
