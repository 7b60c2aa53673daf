"""A suite that judges metrics, by the real Snakemake: takes over what is there, and is proven."""

RUN = "npo/text/forget10/seed0"
NAME = "judging"
SUITE = {
    "methods": {"npo": {}},
    "modalities": ["text"],
    "recipes": {"short": {"lr": 1.0e-3}},
    "stress": {"relearn": {"steps": [1], "lr": 1.0e-3}, "quantise": {"to": ["nf4"]}},
}
OTHERS = ("original/seed0.short", "gold/forget10/seed0.short")


def test_recipes_are_made_beside_what_is_taken_over_and_metrics_judged_by_them(bench):
    bench.write(NAME, **SUITE)
    done = bench.snakemake(suite=NAME)
    assert done.status == 0, done.output
    records = bench.records(NAME)
    made = {name for name, record in records.items() if b'"taken_over"' not in record}
    rows = (RUN, "original/forget10/seed0", "gold/forget10/seed0")
    of_recipe = ("original/forget10/seed0.short", "gold/forget10/seed0.short")
    expected = {*OTHERS, "tables", "report", *(f"relearn/relearn/{row}" for row in rows)}
    expected |= {f"{part}/{run}" for part in ("evaluate", "score") for run in of_recipe}
    for test, point in (("relearn", "step1"), ("quantise", "nf4")):
        expected |= {f"evaluate/stress/{test}/{row}" for row in rows}
        expected |= {f"score/stress/{test}/{row}/{point}" for row in rows}
    assert made == expected
    told = bench.table("meta", suite=NAME)
    parts = told.metric.str.rpartition("/meta/")
    told = told.assign(key=parts[0], told=parts[2]).set_index(["key", "told"])
    assert 0 <= told["mean"]["forget/text_qa/probability", "AUC"] <= 1
    assert told["n"]["forget/text_qa/probability", "AUC"] == 3
    shown = bench.table(suite=NAME).set_index(["method", "metric"])["n"]
    assert shown["original, short", "forget"] == shown["gold, short", "forget"] == 1
    done = bench.clearbench("audit", suite=NAME)
    assert done.status == 0, done.output

    # Another recipe makes its own models again, and nothing that was there.
    bench.write(NAME, **{**SUITE, "recipes": {"short": {"lr": 4.0e-3}}})
    before = bench.records(NAME)
    assert bench.snakemake(suite=NAME).status == 0
    changed = {name for name, record in bench.records(NAME).items() if before[name] != record}
    left = {f"{part}/{run}" for part in ("evaluate", "score") for run in of_recipe}
    assert changed == {*OTHERS, *left, "tables", "report"}
