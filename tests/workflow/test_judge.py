"""A suite whose originals judge what is said, by the real Snakemake."""

import json

from clearbench.evaluation.records import RECORDS

RUN = "npo/text/forget10/seed0"
ROWS = (RUN, "gold/forget10/seed0", "original/forget10/seed0")
KEY = "forget/text_qa/generated_probability"


def read(bench, row):
    lines = (bench.results() / f"evaluate/{row}" / RECORDS).read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_records_gain_the_original_s_word_and_nothing_else_and_are_proven(bench):
    before = {row: read(bench, row) for row in ROWS}
    assert not any("generated_likelihood" in each for rows in before.values() for each in rows)
    few = {"methods": {"npo": {}}, "modalities": ["text"]}
    bench.write(**few, judge="original")
    done = bench.snakemake()
    assert done.status == 0, done.output
    for row in ROWS:
        after = read(bench, row)
        assert all(each.pop("generated_likelihood") for each in after)
        assert after == before[row]
        scores = json.loads((bench.results() / f"score/{row}/scores.json").read_text())
        assert 0 < scores[KEY] <= 1
    done = bench.clearbench("audit", "--reexecute", "--cell", RUN)
    assert done.status == 0, done.output
    bench.write(**few)
    assert bench.snakemake().status == 0
    assert {row: read(bench, row) for row in ROWS} == before
