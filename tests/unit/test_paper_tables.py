"""Our numbers beside the paper's: its values as printed, the differences, its contradictions."""

import csv
import json
import math
import re
from statistics import fmean

import pandas as pd
import pytest
from scipy import stats
from snakemake.exceptions import WorkflowError

from clearbench.results.read import read_results
from clearbench.results.runs import Outcome, Results, groups_of
from clearbench.results.tree import Tree
from clearbench.suite.graph import TABLES
from clearbench.suite.load import load_suite
from clearbench.suite.rows import runs_of
from clearbench.tables import builders, clear_paper
from clearbench.tables.clear_paper import PaperTable
from clearbench.tables.documents import documents
from clearbench.tables.table1 import contradictions
from published import DATA
from synthetic import ROOT, LeftOut, SyntheticTree, rules_see, write_suite

PRINTED = {found.model: {} for found in vars(clear_paper).values() if isinstance(found, PaperTable)}
for _found in vars(clear_paper).values():
    if isinstance(_found, PaperTable):
        PRINTED[_found.model][_found.number] = _found
MODELS = {"llama2-7b": "llama-2-7b", "mistral-7b": "mistral-7b-v0.3"}
METRICS = {
    "forget_quality": "forget_quality_js",
    "log_forget_quality": "forget_quality_ks_ln",
    "forget_acc": "forget_accuracy",
    "holdout_acc": "holdout_accuracy",
    "retain_acc": "retain_accuracy",
}
CONTROLS = ("gold", "original")


def test_the_papers_values_are_those_of_the_reference_and_none_is_left_out():
    with (DATA / "clear_paper_tables.csv").open() as file:
        lines = list(csv.DictReader(file))
    for line in lines:
        model = MODELS.get(line["model"], line["model"])
        table = PRINTED[model][int(line["table"].removeprefix("T"))]
        modality = "-" if line["method"] in CONTROLS else line["modality"]
        metric = METRICS.get(line["metric"], line["metric"])
        value = table.value(line["method"], modality, metric)
        if metric in table.percent:
            value *= 100
        assert value == pytest.approx(float(line["value"]), abs=1e-9), line
        assert int(line["forget_percent"]) == clear_paper.SIZE
    tables = [table for found in PRINTED.values() for table in found.values()]
    assert sum(len(row) for table in tables for row in table.rows.values()) == len(lines)


def build(folder, states=None, **changes):
    suite = write_suite(folder, seeds=[0, 1], modalities=["text", "both"], **changes)
    return SyntheticTree(suite, folder / "results/small", records=True).build(states)


@pytest.fixture
def tree(tmp_path):
    return build(tmp_path, methods={"ga": {}, "gd": {}, "idk": {}, "idk@published": {}})


def frame(tree, name):
    table = pd.read_csv(tree.root / TABLES / f"{name}.csv")
    return table.set_index(["method", "modality", "metric"])


@pytest.mark.parametrize(("name", "model"), [("table1", "llava-1.5-7b"), ("table6", "qwen2-vl-2b")])
def test_a_table_prints_ours_the_papers_and_the_difference(tree, name, model):
    found = frame(tree, name)["mean"]
    paper = PRINTED[model][int(name[-1])]
    rows = {key[:2] for key in found.index}
    assert ("gd", "both") in rows
    assert ("original", "-") in rows
    assert ("gd", "text") not in rows
    for method, modality in rows:
        for metric in paper.metrics:
            ours, printed, difference = (
                found[method, modality, f"{metric}@official{role}"]
                for role in ("", "/paper", "/difference")
            )
            value = paper.value(method.partition("@")[0], modality, metric)
            if value is None:
                assert pd.isna(printed)
                assert pd.isna(difference)
            else:
                assert printed == value
                assert difference == pytest.approx(ours - value)
    text = (tree.root / TABLES / f"{name}.md").read_text()
    assert f"of {model}, which is not this suite's model (tiny-llava)" in text


def test_the_papers_own_inconsistencies_are_flagged(tree):
    text = (tree.root / TABLES / "table1.md").read_text()
    marked = set(re.findall(r"^\| (\S+) †", text, re.M))
    assert marked == {"gd"}
    assert "gd 0.29 0.00 0.00 0.18 / 0.49 0.51 0.37 0.85" in text
    # Every method of Table 3 is in Table 1 too, and none has the same four numbers there.
    for method, modality in clear_paper.TABLE_3.rows:
        if modality == "both":
            assert f"{method} " in contradictions()
    assert r"gd $\dagger$" in (tree.root / TABLES / "table1.tex").read_text()


def test_table_3_has_a_row_a_modality_and_knows_the_papers_values_of_each(tree):
    found = frame(tree, "table3")["mean"]
    assert found["gd", "text", "real@official/paper"] == 0.26
    assert found["gd", "both", "real@official/paper"] == 0.49
    assert {key[:2] for key in found.index} == {
        (method, modality)
        for method in ("ga", "gd", "idk", "idk@published")
        for modality in ("text", "both")
    }


def test_table_4_is_one_of_text_suites_with_the_logarithm_of_p(tmp_path):
    suite = write_suite(tmp_path, model="tiny-llama", modalities=["text"], methods={"ga": {}})
    tree = SyntheticTree(suite, tmp_path / "results/small", records=True).build()
    found = frame(tree, "table4")["mean"]
    assert found["ga", "text", "forget_quality_ks_ln@tofu/paper"] == -17.22
    names = {path.stem for path in (tree.root / TABLES).glob("*.md")}
    assert "table1" not in names


@pytest.mark.parametrize("sizes", [[5], [5, 10]])
@pytest.mark.parametrize(
    ("model", "names"),
    [("tiny-llava", ("table1", "table3", "table6")), ("tiny-llama", ("table4",))],
)
def test_at_a_size_that_the_paper_has_not_ours_stand_alone(tmp_path, sizes, model, names):
    modalities = ["both"] if model == "tiny-llava" else ["text"]
    suite = write_suite(
        tmp_path, model=model, modalities=modalities, methods={"gd": {}}, forget_sizes=sizes
    )
    tree = SyntheticTree(suite, tmp_path / "results/small", records=True).build()
    for name in names:
        table = pd.read_csv(tree.root / TABLES / f"{name}.csv")
        beside = table.metric.str.contains("/")
        assert set(table.forget_size) == set(sizes)
        assert set(table[~beside].status) == {"ok"}
        assert set(table[beside].forget_size) == set(sizes) & {10}
        text = (tree.root / TABLES / f"{name}.md").read_text()
        assert "- The paper forgets 10 % of the persons only: at 5 % ours stand alone." in text
        assert ("difference" in text) == ("Paper: Table" in text) == (10 in sizes)
        rows = re.findall(r"^\| gd( †)?", text.split("\n\n")[2], re.M)
        assert rows == [""]


def test_a_method_and_its_published_variant_stand_side_by_side(tree):
    found = frame(tree, "published_vs_paper")["mean"]
    for modality in ("text", "both"):
        for metric in ("real", "retain", "forget", "forget_quality_js"):
            moved = found["idk@published", modality, f"{metric}/difference"]
            ours, theirs = (found[method, modality, metric] for method in ("idk", "idk@published"))
            assert moved == pytest.approx(theirs - ours)
    assert {key[0] for key in found.index} == {"idk", "idk@published"}
    sources = json.loads((tree.root / TABLES / "published_vs_paper.sources.json").read_text())
    assert [path for path, _ in sources["idk@published/text/forget10:real/difference"]] == [
        f"score/{method}/text/forget10/seed{seed}/scores.json"
        for method in ("idk@published", "idk")
        for seed in (0, 1)
    ]


def test_a_difference_counts_the_seeds_that_have_both_numbers(tmp_path):
    missing = {"unlearn/idk/text/forget10/seed1": LeftOut()}
    tree = build(tmp_path, {**missing, TABLES: LeftOut()}, methods={"idk": {}, "idk@published": {}})
    files = documents(read_results(tree.graph, Tree(tree.root)))
    lines = list(csv.DictReader(files["published_vs_paper.csv"].splitlines()))
    (line,) = (
        line for line in lines if line["modality"] == "text" and line["metric"] == "real/difference"
    )
    assert (line["n"], line["seeds"], line["status"]) == ("1", "2", "partial")


@pytest.fixture
def of_one_seed(tmp_path):
    methods = {"idk": {}, "idk@published": {}}
    suite = write_suite(tmp_path, seeds=[0], modalities=["both"], methods=methods)
    return SyntheticTree(suite, tmp_path / "results/small", records=True).build()


def ends(table, *key):
    return table["low"][key], table["high"][key]


def test_a_difference_of_one_seed_has_the_noise_of_both_numbers(of_one_seed):
    table = frame(of_one_seed, "published_vs_paper")
    for metric in ("real", "retain", "forget", "forget_quality_js"):
        ours, theirs = (
            (table["mean"][method, "both", metric], *ends(table, method, "both", metric))
            for method in ("idk", "idk@published")
        )
        key = ("idk@published", "both", f"{metric}/difference")
        between = table["mean"][key]
        assert ends(table, *key) == pytest.approx(
            (
                between - math.hypot(theirs[0] - theirs[1], ours[2] - ours[0]),
                between + math.hypot(theirs[2] - theirs[0], ours[0] - ours[1]),
            )
        )


def test_a_papers_number_has_the_noise_of_its_rounding(of_one_seed):
    table = frame(of_one_seed, "table1")
    key = ("idk", "both", "retain@official")
    mean, low, _ = (table[column][key] for column in ("mean", "low", "high"))
    paper, difference = ((*key[:2], f"retain@official/{role}") for role in ("paper", "difference"))
    assert ends(table, *paper) == pytest.approx((0.505, 0.515))
    expected = mean - 0.51 - math.hypot(mean - low, 0.005)
    assert table["low"][difference] == pytest.approx(expected)


@pytest.mark.parametrize("name", ["table1", "published_vs_paper"])
def test_a_difference_within_the_noise_is_marked_in_every_text(of_one_seed, name):
    table = frame(of_one_seed, name)
    found = table[table.index.get_level_values("metric").str.endswith("/difference")].dropna(
        subset="mean"
    )
    within = (found.low <= 0) & (found.high >= 0)
    # Of a handful of samples little is certain; against the gold model's 1.00 something is.
    assert within.any()
    folder = of_one_seed.root / TABLES
    rows, *notes = re.split(r"\n- ", (folder / f"{name}.md").read_text())
    assert len(re.findall(r"[+-]\d\.\d{3} ≈", rows)) == within.sum()
    assert len(re.findall(r"[+-]\d\.\d{3} ", rows)) == len(found)
    assert sum(note.startswith("≈ within the noise") for note in notes) == 1
    latex = (folder / f"{name}.tex").read_text()
    assert latex.isascii()
    assert latex.count(r"$\approx$") == within.sum() + 1


def test_a_difference_over_seeds_has_their_noise_and_that_of_persons(tmp_path):
    methods = {"idk": {}, "idk@published": {}}
    count = 5
    seeds = [*range(count)]
    suite = write_suite(tmp_path, seeds=seeds, modalities=["text"], methods=methods)
    tree = SyntheticTree(suite, tmp_path / "results/small", records=True).build()
    table = frame(tree, "published_vs_paper")
    runs = read_results(tree.graph, Tree(tree.root)).runs
    key = ("idk@published", "text", "retain/difference")

    def reach(method, seed, end):
        numbers = runs[f"{method}/text/forget10/seed{seed}"].documents["score"].numbers
        return abs(numbers["retain"] - numbers[f"retain~{end}"])

    noise = [
        math.hypot(reach("idk@published", seed, "low"), reach("idk", seed, "high"))
        for seed in seeds
    ]
    between = stats.t.ppf(0.975, count - 1) * table["std"][key] / math.sqrt(count)
    expected = table["mean"][key] - math.hypot(between, fmean(noise))
    # Else it would be cut there, and told nothing.
    assert expected > -1
    assert table["low"][key] == pytest.approx(expected)


def test_of_two_seeds_one_left_counts_with_the_noise_of_its_samples(tmp_path):
    missing = {"unlearn/idk/text/forget10/seed1": LeftOut()}
    tree = build(tmp_path, {**missing, TABLES: LeftOut()}, methods={"idk": {}, "idk@published": {}})
    results = read_results(tree.graph, Tree(tree.root))
    entry = builders("multimodal")["published_vs_paper"](results).entries[
        "idk@published/text/forget10:real/difference"
    ]
    numbers = [
        results.runs[f"{method}/text/forget10/seed0"].documents["score"].numbers
        for method in ("idk@published", "idk")
    ]
    low = math.hypot(
        numbers[0]["real"] - numbers[0]["real~low"], numbers[1]["real~high"] - numbers[1]["real"]
    )
    assert entry.interval[0] == pytest.approx(entry.mean - low)


def test_a_suite_without_variants_has_no_table_of_them(tmp_path):
    tree = build(tmp_path, methods={"ga": {}})
    assert not (tree.root / TABLES / "published_vs_paper.md").exists()


@pytest.mark.parametrize("name", sorted(file.stem for file in (ROOT / "config").glob("*.yaml")))
def test_a_target_of_a_suite_has_rows_or_is_refused_in_one_line(name, monkeypatch):
    monkeypatch.chdir(ROOT)
    suite = load_suite(name, ROOT)
    groups = groups_of(runs_of(suite))
    runs = {run: Outcome("missing") for group in groups for run in group.runs}
    workflow = rules_see({"suite": name})
    domains = {"table4": "text", "table5": "vision"}
    for number in range(1, 7):
        target = f"table{number}"
        find = workflow.ranked_tables if target == "table2" else workflow.tables_with(target)
        refusal = None
        if suite.domain != (domain := domains.get(target, "multimodal")):
            refusal = f"{target}: a table of {domain} suites, {name} is a {suite.domain} one;"
        elif target == "table2" and not suite.file.single_domain:
            refusal = f"config/{name}.yaml: single_domain: empty; name suites of text or"
        elif target in ("table1", "table6") and "both" not in suite.file.modalities:
            refusal = f"{target}: a table of cells that forget both, and {name} has modalities: "
        if refusal:
            with pytest.raises(WorkflowError, match=re.escape(refusal)) as error:
                find({})
            assert "\n" not in str(error.value)
            continue
        assert find({}).endswith(f"{name}/tables/manifest.json")
        if target != "table2":
            table = builders(suite.domain)[target](Results(suite, groups, runs, ()))
            assert {entry.group.name for entry in table.entries.values()}
