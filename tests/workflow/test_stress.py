"""Models under stress tests, by the real Snakemake."""

from fnmatch import fnmatch

from clearbench.evaluation.records import RECORDS

RUN = "npo/text/forget10/seed0"
FEW = {"methods": {"npo": {}}, "modalities": ["text"]}
QUANTISE = {"to": ["nf4"]}


def made(bench, options=()):
    """Run the suite; gives the artifacts that are made."""
    before = bench.records()
    done = bench.snakemake(*options)
    assert done.status == 0, done.output
    return {name for name, record in bench.records().items() if before.get(name) != record}


def test_each_further_kind_is_made_shown_and_proven(bench):
    stress = {
        "probe": {"layers": [1], "batch_size": 64},
        "lens": {"layers": [1]},
        "paraphrase": {"wordings": 2},
        "jailbreak": {"ways": ["past"]},
        "retrieval": {"persons": 2},
    }
    bench.write(**FEW, stress=stress)
    rows = (RUN, "gold/forget10/seed0", "original/forget10/seed0")
    points = {
        "probe": ("layer1",),
        "lens": ("layer1",),
        "paraphrase": ("wording1", "wording2", "any"),
        "jailbreak": ("past", "any"),
        "retrieval": ("pictures",),
    }
    expected = {"tables", "report", *(f"probe/probe/{row}" for row in rows)}
    for kind, scored in points.items():
        expected |= {f"evaluate/stress/{kind}/{row}" for row in rows}
        expected |= {f"score/stress/{kind}/{row}/{point}" for row in rows for point in scored}
    assert made(bench) == expected
    told = bench.table("stress").set_index(["method", "metric"])
    assert told["n"]["npo", "accuracy/probe/layer1/R"] == 1
    any_of, highest = (
        told["mean"]["original", f"accuracy/paraphrase/{name}"] for name in ("any", "highest")
    )
    assert any_of >= highest
    found = bench.table("retrieval").set_index(["method", "metric"])["mean"]
    assert 0 <= found["gold", "forget/image_to_caption/recall_1/retrieval"] <= 1
    assert found["gold", "forget/caption_to_image/recall_5/retrieval"] == 1
    assert bench.table("cost").set_index(["method", "metric"])["n"]["npo", "train/seconds/probe"]
    done = bench.clearbench("audit")
    assert done.status == 0, done.output
    assert made(bench) == set()


def test_stress_tests_make_their_own_and_what_is_changed_of_one_leaves_the_other(bench):
    relearn = {"on": "half", "steps": [1, 2], "lr": 1.0e-3}
    bench.write(**FEW, stress={"relearn": relearn, "quantise": QUANTISE})
    rows = (RUN, "gold/forget10/seed0", "original/forget10/seed0")
    of_relearn = {
        f"{part}{row}{point}"
        for row in rows
        for part, points in {
            "relearn/relearn/": ("",),
            "evaluate/stress/relearn/": ("",),
            "score/stress/relearn/": ("/step1", "/step2"),
        }.items()
        for point in points
    }
    of_quantise = {
        f"{part}{row}{point}"
        for row in rows
        for part, point in (("evaluate/stress/quantise/", ""), ("score/stress/quantise/", "/nf4"))
    }
    assert made(bench) == {*of_relearn, *of_quantise, "tables", "report"}
    told = bench.table("stress").set_index(["method", "metric"])["n"]
    assert told["npo", "accuracy/relearn/step2/R"] == 1
    assert told["original", "rouge_l/quantise/nf4/Q, symmetric"] == 1
    results = bench.results()
    said = {
        path.relative_to(results): path.read_bytes()
        for path in (results / "evaluate").rglob(f"{RUN}/**/{RECORDS}")
    }
    assert len(said) == len(set(said.values())) == 4
    done = bench.clearbench("audit")
    assert done.status == 0, done.output

    other = {**relearn, "steps": [2], "lr": 2.0e-3}
    bench.write(**FEW, stress={"relearn": other, "quantise": QUANTISE})
    left_out = {f"score/stress/relearn/{row}/step1" for row in rows}
    assert made(bench) == {*of_relearn, "tables", "report"} - left_out
    for path, records in said.items():
        found = results / path
        again = found.read_bytes() if found.exists() else b""
        assert (again == records) != fnmatch(str(path), "evaluate/stress/relearn/*")
