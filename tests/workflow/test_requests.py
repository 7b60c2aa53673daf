"""Requests in sequence, by the real Snakemake."""

import json

import pytest

from clearbench.data.requests import REQUESTS

FEW = {"methods": {"npo": {}}, "modalities": ["text"]}
ROWS = ("npo/text/seed0", "gold/seed0", "original/seed0")


def made(bench, *options):
    """Run the suite; gives the artifacts that are made."""
    before = bench.records()
    done = bench.snakemake(*options)
    assert done.status == 0, done.output
    return {name for name, record in bench.records().items() if before.get(name) != record}


def after(number):
    """What a request adds, but for its gold."""
    asked = ("all", *(f"of{about}" for about in range(1, number + 1)))
    return {
        f"request/{number}",
        f"request_cell/{number}/npo/text/seed0",
        *(f"evaluate/requests/{number}/{row}" for row in ROWS),
        *(f"score/requests/{number}/{about}/{row}" for about in asked for row in ROWS),
    }


def test_groups_are_forgotten_one_after_another_and_a_further_request_makes_what_is_new(bench):
    bench.write(**FEW, requests=[5, 5])
    # Who is forgotten after the second is who is forgotten at 10 %, whose gold is there.
    new = {*after(1), *after(2), "request_gold/1/seed0", "tables", "report"}
    assert made(bench) == new
    results = bench.results()
    persons = json.loads((results / "request/2" / REQUESTS).read_text())
    assert [len(of_request) for of_request in persons] == [5, 5]
    assert len({person for of_request in persons for person in of_request}) == 10

    layers = [results / f"request_cell/{number}/npo/text/seed0" for number in (1, 2)]
    records = [json.loads((layer / "provenance.json").read_text()) for layer in layers]
    assert [set(record["inputs"]) for record in records] == [
        {"base", "original", "dataset", "request"},
        {"base", "original", "dataset", "request", "model/0"},
    ]
    said = {(layer / "adapter_model.safetensors").read_bytes() for layer in layers}
    assert len(said) == 2

    told = bench.table("requests").set_index(["method", "metric"])
    assert told.loc[("gold", "forget_quality_js/after2/of1"), "mean"] == 1
    assert told.loc[("npo", "forget_quality_js/after2/of1"), "status"] == "ok"
    once = bench.table().set_index(["method", "metric"])
    for row in ("npo", "gold"):
        assert (
            told["mean"][row, "forget_quality_js/at once/10"]
            == once["mean"][row, "forget_quality_js"]
        )
    # The same gold was asked about the same persons.
    assert told["mean"]["gold", "retain/after2/all"] == told["mean"]["gold", "retain/at once/10"]
    # By other false answers, which greedy ones do not see.
    both = (told["mean"]["gold", f"rouge_l/{when}"] for when in ("after2/all", "at once/10"))
    assert next(both) == pytest.approx(next(both))
    done = bench.clearbench("audit")
    assert done.status == 0, done.output
    cell = "requests/2/of1/npo/text/seed0"
    done = bench.clearbench("audit", "--reexecute", "--cell", cell)
    assert done.status == 0, done.output
    assert bench.clearbench("why", cell).output == f"score/{cell}: current\n"
    assert bench.clearbench("plan").output.startswith("nothing to do")

    bench.write(**FEW, requests=[5, 5, 2])
    assert made(bench) == {*after(3), "request_gold/3/seed0", "tables", "report"}
    assert made(bench) == set()

    # Another first request is another sequence.
    bench.write(**FEW, requests=[3, 7])
    told = bench.snakemake("--dry-run").output
    assert "output: results/suite/request_cell/1/npo/text/seed0/" in told
    assert "output: results/suite/unlearn/" not in told


@pytest.mark.parametrize(
    ("requests", "told"),
    [
        ([5, 5, 89], "requests: 5 + 5 + 89 percent are 99 persons; the dataset asks about 10 who"),
        ([10], None),
    ],
)
def test_too_many_persons_are_told_before_anything_is_trained(fresh, requests, told):
    fresh.write(**FEW, requests=requests)
    done = fresh.snakemake("--until", "request")
    assert (done.status == 0) == (told is None), done.output
    assert told is None or told in done.output
    assert not list(fresh.results().glob("base/*/manifest.json"))
