"""A suite that is run after another makes only what that one has not made, and needs it no more."""

import json
import shutil

CELL = "npo/text/forget10/seed0"
SUITE = "larger"
MADE = ["evaluate", "report", "score", "tables", "unlearn"]


def test_a_suite_makes_only_what_another_lacks_and_holds_without_it(bench):
    bench.write(SUITE, modalities=["text"], methods={"npo": {}, "ga": {}})
    root, other = bench.results(SUITE), bench.results()
    planned = json.loads(bench.clearbench("plan", "--json", suite=SUITE).output)
    jobs = {stage["stage"]: stage["jobs"] for stage in planned["stages"]}
    assert jobs == {"unlearn": 1, "evaluate": 1, "score": 1, "tables": 1, "report": 1}
    done = bench.snakemake("--dry-run", suite=SUITE)
    assert f" {len(planned['taken_over'])} artifacts would be taken over from suite (" in (
        done.output
    )
    assert not bench.records(SUITE)

    # Of a single cell no more than it is made from, and no job is started.
    done = bench.clearbench("run", CELL, suite=SUITE)
    assert (done.status, done.jobs) == (0, []), done.output
    assert " artifacts taken over from suite (" in done.output
    assert (
        {f"score/{CELL}", "base/seed0"}
        <= bench.records(SUITE).keys()
        < planned["taken_over"].keys()
    )

    done = bench.snakemake(suite=SUITE)
    assert (done.status, done.jobs) == (0, MADE), done.output
    before, records = bench.records(), bench.records(SUITE)
    taken = {name for name, record in records.items() if b'"taken_over"' in record}
    assert taken == planned["taken_over"].keys()
    told = {name: json.loads(records[name])["taken_over"][0]["from"] for name in taken}
    assert told == planned["taken_over"]
    for name in taken:
        record, source = json.loads(records[name]), json.loads(before[name])
        files = record["files"]
        assert all((root / name / file).samefile(other / name / file) for file in files)
        of_other = [
            word.replace("results/suite/", f"results/{SUITE}/") for word in source["command"]
        ]
        assert record["command"] == of_other != source["command"]
    there, here = bench.table().query("method == 'npo'"), bench.table(suite=SUITE)
    there = there[there.modality == "text"].set_index("metric")["mean"]
    assert there.equals(here.query("method == 'npo'").set_index("metric")["mean"])
    # The other suite has nothing to make again.
    assert bench.clearbench("why").output.splitlines()[0] == "4 of 4 cells are current"
    assert bench.records() == before

    shutil.rmtree(other)
    done = bench.clearbench("audit", suite=SUITE)
    assert (done.status, done.output.endswith(" cells, all hold\n")) == (0, True), done.output
    done = bench.clearbench("audit", "--reexecute", "--cell", CELL, suite=SUITE)
    assert done.output.count("the same bytes") == 3, done.output
    done = bench.clearbench("audit", "--cell", CELL, suite=SUITE)
    assert f"taken over from suite/unlearn/{CELL} (record " in done.output
    done = bench.snakemake(suite=SUITE)
    assert (done.status, done.jobs) == (0, []), done.output
    assert bench.records(SUITE) == records
