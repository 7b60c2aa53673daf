"""A suite that asks for the attack by gradients, by the real Snakemake."""

import json

from clearbench.evaluation.records import RECORDS

ROWS = ("npo/text/forget10/seed0", "gold/forget10/seed0", "original/forget10/seed0")
FEW = {"methods": {"npo": {}}, "modalities": ["text"], "holdout": 10}


def read(bench, row):
    lines = (bench.results() / f"evaluate/{row}" / RECORDS).read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_the_attack_by_gradients_is_one_more_and_moves_no_other(fresh):
    fresh.write(**FEW)
    assert fresh.snakemake().status == 0
    before = {row: read(fresh, row) for row in ROWS}
    plain = fresh.table("membership").set_index(["method", "metric"])["mean"]
    assert not any("gradient" in metric for _, metric in plain.index)
    fresh.write(**FEW, gradients="trained")
    done = fresh.snakemake()
    assert done.status == 0, done.output
    for row in ROWS:
        after = read(fresh, row)
        asked = {each["split"] for each in after if each.pop("gradient", None)}
        assert asked == {"forget", "holdout"}
        assert after == before[row]
    told = fresh.table("membership").set_index(["method", "metric"])["mean"]
    assert told[plain.index].equals(plain)
    assert told["gold", "membership_gradient_distance"] == 0
    assert 0 <= told["original", "membership_gradient"] <= 1
    done = fresh.clearbench("audit")
    assert done.status == 0, done.output
