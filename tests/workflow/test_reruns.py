"""What a change reruns: each case runs the real Snakemake, and no artifact more or less is made.

Of the jobs that Snakemake starts below a changed artifact, those whose inputs come out the same end
at once and keep their artifact; a case names the artifacts that are made.
"""

import json
import os
import random
import re
import shutil
import time
from fnmatch import fnmatch

import pytest
import yaml

from clearbench.suite.graph import Graph
from clearbench.suite.load import load_suite

NPO = {f"{stage}/npo/*" for stage in ("unlearn", "evaluate", "score")}
CELL = "npo/text/forget10/seed0"
ADAPTER = f"unlearn/{CELL}/adapter_model.safetensors"
MODELS = {"base/*", "original/*", "gold/*", "unlearn/*", "evaluate/*", "score/*", "tables"}
EVERYTHING = {"generate", "dataset", *MODELS}
SEED = {
    "original/seed1",
    "unlearn/*/seed1",
    "evaluate/original/*/seed1",
    "evaluate/*/*/*/seed1",
    "score/*/seed1",
    "tables",
}
"""All of a further seed but its base and its gold, which stood behind the second gold."""


@pytest.fixture
def bench(bench):
    return bench.with_own_code()


def rerun(bench, expected, *options):
    """Run the suite; exactly the artifacts that match the patterns may be made, and all of them.

    And the report with any of them, for it tells of every record.
    """
    before = bench.records()
    logs = bench.results() / "logs"
    shutil.rmtree(logs)
    done = bench.snakemake(*options)
    assert done.status == 0, done.output
    after = bench.records()
    made = {name for name, record in after.items() if before.get(name) != record}
    graph = Graph(load_suite("suite", bench.folder))
    patterns = {*expected, "report"} if expected else expected
    wanted = {a.name for a in graph if any(fnmatch(a.name, pattern) for pattern in patterns)}
    assert made == wanted
    # Snakemake starts a job for these and for what lies below them, and for nothing else.
    told = "".join(path.read_text() for path in logs.rglob("*.log"))
    kept = set(re.findall(r"^results/suite/(\S+): unchanged, kept$", told, re.M))
    assert len(done.jobs) == len(made) + len(kept)
    assert kept <= {artifact.name for artifact in graph.descendants(*made)} - made
    # Nothing is left to do.
    again = bench.snakemake()
    assert (again.status, again.jobs) == (0, []), again.output


def date(folder, seconds):
    """Give all files below a folder one time, as archives and wrong clocks do."""
    for path in folder.rglob("*"):
        os.utime(path, (seconds, seconds))


def edit_loss(bench):
    bench.edit("methods/npo.py", "-(2 / self.beta)", "-(3 / self.beta)")


def edit_comments_and_layout(bench):
    bench.edit("methods/npo.py", "ratio = ", "# The ratio of whole answers.\n        ratio = (")
    bench.edit(
        "methods/npo.py", "(reference.forget)\n", "(\n            reference.forget)\n        )\n"
    )
    bench.edit("methods/base.py", "An unlearning method; its", "A way of unlearning. Its")
    bench.edit("training/loop.py", "map(math.isfinite, values)", "map( math.isfinite, values )")
    bench.edit("metrics/rouge_l.py", "def rouge_l", "# Recall.\ndef rouge_l")


def edit_metric(bench):
    bench.edit("metrics/rouge_l.py", "[score.recall for", "[score.precision for")


def edit_what_methods_share(bench):
    bench.edit("methods/base.py", "    seed: int\n", "    seed: int\n    unused: int\n")


def edit_what_all_models_share(bench):
    bench.edit("training/loop.py", "or training.max_grad_norm)", "or 2 * training.max_grad_norm)")


def edit_bookkeeping(bench):
    bench.edit("jobs/record.py", "indent=1", "indent=2")


def edit_loss_among_files_of_the_future(bench):
    edit_loss(bench)
    date(bench.folder, 4102444800)


def set_rate_among_files_of_1970(bench):
    set_rate(bench)
    date(bench.folder, 0)


def set_rate(bench):
    bench.write(methods={"retain_ft": {}, "npo": {"lr": 2.0e-3}})


def set_default_rate(bench):
    # One method has its own rate, so that the default does not reach it.
    bench.write(
        unlearn={"epochs": 1, "batch_size": 32, "lr": 2.0e-3},
        methods={"retain_ft": {"lr": 1.0e-3}, "npo": {}},
    )


def add_method(bench):
    strong = {"method": "npo", "beta": 0.05}
    bench.write(methods={"retain_ft": {}, "npo": {}, "ga": {}, "npo-strong": strong})


def add_seed(bench):
    bench.write(seeds=[0, 1])


def add_modality(bench):
    bench.write(modalities=["text", "visual", "both"])


def remove_method(bench):
    bench.write(methods={"retain_ft": {}})


def reorder_methods(bench):
    bench.write(methods={"npo": {}, "retain_ft": {}})


def touch_everything(bench):
    files = [path for path in bench.results().rglob("*") if path.is_file()]
    random.Random(0).shuffle(files)
    for number, path in enumerate(files):
        os.utime(path, (time.time() + number, time.time() + number))


def copy_elsewhere(bench):
    # Without Snakemake's own notes, and in the order that the copying took.
    results, moved = bench.results(), bench.folder / "moved"
    for path in sorted(results.rglob("*"), reverse=True):
        target = moved / path.relative_to(results)
        if path.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
    shutil.rmtree(results)
    shutil.rmtree(bench.folder / ".snakemake")
    moved.rename(results)


def delete(path):
    def change(bench):
        found = bench.results() / path
        shutil.rmtree(found) if found.is_dir() else found.unlink()

    return change


def corrupt(path):
    def change(bench):
        found = bench.results() / path
        data = bytearray(found.read_bytes())
        data[len(data) // 2] ^= 1
        found.write_bytes(data)

    return change


def set_lock(bench):
    path = bench.folder / "envs/cpu.lock"
    path.write_text(path.read_text().replace("tabulate==", "tabulate==0."))


def comment_lock(bench):
    path = bench.folder / "envs/cpu.lock"
    path.write_text("# Renewed.\n\n" + path.read_text())


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (edit_loss_among_files_of_the_future, {*NPO, "tables"}),
        (edit_comments_and_layout, set()),
        (edit_metric, {"score/*", "tables"}),
        # The adapters come out the same, so nothing is evaluated; the tables tell their new times.
        (edit_what_methods_share, {"unlearn/*", "tables"}),
        (edit_what_all_models_share, MODELS),
        (edit_bookkeeping, set()),
        (set_rate_among_files_of_1970, {*NPO, "tables"}),
        (set_default_rate, {*NPO, "tables"}),
        (add_method, {"*/ga/*", "*/npo-strong/*", "tables"}),
        (add_seed, SEED),
        (add_modality, {"*/visual/*", "tables"}),
        (remove_method, {"tables"}),
        (reorder_methods, {"tables"}),
        (touch_everything, set()),
        (copy_elsewhere, set()),
        (delete(ADAPTER), {f"unlearn/{CELL}", "tables"}),
        (delete(f"unlearn/{CELL}"), {f"unlearn/{CELL}", "tables"}),
        (delete(f"score/{CELL}/scores.json"), {f"score/{CELL}"}),
        (delete(f"evaluate/{CELL}/provenance.json"), {f"evaluate/{CELL}", "tables"}),
        (corrupt(ADAPTER), {f"unlearn/{CELL}", "tables"}),
        (corrupt("original/seed0/model.safetensors"), {"original/seed0", "tables"}),
        (set_lock, EVERYTHING),
        (comment_lock, set()),
        # It comes out the same.
        (delete("original/seed0"), {"original/seed0", "tables"}),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_change_reruns_what_it_touches_and_nothing_else(bench, change, expected):
    change(bench)
    rerun(bench, expected)


def test_a_changed_row_of_a_local_dataset_reruns_all_that_has_seen_it(bench):
    source = bench.folder / "source"
    shutil.copytree(bench.results() / "generate", source)
    path = bench.folder / "config/datasets/small.yaml"
    spec = yaml.safe_load(path.read_text())
    spec.update(generator=None, images=str(source / "clear"), texts=str(source / "tofu"))
    path.write_text(yaml.safe_dump(spec))
    # Read from a folder or made by the workflow, it is the same dataset.
    rerun(bench, {"dataset"})

    # The perturbed answers of one question, which only evaluation sees.
    file = source / "tofu/retain_perturbed.json"
    first, *others = file.read_text().splitlines(keepends=True)
    row = json.loads(first)
    row["perturbed_answer"][0] += " Indeed."
    file.write_text(json.dumps(row) + "\n" + "".join(others))
    rerun(bench, {"dataset", *MODELS})


def test_invalidated_results_are_made_again_and_remember_why(bench):
    run_clearbench = bench.clearbench("invalidate", "--where", "method=npo", "--reason", "bad data")
    assert run_clearbench.status == 0, run_clearbench.output
    rerun(bench, {*NPO, "tables"})
    record = yaml.safe_load(bench.records()[f"score/{CELL}"])
    assert [entry["reason"] for entry in record["invalidations"]] == ["bad data"]


def test_a_rerun_of_only_one_file_leaves_the_rest_of_a_change_for_later(bench):
    edit_loss(bench)
    target = f"results/suite/score/{CELL}/manifest.json"
    before = bench.records()
    done = bench.snakemake(target)
    assert done.status == 0, done.output
    made = {name for name, record in bench.records().items() if before[name] != record}
    assert made == {f"{stage}/{CELL}" for stage in ("unlearn", "evaluate", "score")}
    other = CELL.replace("text", "both")
    rerun(bench, {f"*/{other}", "tables"})
