"""Tables from synthetic results trees: every state a cell can end in must be seen, none guessed."""

import json
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import clearbench.tables
from clearbench.errors import UserError
from clearbench.layout import GOLD_SEEDS, RECORDS, SCORES, Layout
from clearbench.provenance.artifacts import FAILURE, MANIFEST, Manifest, publish
from clearbench.stages import tabulate
from clearbench.suite import load_suite
from clearbench.tables import builders
from clearbench.tables.results import plan

ROOT = Path(__file__).resolve().parents[2]
TABLES = {"comparison", "modality", "leak", "tasks", "cost"}
TASKS = [f"{split}/{task}" for split in ("forget", "retain") for task in ("captions", "text_qa")]
MODEL_KEYS = ["real", "retain", "forget", "forget_quality_js", "forget_quality_ks_log10"]
KEYS = [*(f"{task}/accuracy" for task in TASKS), *MODEL_KEYS]


@pytest.fixture
def tree(tmp_path):
    """A suite of two methods, two modalities and three seeds, and its empty results tree."""
    return make_tree(tmp_path, methods=["retain_ft", "ga"], seeds=[0, 1, 2])


def make_tree(
    folder, methods, seeds, sizes=(10,), modalities=("text", "visual"), model="tiny-llava"
):
    path = folder / "small.yaml"
    path.write_text(
        f"description: small\ndataset: mini\nmodel: {model}\nbase: {{}}\nseeds: {list(seeds)}\n"
        f"modalities: [{', '.join(modalities)}]\nforget_sizes: {list(sizes)}\nmethods:\n"
        + "".join(f"  {method}: {{}}\n" for method in methods)
    )
    suite = load_suite(str(path), ROOT)
    layout = Layout(folder / "results/small")
    golds = [layout.gold(size, seed) for size in sizes for seed in GOLD_SEEDS]
    for model in (layout.generated, layout.dataset, layout.base, layout.original, *golds):
        put(model, "any", {})
    runs = [run for group in plan(suite) for run in group.runs]
    return SimpleNamespace(suite=suite, layout=layout, runs=runs, out=folder / "tables")


def values(run):
    """Scores that differ from run to run and key to key, the same at every call."""
    random = np.random.default_rng(list(run.encode()))
    return dict(zip(KEYS, random.uniform(size=len(KEYS)).tolist(), strict=True))


def put(folder, stage, files, status="ok", step=None, measures=None):
    part = folder.with_name(f"{folder.name}.new")
    part.mkdir(parents=True)
    for name, text in files.items():
        (part / name).write_text(text)
    record = {"seconds": 2.5, "peak_memory_bytes": 2**30, "measures": measures or {}}
    (part / "provenance.json").write_text(json.dumps(record))
    publish(part, folder, Manifest(stage, status=status, step=step))


def finish(tree, run, records=None, weights=None):
    """A run that came through all stages."""
    layout = tree.layout
    if not run.startswith(("original", "gold")):
        cost = {"samples_per_second": 8.0, "stored_bytes": 2**21, "note": "words are no figures"}
        files = {"adapter_model.safetensors": weights or f"weights of {run}"}
        put(layout.unlearned(run), "unlearn", files, measures=cost)
    put(layout.evaluated(run), "evaluate", {RECORDS: records or f"records of {run}"})
    put(layout.scored(run), "score", {SCORES: json.dumps(values(run))})


def diverge(tree, run, step):
    for folder in (
        tree.layout.unlearned(run),
        tree.layout.evaluated(run),
        tree.layout.scored(run),
    ):
        put(folder, "any", {}, status="diverged", step=step)


def fail(folder, stage, message):
    folder.mkdir(parents=True, exist_ok=True)
    note = {"stage": stage, "error": "RuntimeError", "message": message}
    (folder / FAILURE).write_text(json.dumps(note))


def make_tables(tree, partial=False):
    tabulate.run(tree.suite, tree.layout.root, partial, tree.out)
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


def seeds_of(method, modality, size="forget10"):
    return [f"{method}/{modality}/{size}/seed{seed}" for seed in (0, 1, 2)]


def test_every_table_is_written_in_every_format(tree):
    for run in tree.runs:
        finish(tree, run)
    frames = make_tables(tree)
    assert set(builders()) == TABLES
    endings = ("csv", "md", "tex", "sources.json")
    files = {f"{name}.{ending}" for name in TABLES for ending in endings}
    assert files < {path.name for path in tree.out.iterdir()}
    assert all((frame[frame.metric.isin(KEYS)].status == "ok").all() for frame in frames.values())


def test_mean_and_deviation_over_seeds_are_those_of_numpy(tree):
    for run in tree.runs:
        finish(tree, run)
    frames = make_tables(tree)
    for name in ("comparison", "modality", "leak", "tasks"):
        for found in frames[name][frames[name].modality != "-"].itertuples():
            numbers = [values(run)[found.metric] for run in seeds_of(found.method, found.modality)]
            assert found.mean == pytest.approx(np.mean(numbers), rel=1e-14)
            assert found.std == pytest.approx(np.std(numbers, ddof=1), rel=1e-12)
            assert (found.n, found.seeds) == (3, 3)
    numbers = [values(run)["real"] for run in seeds_of("ga", "text")]
    shown = f"{np.mean(numbers):.3f} ± {np.std(numbers, ddof=1):.3f}"
    assert row(tree, "ga", "text")[0] == shown
    assert "- Mean ± sample standard deviation over 3 seeds (0, 1, 2)." in notes(tree)


def test_one_run_shows_no_deviation(tmp_path):
    tree = make_tree(tmp_path, methods=["ga"], seeds=[4])
    for run in tree.runs:
        finish(tree, run)
    frames = make_tables(tree)
    assert line(frames["comparison"], "ga", "text").mean == values("ga/text/forget10/seed4")["real"]
    assert np.isnan(line(frames["comparison"], "ga", "text").std)
    text = (tree.out / "comparison.md").read_text()
    assert "±" not in text
    assert "- One seed (4), so no spread." in notes(tree)


def test_controls_come_first(tree):
    for run in tree.runs:
        finish(tree, run)
    frames = make_tables(tree)
    expected = ["original", "gold", "gold (seed 1)", "retain_ft", "ga"]
    for frame in frames.values():
        assert list(frame.method.unique()) == expected
    second = line(frames["comparison"], "gold (seed 1)")
    assert second.mean == values("gold/forget10/seed1")["real"]


def test_a_diverged_cell_shows_its_step(tree):
    for run in tree.runs:
        if run.startswith("ga/text"):
            diverge(tree, run, step=12)
        else:
            finish(tree, run)
    frames = make_tables(tree)
    for name in ("comparison", "leak", "cost"):
        assert set(row(tree, "ga", "text", name)) == {"diverged (step 12)"}
    found = line(frames["comparison"], "ga", "text")
    assert (found.status, found.n, found.seeds) == ("diverged", 0, 3)
    assert np.isnan(found.mean)
    assert "ga/text/forget10/seed1: diverged (step 12)" in found.detail
    assert line(frames["comparison"], "ga", "visual").status == "ok"


def test_seeds_that_did_not_finish_are_counted_and_named(tree):
    for run in tree.runs:
        if run == "ga/text/forget10/seed1":
            diverge(tree, run, step=7)
        else:
            finish(tree, run)
    frames = make_tables(tree)
    numbers = [values(run)["real"] for run in seeds_of("ga", "text")[::2]]
    found = line(frames["comparison"], "ga", "text")
    assert (found.status, found.n, found.seeds) == ("partial", 2, 3)
    assert found.mean == pytest.approx(np.mean(numbers))
    assert row(tree, "ga", "text")[0].endswith(" (2/3 seeds)")
    assert "- [1] diverged (step 7): ga/text/forget10/seed1" in notes(tree)
    assert "| ga [1] " in (tree.out / "comparison.md").read_text()


def test_a_failed_cell_names_stage_and_error(tree):
    for run in tree.runs:
        if run.startswith("ga/visual"):
            fail(tree.layout.unlearned(run), "unlearn", "out of memory")
        else:
            finish(tree, run)
    frames = make_tables(tree, partial=True)
    assert set(row(tree, "ga", "visual")) == {"failed (unlearn)"}
    found = line(frames["comparison"], "ga", "visual")
    assert found.status == "failed"
    assert "unlearn failed: RuntimeError: out of memory" in found.detail
    listed = ", ".join(seeds_of("ga", "visual"))
    assert f"- [1] unlearn failed: RuntimeError: out of memory: {listed}" in notes(tree)


def test_scores_left_over_from_before_a_failure_are_not_shown(tree):
    for run in tree.runs:
        finish(tree, run)
    run = "ga/text/forget10/seed0"
    fail(tree.layout.evaluated(run), "evaluate", "no space left")
    found = line(make_tables(tree, partial=True)["comparison"], "ga", "text")
    assert (found.status, found.n) == ("partial", 2)
    assert "evaluate failed" in found.detail


def test_scores_left_over_from_before_a_killed_job_are_not_shown(tree):
    for run in tree.runs:
        finish(tree, run)
    run = "ga/text/forget10/seed0"
    (tree.layout.evaluated(run) / MANIFEST).unlink()
    found = line(make_tables(tree, partial=True)["comparison"], "ga", "text")
    assert (found.status, found.n) == ("partial", 2)
    assert f"- [1] evaluate not finished: {run}" in notes(tree)


def test_a_failure_above_all_cells_is_told_in_one_remark(tree):
    (tree.layout.original / MANIFEST).unlink()
    fail(tree.layout.original, "finetune", "no data")
    for run in tree.runs:
        if run.startswith("gold"):
            finish(tree, run)
    frames = make_tables(tree, partial=True)
    assert line(frames["comparison"], "gold").status == "ok"
    assert line(frames["comparison"], "ga", "text").status == "failed"
    (remark,) = (note for note in notes(tree) if "failed" in note)
    assert remark.startswith("- [1] finetune failed: RuntimeError: no data: original/forget10, ")
    assert remark.endswith(" and 7 more")


def test_missing_scores_stop_the_tables_unless_they_may_be_partial(tree):
    missing = "retain_ft/visual/forget10/seed2"
    for run in tree.runs:
        if run != missing:
            finish(tree, run)
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


def test_identical_outputs_are_flagged(tree):
    alike = {"original/forget10", "ga/text/forget10/seed0"}
    twins = {"ga/visual/forget10/seed1", "retain_ft/visual/forget10/seed1"}
    for run in tree.runs:
        records = "records of the original" if run in alike else None
        finish(tree, run, records, weights="the same weights" if run in twins else None)
    make_tables(tree)
    said = notes(tree)
    assert "- [1] bit-identical outputs: original/forget10, ga/text/forget10/seed0" in said
    listed = "retain_ft/visual/forget10/seed1, ga/visual/forget10/seed1"
    assert f"- [2] bit-identical outputs: {listed}" in said
    text = (tree.out / "comparison.md").read_text()
    marked = ["original [1]", "ga [1]", "retain_ft [2]", "ga [2]"]
    assert sorted(re.findall(r"^\| (\S+ \[\d\])", text, re.M)) == sorted(marked)


def test_every_number_leads_to_its_score_files(tree):
    for run in tree.runs:
        if run == "ga/text/forget10/seed1":
            diverge(tree, run, step=7)
        else:
            finish(tree, run)
    frames = make_tables(tree)
    groups = {(group.method, group.modality): group.name for group in plan(tree.suite)}
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
    data = json.loads((tree.layout.root / path).read_text())
    return data[key] if key in data else data["measures"][key.removeprefix("measures/")]


def test_costs_are_read_from_the_records_of_the_runs(tree):
    for run in tree.runs:
        finish(tree, run)
    put(tree.layout.original, "finetune", {}, measures={"stored_bytes": 2**20})
    frame = make_tables(tree)["cost"]
    assert line(frame, "ga", "text", "train/measures/stored_bytes").mean == 2**21
    assert line(frame, "original", metric="train/measures/samples_per_second").status == "absent"
    assert row(tree, "original", table="cost")[:4] == ["2.5", "–", "1024", "1.00"]
    assert row(tree, "ga", "text", "cost")[:2] == ["2.5 ± 0.0", "8.0 ± 0.0"]


def test_forget_sizes_are_blocks(tmp_path):
    tree = make_tree(tmp_path, methods=["ga"], seeds=[0], sizes=[1, 10])
    for run in tree.runs:
        finish(tree, run)
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
    tree = make_tree(tmp_path, ["ga"], seeds=[0], modalities=["text"], model="tiny-llama")
    for run in tree.runs:
        finish(tree, run)
    frames = make_tables(tree)
    assert set(frames["comparison"].modality) == {"-", "text"}
    assert "visual" not in (tree.out / "modality.md").read_text()


def test_modalities_stand_side_by_side(tree):
    for run in tree.runs:
        finish(tree, run)
    make_tables(tree)
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
    for run in tree.runs:
        if run.startswith("ga/visual"):
            fail(tree.layout.unlearned(run), "unlearn", "100 % of {A_1} & $B#\\ ~^")
        else:
            finish(tree, run)
    make_tables(tree, partial=True)
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
    for run in tree.runs:
        finish(tree, run)
    make_tables(tree)
    files = [path for path in tree.out.iterdir() if path.name != "provenance.json"]
    first = {path.name: path.read_bytes() for path in files}
    make_tables(tree)
    assert {name: (tree.out / name).read_bytes() for name in first} == first


def test_a_file_dropped_into_the_folder_is_a_table(tree, tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(
        "from clearbench.tables.base import Table, make_block, score_column\n\n\n"
        "def build(results):\n"
        "    return Table('Mine', [make_block(results, 10, [score_column('real', 'real')])], [])\n"
    )
    monkeypatch.setattr(clearbench.tables, "__path__", [*clearbench.tables.__path__, str(tmp_path)])
    builders.cache_clear()
    for run in tree.runs:
        finish(tree, run)
    try:
        make_tables(tree)
    finally:
        builders.cache_clear()
        sys.modules.pop("clearbench.tables.mine", None)
    assert (tree.out / "mine.md").read_text().startswith("## Mine: suite small")


def test_a_thousand_cells_are_tabulated(tmp_path, monkeypatch):
    # Flushing six thousand files to disk would take longer than the rest of this module.
    monkeypatch.setattr("clearbench.provenance.artifacts._flush", lambda path: None)
    methods = ["retain_ft", "ga", "gd", "kl", "idk", "dpo", "npo", "scrub", "llmu", "rmu", "sku"]
    tree = make_tree(tmp_path, methods, seeds=range(15), sizes=[1, 5, 10])
    assert len(tree.suite.cells) == 990
    for run in tree.runs:
        finish(tree, run)
    frame = make_tables(tree)["comparison"]
    assert len(frame) == 5 * len(plan(tree.suite))
    assert frame[frame.metric == "real"].n.sum() == len(tree.runs)
