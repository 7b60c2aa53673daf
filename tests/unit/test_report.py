"""The page of a suite: made of its results alone, within a budget, and no text taken for code."""

import base64
import csv
import gzip
import json
import math
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from browser import AXE, Browser, executable
from clearbench.cli import cli
from clearbench.config.settings import Reporting
from clearbench.errors import UserError
from clearbench.jobs.environment import accepted_here
from clearbench.provenance.audit import Audit
from clearbench.report import answers, tables
from clearbench.report import page as pages
from clearbench.report.document import PAGE, document, panels
from clearbench.report.numbers import columns_of, entries_of
from clearbench.report.page import data_of, inlined, same
from clearbench.results.read import read_results
from clearbench.results.tree import Tree
from clearbench.stages import report as stage
from clearbench.suite.graph import REPORT, Graph
from clearbench.suite.load import load_suite
from clearbench.tables.ahead import difference
from clearbench.tables.documents import tables_of
from report_tree import ANSWERS, PERSONS, ROUGH, ReportTree
from synthetic import ROOT, Failed, LeftOut, Made, write_suite

CHANGES = {
    "description": f"For tests {ROUGH}",
    "methods": {"ga": {}, "npo": {}},
    "modalities": ["text"],
    "seeds": [0, 1],
}
DIVERGED, FAILED = "unlearn/npo/text/forget10/seed1", "evaluate/ga/text/forget10/seed1"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A whole run of a small suite, its report included."""
    folder = tmp_path_factory.mktemp("whole")
    suite = write_suite(folder, **CHANGES)
    return ReportTree(suite, folder / "results/small").build()


@pytest.fixture(scope="module")
def whole(made):
    """What the page of it is made from."""
    tree = Tree(made.root)
    return made.graph, tree, read_results(made.graph, tree)


@pytest.fixture(scope="module")
def data(whole):
    """The data of its panels, as the page's scripts have them."""
    data = unpacked(inlined(panels(*whole)))
    fields, artifacts = data["proof"]["fields"], data["proof"]["artifacts"]
    data["proof"]["artifacts"] = [dict(zip(fields, values, strict=False)) for values in artifacts]
    return data


@pytest.fixture(scope="module")
def unfinished(tmp_path_factory):
    """The page of what is there of a run with a diverged and a failed cell."""
    folder = tmp_path_factory.mktemp("unfinished")
    suite = write_suite(folder, **CHANGES)
    tree = ReportTree(suite, folder / "results/small")
    states = {
        DIVERGED: Made(status="diverged", step=7),
        FAILED: Failed(f"out of memory {ROUGH}"),
        "tables": LeftOut(),
    }
    tree.build({**states, REPORT: LeftOut()})
    stage.run(suite, tree.root, True, False, folder / "out")
    return folder / "out" / PAGE


@pytest.fixture(scope="module")
def scaled(tmp_path_factory):
    """A run of a suite whose cells are scaled, and its page."""
    folder = tmp_path_factory.mktemp("scaled")
    suite = write_suite(folder, **CHANGES | {"strengths": [0.25, 0.5, 2]})
    tree = ReportTree(suite, folder / "results/small").build()
    return tree, data_of((tree.root / REPORT / PAGE).read_text(encoding="utf-8"))


class Scripts(HTMLParser):
    """The tags of a page, and the texts that are in no script."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, text):
        if not self.tags or self.tags[-1][0] != "script":
            self.texts.append(text)


def unpacked(text):
    return json.loads(gzip.decompress(base64.b64decode(text)))


def row(data, name):
    (found,) = (row for row in data["numbers"]["rows"] if row["name"] == name)
    return found


def column(data, key):
    return [one["key"] for one in data["numbers"]["columns"]].index(key)


def test_the_head_counts_the_models_and_says_what_seeds_tell(data):
    head = data["head"]
    assert (head["suite"], head["model"], head["dataset"]) == ("small", "tiny-llava", "mini")
    assert head["states"] == [["proven", head["models"]]]
    assert head["sentences"][0].startswith("Mean ± sample standard deviation over 2 seeds (0, 1)")
    quality = next(text for text in head["sentences"] if "nearest gold" in text)
    assert re.search(
        r"forget quality \d\.\d{3} \[.*\] at retain \d.*ahead of (none|all|\d) of 1", quality
    )
    assert {"commit", "image", "host", "jobs", "started"} <= {name for name, _ in head["made"]}


def test_numbers_are_those_of_the_tables(made, data):
    path = made.root / "tables/comparison.csv"
    lines = list(csv.DictReader(path.open(encoding="utf-8")))
    checked = 0
    for line in lines:
        if line["metric"] not in [one["key"] for one in data["numbers"]["columns"]]:
            continue
        name = next(
            row["name"]
            for row in data["numbers"]["rows"]
            if (row["method"], row["modality"]) == (line["method"], line["modality"])
        )
        cell = row(data, name)["cells"][column(data, line["metric"])]
        for key, of in (("mean", cell.get("mean")), ("std", cell.get("std"))):
            assert (float(line[key]) if line[key] else None) == of
        low_high = [float(line[end]) for end in ("low", "high") if line[end]]
        assert cell.get("interval", []) == low_high
        checked += 1
    assert checked > 20


def test_original_and_gold_are_the_ends_of_the_colours(data):
    number = column(data, "forget_quality_ks_log10")
    places = [
        row(data, f"{name}/forget10")["cells"][number]["place"] for name in ("original", "gold")
    ]
    assert places == [0, 1]
    kinds = {row["method"]: row["kind"] for row in data["numbers"]["rows"]}
    assert (kinds["original"], kinds["second gold"], kinds["ga"]) == (
        "control",
        "control",
        "method",
    )


def test_rows_are_compared_at_equal_retention_as_the_table_has_it(scaled):
    tree, data = scaled
    path = tree.root / "tables/tradeoff.csv"
    lines = {
        (line["method"], line["modality"], line["metric"]): line
        for line in csv.DictReader(path.open(encoding="utf-8"))
    }
    assert [view["topic"] for view in data["equal"]] == [
        f"retain at {share} % of the original's" for share in (95, 90, 80)
    ]
    checked = 0
    for view, share in zip(data["equal"], (95, 90, 80), strict=True):
        for name, cells in view["cells"].items():
            shown = row(data, name)
            for column, cell in zip(view["columns"], cells, strict=True):
                if shown["kind"] == "control":
                    assert "place" not in cell or name.startswith(("original", "gold", "second"))
                    continue
                line = lines[shown["method"], shown["modality"], f"{column['key']}/at {share}%"]
                assert (float(line["mean"]) if line["mean"] else None) == cell.get("mean")
                checked += bool(line["mean"])
    assert checked > 4
    said = [text for text in data["head"]["sentences"] if text.startswith("At 95 % of the orig")]
    values = {
        name: cells[0]["mean"]
        for name, cells in data["equal"][0]["cells"].items()
        if row(data, name)["kind"] == "method" and "mean" in cells[0]
    }
    best = max(values, key=values.get)
    if len(values) > 1:
        (text,) = said
        assert f"{row(data, best)['method']} comes nearest gold" in text
        assert f"forget quality {values[best]:.3f}" in text


def test_a_suite_that_scales_nothing_has_no_equal_retention(data):
    assert data["equal"] == []
    assert not any(text.startswith("At 95 %") for text in data["head"]["sentences"])


def test_numbers_have_a_colour_only_where_original_and_gold_differ(whole, data):
    results = whole[2]
    entries = entries_of(results, columns_of(results))
    coloured = set()
    for number, one in enumerate(data["numbers"]["columns"]):
        original, gold = (entries[f"{name}/forget10"][number] for name in ("original", "gold"))
        apart = difference([(original, gold)])
        for line in data["numbers"]["rows"]:
            cell = line["cells"][number]
            expected = apart is not None and apart.p <= 0.05 and original.mean != gold.mean
            assert ("place" in cell) == (expected and "mean" in cell)
            if "place" in cell:
                way = (cell["mean"] - original.mean) / (gold.mean - original.mean)
                assert cell["place"] == pytest.approx(way, abs=1e-3)
                coloured.add(one["key"])
    assert "forget_quality_ks_log10" in coloured
    assert len(coloured) < len(data["numbers"]["columns"])


def test_nothing_is_ranked_or_called_near_of_one_seed(tmp_path):
    suite = write_suite(tmp_path, **CHANGES | {"seeds": [0]})
    graph, tree = Graph(suite), Tree(tmp_path / "results/small")
    found = panels(graph, tree, read_results(graph, tree))
    assert "nothing is ranked" in found["head"]["sentences"][0]
    assert not any("nearest" in text for text in found["head"]["sentences"])
    assert found["head"]["states"] == [["missing", found["head"]["models"]]]
    assert found["answers"] is None


@pytest.mark.parametrize(
    "name",
    [
        *("mini-vision", "mini-sweep", "mini-published", "tofu"),
        *("mini-tradeoff", "mini-vision-tradeoff", "mini-stress", "mini-requests", "mini-meta"),
    ],
)
def test_suites_of_every_kind_have_a_page_before_anything_is_made(name, tmp_path):
    graph, tree = Graph(load_suite(name, ROOT)), Tree(tmp_path / name)
    found = panels(graph, tree, read_results(graph, tree))
    assert found["head"]["states"] == [["missing", found["head"]["models"]]]
    assert all(cell == [] for cell in [row["cells"] for row in found["numbers"]["rows"]])
    assert len(found["proof"]["artifacts"]) == len(graph[REPORT].reads)


def test_what_deviates_from_published_numbers_has_a_panel_of_its_own(tmp_path):
    drawn = {}
    for name in ("mini", "paper-llava", "mini-published"):
        graph, tree = Graph(load_suite(name, ROOT)), Tree(tmp_path / name)
        results = read_results(graph, tree)
        told = tables.printed(results, tables_of(results))
        panels_of = [one for one in told if one["drawn"]]
        in_order = sorted(panels_of, key=lambda one: one["drawn"]["order"])
        drawn[name] = [table["name"] for table in in_order]
        for table in in_order:
            if table["name"] not in tables.PANELS:
                block = table["blocks"][table["drawn"]["block"]]
                first = block["rows"][0][1][table["drawn"]["number"]]
                assert first[2].endswith("/difference")
    assert drawn["mini"] == ["noise", "cost", "overhead", "table1", "table3", "table6"]
    assert drawn["mini-published"][0] == "published_vs_paper"
    assert {"table1", "table6"} <= set(drawn["paper-llava"])


def test_failed_and_diverged_cells_are_shown_with_their_reason(unfinished):
    data = data_of(unfinished.read_text(encoding="utf-8"))
    assert {"diverged", "failed", "proven"} == {state for state, _ in data["head"]["states"]}
    ga, npo = (row(data, f"{name}/text/forget10")["cells"][0] for name in ("ga", "npo"))
    assert ga["status"] == npo["status"] == "partial"
    assert f"evaluate failed: RuntimeError: out of memory {ROUGH}" in ga["reason"]
    assert npo["reason"] == "diverged (step 7)"
    runs = {run["name"]: run for run in data["proof"]["runs"]}
    assert runs["npo/text/forget10/seed1"]["state"] == "diverged"
    assert "values" not in runs["ga/text/forget10/seed1"]


def test_every_number_leads_to_its_score_file_and_on_to_the_dataset(made, data):
    proof, shared = data["proof"], data["shared"]
    number = column(data, "retain")
    for run in proof["runs"]:
        artifact = proof["artifacts"][run["artifact"]]
        scores = json.loads((made.root / artifact["name"] / proof["scores"]).read_text())
        told = run["values"][number]
        assert (told and told[0]) == scores.get("retain")
        reached, queue = set(), [run["artifact"]]
        while queue:
            place = queue.pop()
            reached.add(place)
            queue += [source for _, source in proof["artifacts"][place]["from"]]
        assert "dataset" in {proof["artifacts"][place]["name"] for place in reached}
    for artifact in proof["artifacts"]:
        record = json.loads((made.root / artifact["name"] / "provenance.json").read_text())
        assert artifact["manifest"] == record["manifest"]
        assert shared[artifact["code"]] == record["fingerprint"]
        assert json.loads(shared[artifact["settings"]]) == record["settings"]
        assert [shared[word] for word in artifact["command"]] == record["command"]


def test_answers_are_those_of_the_records_beside_question_truth_and_picture(made, data):
    shown = data["answers"]
    rows = [model["row"] for model in shown["models"]]
    assert rows[:2] == ["original/forget10", "gold/forget10"]
    said = {record.id: record.generated for record in made.records("original/forget10/seed0")}
    for sample in shown["samples"]:
        assert shown["texts"][sample["said"][0]] == said[sample["id"]]
        assert ("picture" in sample) == (sample["task"] == "captions")
    assert shown["pictures"]
    assert all(one.startswith("data:image/jpeg;base64,") for one in shown["pictures"])
    assert {sample["person"] for sample in shown["samples"]} == {
        *PERSONS["forget"],
        *PERSONS["retain"],
    }


def test_losses_are_those_of_the_records_to_a_hundredth(made, data):
    shown = data["answers"]
    losses = {record.id: record.losses for record in made.records("original/forget10/seed0")}
    for sample in shown["samples"]:
        written = sample["losses"][0]
        told = [int(written[place : place + 2], 36) / 100 for place in range(0, len(written), 2)]
        assert told == pytest.approx(losses[sample["id"]], abs=0.0051)
    assert answers.written([0.0, math.inf]) == "00zz"


def test_a_cell_tells_its_steps_and_losses(data):
    cells = [one for one in data["proof"]["artifacts"] if one["name"].startswith("unlearn/")]
    assert [one["trained"] for one in cells] == [[3, 2.5, 0.5]] * len(cells)
    assert cells


def test_real_persons_are_left_out_unless_asked_for(whole):
    plain, asked = (document(*whole, real_persons=real) for real in (False, True))
    real = PERSONS["real"][0]
    assert real not in json.dumps(data_of(plain))
    assert real in json.dumps(data_of(asked))
    assert not data_of(plain)["answers"]["real_persons"]


def test_of_a_dataset_that_is_not_said_to_be_fictitious_nobody_is_shown_unless_asked_for(whole):
    graph, tree, results = whole
    dataset = results.suite.dataset.model_copy(update={"fictitious": False, "generator": None})
    theirs = replace(results, suite=replace(results.suite, dataset=dataset))
    plain, asked = (data_of(document(graph, tree, theirs, real)) for real in (False, True))
    everybody = [person for persons in PERSONS.values() for person in persons]
    assert [name for name in everybody if name in json.dumps(plain["answers"])] == []
    assert all(name in json.dumps(asked["answers"]) for name in everybody)
    # What is left out is told, topic by topic.
    assert {shown for *_, shown, _ in plain["answers"]["shown"]} == {0}


def test_answers_keep_within_their_budget_and_say_what_is_left_out(made, whole):
    graph, tree, results = whole
    file = made.suite.file.model_copy(update={"report": Reporting(answers=0.009)})
    budgeted = replace(results, suite=replace(made.suite, file=file))
    told = answers.answers_of(graph, tree, budgeted, False)
    assert told is not None
    # Another budget makes the page again, and nothing else; the usual one is in no recipe.
    changed = Graph(budgeted.suite)
    differing = [a.name for a in changed if a.resolved != graph[a.name].resolved]
    assert differing == [REPORT]
    assert "answers" not in graph[REPORT].options
    counts = [(shown, of) for _, split, _, shown, of in told["shown"] if split != "real"]
    assert all(0 < shown < of for shown, of in counts)
    assert sum(shown for shown, _ in counts) == len(told["samples"])
    assert len(json.dumps({**told, "shown": []})) <= 9_000
    # The samples are spread over the persons.
    assert len({sample["person"] for sample in told["samples"]}) > 2


def test_a_budget_that_holds_no_sample_is_kept_and_says_so(made, whole):
    graph, tree, results = whole
    file = made.suite.file.model_copy(update={"report": Reporting(answers=1e-6)})
    budgeted = replace(results, suite=replace(made.suite, file=file))
    told = answers.answers_of(graph, tree, budgeted, False)
    assert told["samples"] == told["pictures"] == []
    assert all(shown == 0 < of for *_, shown, of in told["shown"])


def test_of_tables_that_are_too_large_the_page_names_the_file(whole, monkeypatch):
    monkeypatch.setattr(tables, "BUDGET", 20_000)
    all_tables = tables.printed(whole[2], tables_of(whole[2]))
    left_out = {table["name"] for table in all_tables if table.get("left_out")}
    assert "tasks" in left_out
    assert "overhead" not in left_out


def test_no_text_of_the_data_is_taken_for_a_script_or_a_tag(made, unfinished):
    plain = Scripts((made.root / REPORT / PAGE).read_text(encoding="utf-8"))
    rough = Scripts(unfinished.read_text(encoding="utf-8"))
    for found in (plain, rough):
        scripts = [tag for tag, _ in found.tags if tag == "script"]
        # The data, the libraries, and a module.
        assert len(scripts) == 1 + len(pages.LIBRARIES) + 1
        assert not any("alert('x')" in text for text in found.texts)
        assert {"b", "i"}.isdisjoint(tag for tag, _ in found.tags)
    for ending in ("</script>", "<!--", "]]>", "\u2028", "\ud800", "\\ud800"):
        assert unpacked(inlined([ending])) == [ending]
        assert ending not in inlined([ending])


def test_the_page_needs_nobody_else(made):
    found = Scripts((made.root / REPORT / PAGE).read_text(encoding="utf-8"))
    addresses = [given[key] for _, given in found.tags for key in ("src", "href") if key in given]
    assert all(address.startswith(("#", "data:")) for address in addresses)
    policy = next(given["content"] for tag, given in found.tags if given.get("http-equiv"))
    assert policy.startswith("default-src 'none'")
    assert "http" not in policy
    assert len((made.root / REPORT / PAGE).read_bytes()) < 4_000_000


def test_the_same_results_give_the_same_bytes(made, whole):
    again = Tree(made.root)
    text = document(made.graph, again, read_results(made.graph, again))
    assert text.encode() == (made.root / REPORT / PAGE).read_bytes()


def test_the_same_data_may_be_compressed_otherwise(made):
    page = (made.root / REPORT / PAGE).read_bytes()
    text = page.decode()
    packed = inlined(data_of(text))
    level = base64.b64encode(gzip.compress(json.dumps(data_of(text)).encode(), 1)).decode()
    assert level != packed
    assert same(text.replace(packed, level).encode(), text)
    other = inlined({**data_of(text), "tables": []})
    for wrong in (other, packed[:-40], "", "no base64"):
        assert not same(text.replace(packed, wrong).encode(), text)
    assert not same(text.replace("<title>", "<title>x").encode(), text)
    assert not same(b"\xff", text)


def test_the_audit_writes_the_page_again_and_tells_an_edited_one(made, tmp_path):
    root = tmp_path / "small"
    shutil.copytree(made.root, root)
    assert Audit(made.graph, Tree(root), accepted_here(), fast=True).files() == []
    page = root / REPORT / PAGE
    text = page.read_text(encoding="utf-8")
    page.write_text(text.replace("<title>small", "<title>smile"))
    proof = Audit(made.graph, Tree(root), accepted_here())
    assert "other bytes than those that were made" in proof._report_broken()


def test_tables_without_a_page_are_proven_and_a_page_that_failed_is_told(made, tmp_path):
    root = tmp_path / "small"
    shutil.copytree(made.root, root)
    shutil.rmtree(root / REPORT)
    assert Audit(made.graph, Tree(root), accepted_here(), fast=True).files() == []
    (root / REPORT).mkdir()
    note = {"error": "OSError", "message": "no room"}
    (root / REPORT / "failure.json").write_text(json.dumps(note))
    (fault,) = Audit(made.graph, Tree(root), accepted_here(), fast=True).files()
    assert fault == "report: failed: OSError: no room"


def test_the_page_of_what_was_done_so_far_goes_when_the_whole_one_is_made(made, tmp_path):
    root = tmp_path / "small"
    shutil.copytree(made.root, root)
    for name in (stage.SO_FAR, "report-with-real-persons"):
        (root / name).mkdir()
    stage.run(made.suite, root, True, True, root / "report-with-real-persons")
    assert (root / stage.SO_FAR).exists()
    stage.run(made.suite, root, False, False, root / REPORT)
    assert not (root / stage.SO_FAR).exists()
    assert (root / "report-with-real-persons" / PAGE).exists()


def test_numbers_that_json_has_not_are_left_out():
    assert unpacked(inlined([float("inf"), float("nan"), 1.5])) == [None, None, 1.5]


def test_a_run_that_lacks_scores_has_no_whole_page(tmp_path):
    suite = write_suite(tmp_path, **CHANGES)
    with pytest.raises(UserError, match=r"manifest\.json: missing; the stage that makes it"):
        stage.run(suite, tmp_path / "results/small", False, False, tmp_path / "out")


def test_a_snakemake_without_vega_is_told_in_a_line(monkeypatch):
    monkeypatch.setattr(pages, "_assets", lambda: Path("/nowhere"))
    pages._asset.cache_clear()
    with pytest.raises(UserError, match=r"^/nowhere/vega/vega\.js: No such file"):
        pages._library("vega")
    pages._asset.cache_clear()


def test_the_command_tells_where_the_page_lies_or_writes_what_is_done_so_far(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    suite = write_suite(tmp_path, **CHANGES)
    words = ["report", str(suite.path), "--results", str(tmp_path / "results")]
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 0, done.output
    path = tmp_path / "results/small/partial-report" / PAGE
    assert done.output.splitlines()[-1] == str(path)
    assert data_of(path.read_text(encoding="utf-8"))["head"]["states"][0][0] == "missing"


def test_the_rule_asks_for_the_page_by_a_command_that_can_be_pasted():
    graph = Graph(load_suite("mini", ROOT))
    command = graph.command(REPORT, Path("results/mini"))
    assert command == [
        *("clearbench", "report", "--suite", str(graph.suite.path)),
        *("--results", "results", "--out", "results/mini/report"),
    ]
    assert len([name for name in graph[REPORT].inputs if name.startswith("records/")]) == 35


def test_snakemakes_own_report_has_tables_and_page_and_no_table_that_is_out_of_date(made, tmp_path):
    root = tmp_path / "results/small"
    shutil.copytree(made.root, root)
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--report", tmp_path / "all.html"]
    command += ["--config", f"suite={made.suite.path}", f"results={tmp_path}/results"]

    def told():
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return set(re.findall(r"^Adding (\S+) ", done.stderr, re.MULTILINE))

    tables = {path.name for path in (root / "tables").glob("*.csv")}
    assert "comparison.csv" in tables
    assert told() == {*tables, PAGE}
    text = (tmp_path / "all.html").read_text(encoding="utf-8")
    assert all(words in text for words in ("A comparison table, with", "every number leads to"))
    (root / "tables/comparison.csv").write_text("edited\n")
    assert told() == {PAGE}


MARKS = "document.querySelectorAll('#tradeoff path[tabindex]').length"


@pytest.fixture(scope="module")
def browser(unfinished, tmp_path_factory):
    """A browser that has opened the page from disk, and reaches nobody."""
    if executable() is None:
        pytest.skip("needs a browser: apt-get install chromium")
    browser = Browser(tmp_path_factory.mktemp("browser"))
    browser.offline()
    browser.window(1200)
    browser.open(unfinished.as_uri())
    browser.wait(f"{MARKS} === 5")
    yield browser
    browser.close()


def texts(browser, selector):
    return browser.js(f"[...document.querySelectorAll({selector!r})].map(e => e.textContent)")


def choose(browser, label, value):
    """Choose a value of the labelled list in "What models say"."""
    browser.js(
        f"""{{
        const label = [...document.querySelectorAll("#answers label")]
          .find(e => e.firstChild.textContent === {label!r});
        label.lastChild.value = {value!r};
        label.lastChild.dispatchEvent(new Event("change"));
        }}"""
    )


def test_the_page_opens_from_disk_without_a_network_and_draws_every_panel(browser):
    # Original, gold and second gold; the floor and the ceiling retain nothing.
    assert browser.js(MARKS) == 5
    assert len(texts(browser, "#numbers tbody tr")) == 7
    assert len(texts(browser, "#answers .sample")) == 12
    strip = browser.js("document.querySelector('#answers .strip').ariaLabel")
    assert re.fullmatch(r"Losses: true answer \S+, paraphrase \S+; false ones \S+ to \S+", strip)
    assert {"Comparison", "Cost", "Noise"} <= set(texts(browser, "#tables summary b"))
    topics = texts(browser, "section[id^=topic-] h2")
    assert topics == ["Noise", "Cost", "Table 3"]
    browser.wait("document.querySelectorAll('[id^=topic-] path[tabindex]').length > 5")
    assert texts(browser, "#head h1") == ["Suite small"]
    assert ROUGH in texts(browser, "#head p")[0]
    assert any("diverged" in text for text in texts(browser, "#head .states li"))
    assert browser.said == []
    assert all(address.startswith(("file:", "data:")) for address in browser.asked)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_panel_is_drawn_in_ink_and_photographed_where_that_is_asked(
    browser, scheme, tmp_path
):
    browser.media(scheme=scheme)
    browser.wait(f"{MARKS} === 5")
    folder = Path(os.environ.get("CLEARBENCH_PICTURES", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    panels = browser.js(
        "[...document.querySelectorAll('main > section:not([hidden])')].map(e => e.id)"
    )
    assert len(panels) == 8
    for panel in panels:
        path = folder / f"{panel}-{scheme}.png"
        browser.picture(path, f"#{panel}")
        with Image.open(path) as picture:
            colours = picture.convert("RGB").getcolors(1 << 24)
        paper = max(colours)[1]
        assert (min(paper) > 240) == (scheme == "light")
        assert len(colours) > 20
    browser.media()


def test_a_click_leads_from_a_cell_to_the_dataset(browser):
    browser.js("document.querySelector('#numbers tr:not(.pinned) td:nth-child(4) button').click()")
    assert browser.js("document.getElementById('proof').open")
    steps = texts(browser, "#proof .chain summary b")
    assert steps[0] == "score/ga/text/forget10/seed0"
    assert {"evaluate/ga/text/forget10/seed0", "original/seed0", "dataset"} <= set(steps)
    assert "3 steps, loss 2.5 → 0.5" in texts(browser, "#proof .chain")[0]
    rows = texts(browser, "#proof tbody tr")
    assert "evaluate failed: RuntimeError: out of memory" in rows[1]
    assert any("each link was made by the settings" in text for text in texts(browser, "#proof p"))
    browser.js("document.querySelectorAll('#proof tbody th button')[1].click()")
    assert any("not proven: evaluate failed" in text for text in texts(browser, "#proof p"))
    browser.js("document.querySelectorAll('#proof tbody th button')[0].click()")
    commands = texts(browser, "#proof .command pre")
    cell = "ga/text/forget10/seed0"
    assert commands[-3:] == [
        f"clearbench audit --suite small --cell {cell}:retain",
        f"clearbench why --suite small {cell}",
        f"clearbench audit --suite small --cell {cell} --reexecute",
    ]
    assert browser.js("location.hash") == "#proof=ga%2Ftext%2Fforget10%3Aretain"
    browser.key("Escape")
    browser.wait("location.hash === ''")
    assert not browser.js("document.getElementById('proof').open")


def test_columns_sort_below_the_controls_and_rows_can_be_left_out(browser):
    first = "[...document.querySelectorAll('#numbers tbody th')].map(e => e.textContent)"
    controls = browser.js(first)[:5]
    head = "document.querySelector('#numbers thead th:nth-child(1) button')"
    orders = []
    for _ in range(2):
        browser.js(f"{head}.click()")
        orders.append(browser.js(first)[5:])
        assert browser.js(first)[:5] == controls
    assert orders == [["ga", "npo"], ["npo", "ga"]]
    assert browser.js("document.querySelector('#numbers thead th').ariaSort") == "descending"
    box = "[...document.querySelectorAll('#tradeoff fieldset input')].at({})".format
    browser.js(f"{box(-1)}.click()")
    assert browser.js(first) == [*controls, "ga"]
    browser.js(f"{box(-1)}.click()")
    assert len(browser.js(first)) == 7
    # A row's colour is its own, whichever others are shown.
    of_npo = """[...document.querySelectorAll('#tradeoff path[aria-label]')]
        .find(e => e.ariaLabel.startsWith('npo text'))?.getAttribute('fill')"""
    browser.wait(f"{MARKS} === 5")
    colour = browser.js(of_npo)
    browser.js(f"{box(-2)}.click()")
    browser.wait(f"{MARKS} === 4")
    assert browser.js(of_npo) == colour
    browser.js(f"{box(-2)}.click()")
    browser.wait(f"{MARKS} === 5")


def test_answers_can_be_chosen_by_person_and_by_what_was_forgotten(browser):
    choose(browser, "Person", PERSONS["forget"][0])
    assert all(PERSONS["forget"][0] in text for text in texts(browser, "#answers .sample"))
    choose(browser, "Which", "lost")
    for text in texts(browser, "#answers .sample"):
        assert re.search("original.*✓ the true answer(gold|npo|ga)", text)
        assert not text.endswith("✓ the true answer")
    truth = set(ANSWERS[0].split())
    marks = texts(browser, "#answers mark")
    assert marks
    assert truth.isdisjoint(marks)
    choose(browser, "Which", "")
    choose(browser, "Person", "")


def test_an_address_leads_to_a_sample_and_to_a_number(browser):
    sample = "document.querySelectorAll('#answers .sample')[3]"
    link = browser.js(f"{sample}.querySelector('a').href")
    told = browser.js(f"{sample}.textContent")
    browser.open("about:blank")
    browser.open(link)
    browser.wait("document.activeElement.className.startsWith('sample')")
    assert browser.js("document.activeElement.textContent") == told
    box = "document.activeElement.getBoundingClientRect()"
    browser.wait(f"(b => b.top >= 0 && b.bottom <= innerHeight)({box})")
    # An address that leads nowhere says so.
    browser.js("location.hash = '#sample=npo%2Ftext%2Fforget10%3Aforget%2Fnothing%2Fx'")
    browser.wait(
        "document.querySelector('#answers [aria-live]').textContent.startsWith('This page has')"
    )
    for asked in ("nobody:retain", "npo/text/forget10:nothing", ""):
        browser.js(f"location.hash = '#proof=' + encodeURIComponent({asked!r})")
        browser.wait("document.getElementById('proof').open")
        assert texts(browser, "#proof p")[0].startswith(f"This page has no number {asked}")
        browser.key("Escape")
        browser.wait("location.hash === ''")
    browser.js("location.hash = '#proof=npo%2Ftext%2Fforget10%3Aretain'")
    browser.wait("document.getElementById('proof').open")
    assert "npo/text/forget10: retain" in texts(browser, "#proof h2")[0]
    browser.key("Escape")
    choose(browser, "Person", "")
    browser.open("about:blank")
    browser.open(f"{link.partition('#')[0]}#tables")
    browser.wait(f"{MARKS} === 5")
    browser.wait("document.getElementById('tables').getBoundingClientRect().top < innerHeight")
    assert browser.said == []


def saved(browser, panel, name):
    """The text of the file that a button of a panel saves."""
    browser.js(
        """window.taken = null;
        URL.createObjectURL = blob => {
          blob.text().then(text => taken = text);
          return "data:,";
        };"""
    )
    buttons = f"[...document.querySelectorAll('#{panel} .choices button')]"
    browser.js(f"{buttons}.find(e => e.textContent === {name!r}).click()")
    browser.wait("taken !== null")
    return browser.js("taken")


def test_whatever_is_shown_can_be_saved(browser, unfinished):
    data = data_of(unfinished.read_text(encoding="utf-8"))
    numbers = list(csv.DictReader(saved(browser, "numbers", "CSV").splitlines()))
    assert len(numbers) == 7
    # A sign by itself is no formula.
    assert {line["modality"] for line in numbers} == {"-", "drawn", "text"}
    of_npo = next(line for line in numbers if line["method"] == "npo")
    cell = row(data, "npo/text/forget10")["cells"][column(data, "retain")]
    assert float(of_npo["retain"]) == cell["mean"]
    assert [float(of_npo[f"retain~{end}"]) for end in ("low", "high")] == cell["interval"]
    choose(browser, "Split", "retain")
    lines = list(csv.DictReader(saved(browser, "answers", "CSV").splitlines()))
    choose(browser, "Split", "forget")
    assert {line["person"] for line in lines} == set(PERSONS["retain"])
    # No answer is a formula to a spreadsheet.
    said = [line[model] for line in lines for model in ("original/forget10", "npo/text/forget10")]
    assert f"'{ANSWERS[3]}" in said
    assert not any(text.startswith("=") for text in said)
    assert {"original/forget10", "gold/forget10", "npo/text/forget10"} <= lines[0].keys()
    for panel in ("tradeoff", "topic-cost"):
        picture = saved(browser, panel, "SVG")
        assert picture.startswith("<svg")
        assert "<path" in picture
    browser.js("document.querySelector('#topic-cost details').open = true")
    (block,) = next(table for table in data["tables"] if table["name"] == "cost")["blocks"]
    table = list(csv.reader(saved(browser, "topic-cost", "CSV").splitlines()))
    assert table[0] == block["headers"]
    assert len(table) == 1 + len(block["rows"])
    assert browser.said == []


def test_a_drawn_table_follows_what_is_chosen_and_its_marks_lead_to_the_proof(browser):
    charts = "#topic-cost"
    choose_in = f"""(() => {{
      const list = [...document.querySelectorAll("{charts} label")]
        .find(e => e.firstChild.textContent === "Number").lastChild;
      list.value = "1";
      list.dispatchEvent(new Event("change"));
      return list.selectedOptions[0].textContent;
    }})()"""
    browser.js(f"document.querySelector('{charts} select').focus()")
    number = browser.js(choose_in)
    assert browser.js(f"document.querySelector('{charts}').contains(document.activeElement)")
    named = f"document.querySelector('{charts} svg')?.getAttribute('aria-label')"
    browser.wait(f"{named} === 'Cost: ' + {number!r}")
    browser.js(f"document.querySelector('{charts} path[tabindex]').focus()")
    browser.key("Enter")
    browser.wait("document.getElementById('proof').open")
    assert any(text.startswith("clearbench audit") for text in texts(browser, "#proof pre"))
    browser.key("Escape")


def test_the_heat_map_switches_to_equal_retention(scaled, tmp_path):
    if executable() is None:
        pytest.skip("needs a browser: apt-get install chromium")
    tree, data = scaled
    browser = Browser(tmp_path / "browser")
    browser.open((tree.root / REPORT / PAGE).as_uri())
    browser.wait("document.querySelectorAll('#tradeoff path[tabindex]').length")
    # A band for each row that has a curve of several seeds.
    lines = "[...document.querySelectorAll('#tradeoff .mark-line path')]"
    fills = browser.js(f"{lines}.map(e => e.getAttribute('fill'))")
    bands = [colour for colour in fills if colour not in (None, "none", "transparent")]
    assert len(set(bands)) == len(bands) == len(data["tradeoff"]["curves"])
    browser.js(
        """{
        const list = [...document.querySelectorAll("#numbers label")]
          .find(e => e.firstChild.textContent === "Compared").lastChild;
        list.selectedIndex = 1;
        list.dispatchEvent(new Event("change"));
        }"""
    )
    view = data["equal"][0]
    heads = texts(browser, "#numbers thead th")
    assert heads[2:] == [column["header"] for column in view["columns"]]
    cells = "[...r.cells].map(c => c.textContent)"
    rows = browser.js(f"[...document.querySelectorAll('#numbers tbody tr')].map(r => {cells})")
    assert len(rows) == 5
    for line in rows:
        (name,) = [
            one["name"]
            for one in data["numbers"]["rows"]
            if (one["method"], one["modality"]) == tuple(line[:2])
        ]
        assert line[2:] == [cell["text"] for cell in view["cells"][name]]
    browser.js("document.querySelector('#numbers tr:not(.pinned) td button').click()")
    models = texts(browser, "#proof tbody th button")
    assert models[:2] == ["ga/text/forget10/seed0", "ga/text/forget10/seed1"]
    values = texts(browser, "#proof tbody td:nth-child(2)")
    assert all(re.fullmatch(r"\d\.\d+", value) for value in values)
    assert texts(browser, "#tradeoff .role-legend-title text") == ["row"]
    assert any("@0.5" in name or "0.5" in name for name in models)
    assert browser.said == []
    browser.close()


def test_the_keyboard_reaches_cells_and_marks(browser):
    for target in ("#numbers tr:not(.pinned) td button", "#tradeoff path[tabindex]"):
        browser.js(f"document.querySelector({target!r}).focus()")
        browser.key("Enter")
        browser.wait("document.getElementById('proof').open")
        assert browser.js("document.getElementById('proof').contains(document.activeElement)")
        browser.key("Escape")
        browser.wait("!document.getElementById('proof').open")
    browser.js("document.activeElement.blur(); scrollTo(0, 0)")
    browser.open(browser.js("location.href"))
    browser.wait(f"{MARKS} === 5")
    browser.key("Tab")
    assert browser.js("document.activeElement.className") == "skip"


def test_a_screen_reader_finds_a_name_for_everything(browser):
    nameless = browser.js(
        """[...document.querySelectorAll("button, select, input, img, a, [tabindex]")]
        .filter(e => !(e.getAttribute("aria-label") || e.alt || e.textContent.trim() ||
                       e.labels?.[0]?.textContent.trim())).map(e => e.outerHTML)"""
    )
    assert nameless == []
    ids = browser.js("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids))
    assert browser.js("document.documentElement.lang") == "en"
    assert browser.js("document.querySelectorAll('h1').length") == 1


@pytest.mark.skipif(not AXE.is_file(), reason="needs axe-core, which `make test` installs")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_that_hinders_people(browser, scheme):
    browser.media(scheme=scheme)
    choose(browser, "Split", "")
    assert browser.hindrances() == []
    choose(browser, "Split", "forget")
    table = "#tables details"
    browser.js(f"document.querySelector({table!r}).open = true")
    browser.wait(f"document.querySelector('{table} td')")
    assert browser.hindrances(table) == []
    browser.js("document.querySelector('#numbers tr:not(.pinned) td button').click()")
    browser.js("document.querySelectorAll('#proof details').forEach(e => e.open = true)")
    assert browser.hindrances("#proof") == []
    browser.key("Escape")
    browser.media()


def test_the_page_fits_dark_rooms_narrow_windows_and_paper(browser):
    style = "getComputedStyle(document.{}).{}".format
    browser.media(scheme="dark")
    assert browser.js(style("body", "backgroundColor")) == "rgb(22, 24, 29)"
    browser.window(360, 740)
    widths = "document.documentElement.scrollWidth <= innerWidth"
    assert browser.js(f"{widths}")
    # A chart fills what room there is, and is not cut.
    fits = """[...document.querySelectorAll('.chart')].every(chart => {
        const [svg, place] = [chart.firstChild, chart].map(e => e.getBoundingClientRect().width);
        return svg > 0.9 * place && chart.scrollWidth <= chart.clientWidth; })"""
    browser.wait(fits)
    browser.js("document.querySelector('#numbers tr:not(.pinned) td button').click()")
    browser.js("document.querySelectorAll('#proof details').forEach(e => e.open = true)")
    assert browser.js("(d => d.scrollWidth <= d.clientWidth)(document.getElementById('proof'))")
    browser.key("Escape")
    browser.window(1200)
    browser.media("print", "dark")
    assert browser.js(style("querySelector('header')", "display")) == "none"
    assert browser.js(style("body", "backgroundColor")) == "rgb(255, 255, 255)"
    browser.media()
    assert browser.said == []


def test_of_many_rows_the_bars_are_those_of_the_one_that_is_pointed_at(tmp_path):
    if executable() is None:
        pytest.skip("needs a browser: apt-get install chromium")
    methods = (
        *("ga", "gd", "kl", "npo", "dpo", "idk", "scrub", "llmu", "sku", "wga", "flat", "simnpo"),
        "undial",
    )
    suite = write_suite(tmp_path, **CHANGES | {"methods": {name: {} for name in methods}})
    page = ReportTree(suite, tmp_path / "results/small").build().root / REPORT / PAGE
    browser = Browser(tmp_path / "browser")
    browser.window(1200, 1600)
    browser.open(page.as_uri())
    marks = len(methods) + 3
    browser.wait(f"{MARKS} === {marks}")
    bars = """[...document.querySelectorAll('#tradeoff .mark-rule.role-mark line')]
        .filter(e => Number(e.getAttribute('opacity') ?? 1) > 0).length"""
    of_controls = browser.js(bars)
    assert of_controls <= 2 * 3
    place = browser.js(
        """(box => ({x: box.x + box.width / 2, y: box.y + box.height / 2}))(
        [...document.querySelectorAll('#tradeoff path[aria-label]')]
          .find(e => e.ariaLabel.startsWith('ga text')).getBoundingClientRect())"""
    )
    browser.call("Input.dispatchMouseEvent", type="mouseMoved", **place)
    browser.wait(f"{bars} > {of_controls} && {bars} <= {of_controls} + 2")
    browser.call("Input.dispatchMouseEvent", type="mouseMoved", x=1, y=1)
    browser.wait(f"{bars} === {of_controls}")
    browser.js("document.querySelector('#tradeoff path[tabindex]').focus()")
    browser.wait(f"{bars} > {of_controls} && {bars} <= {of_controls} + 2")
    browser.js("document.activeElement.blur()")
    browser.wait(f"{bars} === {of_controls}")
    # All at once, and then one alone, with its bars.
    buttons = "[...document.querySelectorAll('#tradeoff fieldset button')]"
    together = f"{buttons}.find(e => e.textContent === '{{}}').click()".format
    browser.js(together("none"))
    browser.wait(f"{MARKS} === 3")
    browser.js("document.querySelector('#tradeoff fieldset input').click()")
    browser.wait(f"{MARKS} === 4 && {bars} > {of_controls}")
    browser.js(together("all"))
    browser.wait(f"{MARKS} === {marks}")
    assert browser.said == []
    browser.close()


def test_before_there_are_numbers_rows_lead_to_the_state_of_their_models(tmp_path):
    if executable() is None:
        pytest.skip("needs a browser: apt-get install chromium")
    suite = write_suite(tmp_path, **CHANGES)
    stage.run(suite, tmp_path / "results/small", True, False, tmp_path / "out")
    browser = Browser(tmp_path / "browser")
    browser.open((tmp_path / "out" / PAGE).as_uri())
    browser.wait("document.querySelector('#topic-cost .chart p')")
    assert texts(browser, "#numbers thead th") == ["row", "modality", "state"]
    browser.js("document.querySelector('#numbers tr:not(.pinned) td button').click()")
    assert "ga/text/forget10" in texts(browser, "#proof h2")[0]
    told = texts(browser, "#proof p")
    assert any(text.startswith("When the page was made: not proven") for text in told)
    browser.key("Escape")
    # Where nothing is drawn no room is kept for it, and nothing is saved.
    assert browser.js("document.querySelector('#topic-cost .chart').clientHeight") < 100
    browser.js("document.querySelectorAll('.choices button').forEach(e => e.click())")
    assert browser.said == []
    browser.close()
