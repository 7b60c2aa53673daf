"""Variants, definitions and imported logs on a finished run: no more is made than they are."""

import json

import pytest

from .bench import SUITE

VARIANT = "npo@published"
LOG = {
    "generated_text": {"0": ["q", "a hat", "a red hat"], "1": ["q", "no", "a dog"]},
    "avg_gt_loss": {"0": 0.5, "1": 1.0},
    "avg_paraphrased_loss": {"0": 0.6, "1": 1.1},
    "average_perturb_loss": {"0": [1.0, 2.0], "1": [0.5, 3.0]},
}
GOLD = {**LOG, "avg_paraphrased_loss": {"0": 0.9, "1": 0.8}}
FILES = (
    "eval_log.json",
    "eval_log_forget.json",
    "eval_real_author_wo_options.json",
    "eval_real_world_wo_options.json",
)


def test_a_variant_a_definition_and_a_log_are_rows_and_columns_at_their_own_cost(bench):
    before = bench.records()
    for name, log in (("log", LOG), ("gold", GOLD)):
        (bench.folder / f"{name}.json").write_text(json.dumps(dict.fromkeys(FILES, log)))
    bench.write(
        methods={**SUITE["methods"], VARIANT: {}},
        metrics=["headline", "official"],
        imported={"theirs": {"log": "log.json", "gold": "gold.json", "forget_size": 10}},
    )
    done = bench.snakemake("table1")
    assert done.status == 0, done.output
    assert f"| {VARIANT}" in done.output
    assert "of llava-1.5-7b, which is not this suite's model (small-llava)" in done.output
    after = bench.records()
    made = {name for name, record in after.items() if before.get(name) != record}
    cells = [f"{VARIANT}/{modality}/forget10/seed0" for modality in SUITE["modalities"]]
    assert made == {
        *(f"{stage}/{cell}" for stage in ("unlearn", "evaluate", "score") for cell in cells),
        *("import/theirs/model", "import/theirs/gold", "score/imported/theirs", "tables"),
    }
    frame = bench.table("published_vs_paper").set_index(["method", "modality", "metric"])["mean"]
    for metric in ("real", "retain", "forget", "forget_quality_js", "real@official"):
        ours, theirs = (frame[method, "both", metric] for method in ("npo", VARIANT))
        moved = frame[VARIANT, "both", f"{metric}/difference"]
        assert moved == pytest.approx(theirs - ours)
    comparison = bench.table()
    assert set(comparison[comparison.method == "theirs"].modality) == {"imported"}
    # The page is none of what one table asks for.
    assert bench.snakemake().jobs == ["report"]
    proof = bench.clearbench("audit")
    assert proof.status == 0, proof.output


def test_a_variant_that_compares_with_gold_has_gold_among_what_it_is_made_of(bench):
    bench.write(methods={"npo@mllmu": {}}, modalities=["text"])
    done = bench.snakemake()
    assert done.status == 0, done.output
    cell = bench.records()["unlearn/npo@mllmu/text/forget10/seed0"]
    assert "gold" in json.loads(cell)["inputs"]
    proof = bench.clearbench("audit", "--reexecute", "--cell", "npo@mllmu/text/forget10/seed0")
    assert proof.status == 0, proof.output


def test_a_table_of_another_domain_is_refused_and_one_without_rows_is_told(bench):
    done = bench.snakemake("table4")
    assert done.status != 0
    assert "table4: a table of text suites, suite is a multimodal one" in done.output
    assert "Traceback" not in done.output
    shown = bench.call(["clearbench", "show", "suite", "published_vs_paper"])
    assert shown.status == 1
    assert "published_vs_paper: neither a suite nor a table of suite suite; its" in shown.output
