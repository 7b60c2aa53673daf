"""Tables from synthetic results trees: every state a cell can end in must be seen, none guessed."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from clearbench.cli import cli
from clearbench.errors import UserError
from clearbench.evaluation.records import RECORDS
from clearbench.jobs.artifacts import MANIFEST, PROVENANCE
from clearbench.metrics.score import SCORES
from clearbench.results.read import read_results
from clearbench.results.runs import Document, Group, Outcome, groups_of
from clearbench.results.tree import Tree
from clearbench.stages import tabulate
from clearbench.suite.graph import TABLES as NAME
from clearbench.tables import builders
from clearbench.tables.base import Entry, score_column
from installed import forgotten, install  # noqa: F401
from synthetic import (
    KEYS,
    ROOT,
    Failed,
    LeftOut,
    Made,
    SyntheticTree,
    draw_scores,
    write_suite,
)

TABLES = {"comparison", "modality", "leak", "tasks", "cost"}
"""Those of every suite of words; the others have rows in some."""


class Tables(SyntheticTree):
    """A results tree whose tables are made by their stage, beside it."""

    def __init__(self, folder, **changes):
        super().__init__(write_suite(folder, **changes), folder / "results/small")
        self.out = folder / "tables"
        self.runs = list(self.graph.runs)

    def build(self, states=None):
        return super().build({**(states or {}), NAME: LeftOut()})


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A suite of two methods, two modalities and three seeds, and its empty results tree."""
    monkeypatch.chdir(ROOT)
    return Tables(tmp_path)


def make_tables(tree, partial=False):
    tabulate.run(tree.suite, tree.root, partial, tree.out)
    return {name: pd.read_csv(tree.out / f"{name}.csv") for name in TABLES}


def line(frame, method, modality="-", metric="real"):
    chosen = (frame.method == method) & (frame.modality == modality) & (frame.metric == metric)
    (found,) = frame[chosen].itertuples()
    return found


def row(tree, method, modality="-", table="comparison"):
    """The cells of a row of a Markdown table, without its method and modality."""
    text = (tree.out / f"{table}.md").read_text()
    rows = [re.split(r"\s*\|\s*", row)[1:-1] for row in text.splitlines() if row[:1] == "|"]
    (found,) = (row[2:] for row in rows if row[0].split(" [")[0] == method and row[1] == modality)
    return found


def notes(tree, table="comparison"):
    return [text for text in (tree.out / f"{table}.md").read_text().splitlines() if text[:1] == "-"]


def head(tree, table="comparison"):
    return (tree.out / f"{table}.md").read_text().splitlines()[0]


def seeds_of(method, modality, size="forget10"):
    return [f"{method}/{modality}/{size}/seed{seed}" for seed in (0, 1, 2)]


def test_every_table_is_written_in_every_format(tree):
    frames = make_tables(tree.build())
    others = {
        "claims",
        "fairness",
        "general",
        "membership",
        "noise",
        "meta",
        "tradeoff",
        "overhead",
        "ranking",
        "requests",
        "retrieval",
        "selection",
        "stress",
        "table1",
        "table3",
        "table6",
        "published_vs_paper",
    }
    assert set(builders("multimodal")) == TABLES | others
    endings = ("csv", "md", "tex", "sources.json")
    files = {f"{name}.{ending}" for name in TABLES for ending in endings}
    assert files < {path.name for path in tree.out.iterdir()}
    assert all((frame[frame.metric.isin(KEYS)].status == "ok").all() for frame in frames.values())


def test_mean_and_deviation_over_seeds_are_those_of_numpy(tree):
    frames = make_tables(tree.build())
    for name in ("comparison", "modality", "leak", "tasks"):
        for found in frames[name][~frames[name].modality.isin(["-", "drawn"])].itertuples():
            runs = seeds_of(found.method, found.modality)
            numbers = [draw_scores(run)[found.metric] for run in runs]
            assert found.mean == pytest.approx(np.mean(numbers), rel=1e-14)
            assert found.std == pytest.approx(np.std(numbers, ddof=1), rel=1e-12)
            assert (found.n, found.seeds) == (3, 3)
    numbers = [draw_scores(run)["real"] for run in seeds_of("ga", "text")]
    shown = f"{np.mean(numbers):.3f} ± {np.std(numbers, ddof=1):.3f}"
    assert row(tree, "ga", "text")[0] == shown
    assert head(tree) == (
        "Mean ± sample standard deviation over 3 seeds (0, 1, 2), each with its own base, original"
        " and gold."
    )


def test_one_run_shows_no_deviation(tmp_path):
    tree = Tables(tmp_path, methods={"ga": {}}, seeds=[4]).build()
    found = line(make_tables(tree)["comparison"], "ga", "text")
    assert found.mean == draw_scores("ga/text/forget10/seed4")["real"]
    assert np.isnan(found.std)
    text = (tree.out / "comparison.md").read_text()
    assert "±" not in text
    assert head(tree).startswith("One seed (4): how far another run would lie")


def test_controls_come_first(tree):
    frames = make_tables(tree.build())
    controls, methods = ["original", "gold", "second gold"], ["retain_ft", "ga"]
    bounds = ["floor: random losses", "ceiling: gold drawn anew"]
    for name, frame in frames.items():
        between = bounds if name == "comparison" else []
        assert list(frame.method.unique()) == [*controls, *between, *methods]
    second = line(frames["comparison"], "second gold")
    pairs = [f"second_gold/forget10/seed{b}-seed{a}" for a, b in ((0, 1), (0, 2), (1, 2))]
    assert second.mean == pytest.approx(np.mean([draw_scores(pair)["real"] for pair in pairs]))
    gold = line(frames["comparison"], "gold")
    assert gold.mean == np.mean([draw_scores(f"gold/forget10/seed{s}")["real"] for s in range(3)])


def test_a_diverged_cell_shows_its_step(tree):
    states = {f"unlearn/{run}": Made(status="diverged", step=12) for run in seeds_of("ga", "text")}
    frames = make_tables(tree.build(states))
    for name in ("comparison", "leak", "cost"):
        assert set(row(tree, "ga", "text", name)) == {"diverged (step 12)"}
    found = line(frames["comparison"], "ga", "text")
    assert (found.status, found.n, found.seeds) == ("diverged", 0, 3)
    assert np.isnan(found.mean)
    assert "ga/text/forget10/seed1: diverged (step 12)" in found.detail
    assert line(frames["comparison"], "ga", "visual").status == "ok"


def test_a_cell_that_diverged_when_it_was_evaluated_says_so(tree):
    name = "ga/text/forget10/seed1"
    make_tables(tree.build({f"evaluate/{name}": Made(status="diverged")}))
    assert f"- [1] diverged (evaluation): {name}" in notes(tree)


def test_seeds_that_did_not_finish_are_counted_and_named(tree):
    states = {"unlearn/ga/text/forget10/seed1": Made(status="diverged", step=7)}
    frames = make_tables(tree.build(states))
    numbers = [draw_scores(run)["real"] for run in seeds_of("ga", "text")[::2]]
    found = line(frames["comparison"], "ga", "text")
    assert (found.status, found.n, found.seeds) == ("partial", 2, 3)
    assert found.mean == pytest.approx(np.mean(numbers))
    assert row(tree, "ga", "text")[0].endswith(" (2/3 seeds)")
    assert "- [1] diverged (step 7): ga/text/forget10/seed1" in notes(tree)
    assert "| ga [1] " in (tree.out / "comparison.md").read_text()


def test_a_failed_cell_names_stage_and_error(tree):
    states = {f"unlearn/{run}": Failed("out of memory") for run in seeds_of("ga", "visual")}
    frames = make_tables(tree.build(states), partial=True)
    assert set(row(tree, "ga", "visual")) == {"failed (unlearn)"}
    found = line(frames["comparison"], "ga", "visual")
    assert found.status == "failed"
    assert "unlearn failed: RuntimeError: out of memory" in found.detail
    listed = ", ".join(seeds_of("ga", "visual"))
    assert f"- [1] unlearn failed: RuntimeError: out of memory: {listed}" in notes(tree)


def test_scores_left_over_from_before_a_failure_are_not_shown(tree):
    tree.build().put("evaluate/ga/text/forget10/seed0", Failed("no space left"))
    found = line(make_tables(tree, partial=True)["comparison"], "ga", "text")
    assert (found.status, found.n) == ("partial", 2)
    assert "evaluate failed" in found.detail


def test_scores_left_over_from_before_a_killed_job_are_not_shown(tree):
    run = "ga/text/forget10/seed0"
    (tree.build().root / f"evaluate/{run}" / MANIFEST).unlink()
    found = line(make_tables(tree, partial=True)["comparison"], "ga", "text")
    assert (found.status, found.n) == ("partial", 2)
    assert f"- [1] evaluate not finished: {run}" in notes(tree)


def edit_record(folder):
    text = (folder / PROVENANCE).read_text()
    (folder / PROVENANCE).write_text(text.replace('"seconds": 2.5', '"seconds": 0.5'))


RUN = "ga/text/forget10/seed0"
UNPROVEN = {
    "weights made again": (
        f"evaluate/{RUN}: made from another model/1 than the one here",
        lambda tree: tree.put(f"unlearn/{RUN}", Made(files={"other": ""})),
    ),
    "records made again": (
        f"score/{RUN}: made from another records than the one here",
        lambda tree: tree.put(f"evaluate/{RUN}", Made(files={RECORDS: ""})),
    ),
    "an edited manifest": (
        f"score/{RUN}/{MANIFEST}: not the one that the job wrote",
        lambda tree: (tree.root / f"score/{RUN}" / MANIFEST).write_text("{}"),
    ),
    "an edited record": (
        f"unlearn/{RUN}/{PROVENANCE}: edited since the job wrote it (its seal is broken)",
        lambda tree: edit_record(tree.root / f"unlearn/{RUN}"),
    ),
    "a missing record": (
        f"unlearn/{RUN}/{PROVENANCE}: missing; nothing tells how the artifact was made",
        lambda tree: (tree.root / f"unlearn/{RUN}" / PROVENANCE).unlink(),
    ),
    "edited scores": (
        f"score/{RUN}/{SCORES}: not the file that the job wrote",
        lambda tree: (tree.root / f"score/{RUN}" / SCORES).write_text('{"real": 1.0}'),
    ),
}


@pytest.mark.parametrize("change", UNPROVEN)
def test_a_number_whose_origin_is_not_proven_is_not_shown(tree, change):
    reason, make = UNPROVEN[change]
    make(tree.build())
    results = read_results(tree.graph, Tree(tree.root))
    run = results.runs[RUN]
    assert (run.state, run.detail, run.documents) == ("missing", "unproven", {})
    assert run.reason == f"{tree.root}/{reason}"
    assert {name for name, other in results.runs.items() if other.state != "ok"} == {RUN}


def test_an_unproven_run_is_missing_in_the_tables_and_told_with_its_reason(tree):
    tree.build()
    for run in seeds_of("ga", "text"):
        edit_record(tree.root / f"unlearn/{run}")
    found = line(make_tables(tree, partial=True)["comparison"], "ga", "text")
    assert (found.status, found.n) == ("missing", 0)
    assert set(row(tree, "ga", "text")) == {"missing (unproven)"}
    first = tree.root / "unlearn/ga/text/forget10/seed0" / PROVENANCE
    told = f"{first}: edited since the job wrote it (its seal is broken)"
    assert f"- [1] {told}: ga/text/forget10/seed0" in notes(tree)


def test_data_made_again_leave_no_number_of_the_old_ones(tree):
    tree.build().put("dataset", Made(files={"data/rows.txt": "other rows"}))
    frame = make_tables(tree, partial=True)["comparison"]
    assert set(frame.status) == {"missing"}
    remark, *_ = (note for note in notes(tree) if note.startswith("- ["))
    assert "made from another dataset than the one here: original/forget10/seed0, " in remark


def test_a_failure_above_all_cells_is_told_in_one_remark(tree):
    frames = make_tables(tree.build({"original/seed0": Failed("no data")}), partial=True)
    assert line(frames["comparison"], "gold").status == "ok"
    # The other seeds have originals of their own.
    found = line(frames["comparison"], "ga", "text")
    assert (found.status, found.n) == ("partial", 2)
    (remark,) = (note for note in notes(tree) if "failed" in note)
    assert remark.startswith(
        "- [1] original failed: RuntimeError: no data: original/forget10/seed0, "
    )
    assert remark.endswith(
        "retain_ft/visual/forget10/seed0, ga/text/forget10/seed0, ga/visual/forget10/seed0"
    )


def test_missing_scores_stop_the_tables_unless_they_may_be_partial(tree):
    missing = "retain_ft/visual/forget10/seed2"
    tree.build({f"unlearn/{missing}": LeftOut()})
    with pytest.raises(UserError, match=f"score/{missing}/{MANIFEST}: missing"):
        make_tables(tree)
    assert not (tree.out / MANIFEST).exists()
    found = line(make_tables(tree, partial=True)["comparison"], "retain_ft", "visual")
    assert (found.status, found.n, found.seeds) == ("partial", 2, 3)
    assert f"- [1] unlearn not finished: {missing}" in notes(tree)


def test_partial_tables_of_nothing_say_that_all_is_missing(tree):
    frames = make_tables(tree, partial=True)
    assert set(frames["comparison"].status) == {"missing"}
    assert set(row(tree, "original")) == {"missing"}


def test_partial_tables_are_not_taken_for_whole_ones(tree):
    tree.build()
    frames = make_tables(tree, partial=True)
    assert set(frames["comparison"].status) == {"ok"}
    partial = (tree.out / PROVENANCE).read_bytes()
    make_tables(tree)
    assert (tree.out / PROVENANCE).read_bytes() != partial


def test_identical_outputs_are_flagged(tree):
    alike = {"original/forget10/seed0", "ga/text/forget10/seed0"}
    twins = {f"{row}/visual/forget10/seed1" for row in ("ga", "retain_ft")}
    again = {f"{row}/visual/forget10/seed2" for row in ("ga", "retain_ft")}
    states = {f"evaluate/{run}": Made(files={RECORDS: "the original's"}) for run in alike}
    states |= {f"unlearn/{run}": Made(files={"model.safetensors": "same"}) for run in twins}
    states |= {f"unlearn/{run}": Made(files={"model.safetensors": "too"}) for run in again}
    make_tables(tree.build(states))
    said = notes(tree)
    assert "- [1] bit-identical outputs: original/forget10/seed0, ga/text/forget10/seed0" in said
    listed = "retain_ft/visual/forget10/seed1, ga/visual/forget10/seed1"
    # The same two rows, so one remark.
    others = listed.replace("seed1", "seed2")
    assert f"- [2] bit-identical outputs: {listed}; {others}" in said
    text = (tree.out / "comparison.md").read_text()
    marked = ["original [1]", "ga [1]", "retain_ft [2]", "ga [2]"]
    assert sorted(re.findall(r"^\| (\S+ \[\d\])", text, re.M)) == sorted(marked)


@pytest.mark.parametrize(("count", "told"), [(3, "3 of 20 true answers are"), (0, None)])
def test_true_answers_that_are_longer_than_greedy_ones_are_told(tmp_path, count, told):
    suite = write_suite(tmp_path, seeds=[0], forget_sizes=[1, 10], evaluate={"max_new_tokens": 7})
    measured = Made(measures={"samples": 20, "longer_answers": count})
    runs = ("original/forget10/seed0", "ga/text/forget10/seed0")
    states = {f"evaluate/{run}": measured for run in runs}
    tree = SyntheticTree(suite, tmp_path / "results/small").build(states)
    for name in ("comparison.md", "tasks.md", "comparison.tex"):
        text = (tree.root / NAME / name).read_text()
        assert text.count("longer than max") == (told is not None)
        assert told is None or f"{told} longer than max" in text
    if told:
        note = f"- At 10 % {told} longer than max_new_tokens (7): greedy answers end before, so"
        assert note in (tree.root / NAME / "comparison.md").read_text()


def test_every_number_leads_to_its_score_files(tree):
    states = {"unlearn/ga/text/forget10/seed1": Made(status="diverged", step=7)}
    frames = make_tables(tree.build(states))
    groups = {
        (group.method, group.modality): group.name for group in groups_of(tree.graph.runs.values())
    }
    for name, frame in frames.items():
        sources = json.loads((tree.out / f"{name}.sources.json").read_text())
        assert len(sources) == len(frame)
        for found in frame[frame.n > 0].itertuples():
            entry = f"{groups[found.method, found.modality]}:{found.metric}"
            numbers = [read(tree, *source) for source in sources[entry] if "status" not in source]
            assert len(numbers) == found.n
            assert np.mean(numbers) == pytest.approx(found.mean, rel=1e-14)
    sources = json.loads((tree.out / "comparison.sources.json").read_text())
    assert sources["ga/text/forget10:real"] == [
        ["score/ga/text/forget10/seed0/scores.json", "real"],
        ["score/ga/text/forget10/seed1/manifest.json", "status"],
        ["score/ga/text/forget10/seed2/scores.json", "real"],
    ]


def read(tree, path, key):
    data = json.loads((tree.root / path).read_text())
    return data[key] if key in data else data["measures"][key.removeprefix("measures/")]


def test_costs_are_read_from_the_records_of_the_runs(tree):
    cost = {"samples_per_second": 8.0, "stored_bytes": 2**21, "note": "words are no figures"}
    states = {f"unlearn/{run}": Made(measures=cost) for run in seeds_of("ga", "text")}
    states |= {f"original/seed{seed}": Made(measures={"stored_bytes": 2**20}) for seed in range(3)}
    frame = make_tables(tree.build(states))["cost"]
    assert line(frame, "ga", "text", "train/measures/stored_bytes").mean == 2**21
    assert line(frame, "original", metric="train/measures/samples_per_second").status == "absent"
    assert row(tree, "original", table="cost")[:3] == ["2.5 ± 0.0", "–", "1024 ± 0"]
    assert "1.00 ± 0.00" in row(tree, "original", table="cost")
    assert row(tree, "ga", "text", "cost")[:2] == ["2.5 ± 0.0", "8.0 ± 0.0"]


def test_no_interval_of_a_cost_reaches_below_nothing(tree):
    seconds = (0.1, 0.2, 9.0)
    states = {
        f"unlearn/{run}": Made(seconds=took, measures={"stored_bytes": 2**20 * took})
        for run, took in zip(seeds_of("ga", "text"), seconds, strict=True)
    }
    frame = make_tables(tree.build(states))["cost"]
    for metric in ("train/seconds", "train/measures/stored_bytes"):
        assert line(frame, "ga", "text", metric).low == 0


def test_overhead_is_the_joint_cell_for_each_unit_of_the_single_ones(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    tree = Tables(tmp_path, methods={"ga": {}}, modalities=["text", "visual", "both"], seeds=[0, 1])
    costs = {"text": (2.0, 2**20, 1e12), "visual": (6.0, 2**22, 3e12), "both": (10.0, 2**22, 5e12)}
    states = {
        f"unlearn/ga/{modality}/forget10/seed{seed}": Made(
            measures={
                "training_seconds": seconds * (1 + seed),
                "peak_bytes": peak,
                "flops": flops,
                "parameters": 7e9,
            }
        )
        for modality, (seconds, peak, flops) in costs.items()
        for seed in (0, 1)
    }
    make_tables(tree.build(states))
    lines = (tree.out / "overhead.md").read_text().splitlines()
    found = [re.split(r"\s*\|\s*", line)[1:-1] for line in lines if line.startswith("| ga")]
    assert found == [
        ["ga", "3.0 ± 1.4", "9.0 ± 4.2", "15.0 ± 7.1", "1.25 ± 0.00"],
        ["ga", "1 ± 0", "4 ± 0", "4 ± 0", "1.00 ± 0.00"],
        ["ga", "1.000 ± 0.000", "3.000 ± 0.000", "5.000 ± 0.000", "1.25 ± 0.00"],
    ]
    words = ["overhead", str(tree.suite.path), "--results", str(tree.root.parent)]
    done = CliRunner().invoke(cli, words, catch_exceptions=False)
    assert "| 7,000.0 M |" in done.output
    assert re.search(r"\| +2 \| +1\.25 \| +1\.00 \| +1\.25 \|", done.output)


def test_a_suite_of_single_modalities_has_no_overhead(tree):
    make_tables(tree.build())
    assert not (tree.out / "overhead.md").exists()
    words = ["overhead", str(tree.suite.path), "--results", str(tree.root.parent)]
    done = CliRunner().invoke(cli, words)
    assert "no method has finished on text, visual and both" in str(done.exception)


def test_tables_show_what_a_cell_cost_when_it_was_made_last(tree):
    make_tables(tree.build())
    for run in seeds_of("ga", "text"):
        tree.put(f"unlearn/{run}", Made(seconds=9.0))
    make_tables(tree)
    assert row(tree, "ga", "text", "cost")[0] == "9.0 ± 0.0"


def test_forget_sizes_are_blocks(tmp_path):
    tree = Tables(tmp_path, methods={"ga": {}}, seeds=[0], forget_sizes=[1, 10]).build()
    frame = make_tables(tree)["comparison"]
    assert set(frame.forget_size) == {1, 10}
    heads = [
        head for head in (tree.out / "comparison.md").read_text().splitlines() if head[:1] == "#"
    ]
    assert heads == [
        f"## Comparison: suite small, model tiny-llava, dataset mini, forget {size} %"
        for size in (1, 10)
    ]


def test_a_text_suite_has_only_text(tmp_path):
    suite = {"methods": {"ga": {}}, "modalities": ["text"], "model": "tiny-llama"}
    tree = Tables(tmp_path, seeds=[0], **suite).build()
    frames = make_tables(tree)
    assert set(frames["comparison"].modality) == {"-", "drawn", "text"}
    assert "visual" not in (tree.out / "modality.md").read_text()


def test_modalities_stand_side_by_side(tree):
    make_tables(tree.build())
    header, _, original, *_ = (
        [cell.strip() for cell in text.split("|")[1:-1]]
        for text in (tree.out / "modality.md").read_text().splitlines()
        if text[:1] == "|"
    )
    assert header[:2] == ["method", "text: real ↑"]
    assert header[5] == "visual: real ↑"
    # A control forgot nothing and is the same beside each modality.
    assert original[1:5] == original[5:9]


def test_latex_is_balanced_and_escaped(tree):
    error = Failed("100 % of {A_1} & $B#\\ ~^")
    states = {f"unlearn/{run}": error for run in seeds_of("ga", "visual")}
    make_tables(tree.build(states), partial=True)
    for name in TABLES:
        text = (tree.out / f"{name}.tex").read_text()
        assert text.isascii()
        begun, ended = re.findall(r"\\begin{(\w+)}", text), re.findall(r"\\end{(\w+)}", text)
        assert sorted(begun) == sorted(ended)
        assert len(begun) >= 2
        body = text.removeprefix("% \\usepackage{booktabs}")
        plain = re.sub(r"\$\\(pm|uparrow|downarrow)\$", "", body)
        plain = re.sub(r"\\\^{}", "", plain)
        assert not re.search(r"(?<!\\)[%_$#^~]", plain), name
        assert plain.count("{") - plain.count(r"\{") == plain.count("}") - plain.count(r"\}")
        rows = [row for row in body.splitlines() if row.endswith(r"\\")]
        columns = re.search(r"\\begin{tabular}{(\w+)}", text)[1]
        if name != "tasks":
            assert {len(re.findall(r"(?<!\\)&", row)) for row in rows} == {len(columns) - 1}
    assert r"retain\_ft" in (tree.out / "comparison.tex").read_text()


def test_scores_give_the_same_bytes_twice(tree):
    make_tables(tree.build())
    first, tree.out = tree.out, tree.out.with_name("again")
    make_tables(tree)
    for path in first.iterdir():
        if path.name != PROVENANCE:
            assert (tree.out / path.name).read_bytes() == path.read_bytes()


def test_a_file_with_a_builder_is_a_table(tree, tmp_path, monkeypatch):
    text = (
        "from clearbench.tables.base import Table, make_block, score_column\n\n\n"
        "def build(results):\n"
        "    return Table('Mine', [make_block(results, 10, [score_column('real', 'real')])], [])\n"
    )
    folder = tmp_path / "installed"
    install(monkeypatch, folder, {"mine.py": text}, {"tables": {"mine": "mine"}})
    make_tables(tree.build())
    assert (tree.out / "mine.md").read_text().splitlines()[2].startswith("## Mine: suite small")


def test_a_thousand_cells_are_tabulated(tmp_path):
    methods = ["retain_ft", "ga", "gd", "kl", "idk", "dpo", "npo", "scrub", "llmu", "rmu", "sku"]
    # The default layer is that of a model of 32 layers.
    given = {key: {"layer": 1} if key == "rmu" else {} for key in methods}
    suite = {"methods": given, "forget_sizes": [1, 5, 10]}
    tree = Tables(tmp_path, seeds=list(range(15)), **suite).build()
    assert len(tree.graph.cells) == 990
    frame = make_tables(tree)["comparison"]
    assert len(frame) == 6 * len(groups_of(tree.graph.runs.values()))
    assert frame[frame.metric == "real"].n.sum() == len(tree.runs)


@pytest.mark.parametrize(
    ("method", "numbers", "text"),
    [
        # The shadow models of a method are those of all seeds: one number, however often it stands.
        ("scrub", [0.625, 0.625, 0.625], "0.625"),
        # Each gold is attacked itself.
        ("gold", [0.5, 0.5, 0.8], "0.600 ± 0.173"),
    ],
)
def test_what_seeds_share_has_no_deviation_and_what_they_do_not_has_one(method, numbers, text):
    documents = [Document("scores.json", {"u_lira": number}) for number in numbers]
    runs = tuple(Outcome(documents={"score": document}) for document in documents)
    group = Group(method, method, "visual", 10, tuple(f"{method}/{n}" for n in range(3)))
    entry = Entry(group, score_column("u_lira", "U-LIRA"), runs)
    assert (entry.text, entry.status) == (text, "ok")
