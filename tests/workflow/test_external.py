"""Models made elsewhere as rows of a finished run: scored as if they had been made here."""

import json
import shutil

CELL, GOLD = "npo/both/forget10/seed0", "gold/forget10/seed1"
STAGES = ("", "evaluate/", "score/")


def rows(bench):
    """Copies of a cell's adapter and of a gold's full weights, outside of the results."""
    found = {}
    for name, source in (("adapter", f"unlearn/{CELL}"), ("full", GOLD)):
        folder = bench.folder / "elsewhere" / name
        folder.mkdir(parents=True)
        for path in (bench.results() / source).iterdir():
            if path.name not in ("manifest.json", "provenance.json"):
                shutil.copy(path, folder)
        found[name] = {"model": f"elsewhere/{name}", "forget_size": 10}
    found["adapter"]["on"] = "original"
    return found


def scores(bench, run):
    return json.loads((bench.results() / "score" / run / "scores.json").read_text())


def made_since(bench, before):
    return {name for name, record in bench.records().items() if before.get(name) != record}


def test_a_copied_checkpoint_scores_as_the_row_that_it_was_copied_from(bench, tmp_path):
    before = bench.records()
    external = rows(bench)
    bench.write(external=external)
    plan = json.loads(bench.clearbench("plan", "--json").output)
    done = bench.snakemake()
    assert done.status == 0, done.output
    made = {f"{stage}external/{name}" for stage in STAGES for name in external}
    assert made_since(bench, before) == {*made, "tables", "report"}
    assert sum(stage["jobs"] for stage in plan["stages"]) == len(made) + 2
    assert {path.name for path in (bench.results() / "external/full").iterdir()} == {
        *("hub.json", "manifest.json", "provenance.json")
    }
    assert scores(bench, "external/adapter") == scores(bench, CELL)
    assert scores(bench, "external/full") == scores(bench, "second_gold/forget10/seed1-seed0")
    comparison = (bench.results() / "tables/comparison.md").read_text()
    assert f"bit-identical outputs: external/adapter, {CELL}" in comparison
    proof = bench.clearbench("audit")
    assert proof.status == 0, proof.output
    proof = bench.clearbench("audit", "--cell", "external/adapter", "--reexecute")
    assert proof.status == 0, proof.output
    assert "score/external/adapter: the same bytes" in proof.output
    assert "external/full: current" in bench.clearbench("why", "external/full").output

    before = bench.records()
    config = bench.folder / "elsewhere/adapter/adapter_config.json"
    config.write_text(config.read_text().replace('"lora_alpha": 32', '"lora_alpha": 16'))
    assert "external: input: model: " in bench.clearbench("why").output
    done = bench.snakemake()
    assert done.status == 0, done.output
    changed = {f"{stage}external/adapter" for stage in STAGES}
    assert made_since(bench, before) == {*changed, "tables", "report"}
    assert scores(bench, "external/adapter") != scores(bench, CELL)

    crate = ("export-crate", "suite", "--out", str(tmp_path / "crate"))
    done = bench.call(["clearbench", *crate])
    assert done.status == 0, done.output
    assert '"#job/external/adapter"' in (tmp_path / "crate/ro-crate-metadata.json").read_text()


def test_a_folder_that_is_not_there_is_told_before_anything_runs(bench):
    bench.write(external={"theirs": {"model": "elsewhere/theirs", "forget_size": 10}})
    done = bench.snakemake()
    assert done.status != 0
    assert "external.theirs.model: elsewhere/theirs: no such folder; a model of" in done.output
    assert done.jobs == []
