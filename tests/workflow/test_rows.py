"""A new kind of rows is a file and its name in a list."""

STACKED = '''"""A method's cell laid on another method's cell."""

from clearbench.suite.rows.controls import gold_records
from clearbench.suite.runs import Run, records_of
from clearbench.suite.seeds import paths

TAKEN = ("stacked",)


def runs(suite, forget_size):
    """One row a size."""
    name = f"stacked/forget{forget_size}"
    start = paths(suite)[0].tuning
    cells = [f"unlearn/{row}/text/forget{forget_size}/seed0" for row in ("retain_ft", "npo")]
    yield Run(
        name,
        "retain_ft, then npo",
        "text",
        forget_size,
        group=name,
        base=start.base,
        stack=(start.original, *cells),
        records=records_of(name),
        gold=gold_records(suite, start, forget_size),
        trained=False,
        note="stacked: two adapters, one on the other.",
    )


def artifacts(suite):
    """None: the cells are there."""
    yield from ()
'''


def test_a_kind_of_rows_is_a_file_and_an_evaluation_takes_any_stack(bench):
    bench = bench.with_own_code()
    before = bench.files()
    (bench.src / "clearbench/suite/rows/stacked.py").write_text(STACKED)
    bench.edit(
        "suite/rows/__init__.py",
        "repeats,\n    requests,\n",
        "repeats,\n    requests,\n    stacked,\n",
    )
    bench.edit(
        "suite/rows/__init__.py",
        "requests,\n    repeats,\n",
        "requests,\n    stacked,\n    repeats,\n",
    )
    after = bench.files()
    assert len({path for path in after if after[path] != before.get(path)}) == 2
    scores = {
        name: (bench.results() / f"score/{name}/scores.json").read_bytes()
        for name in ("retain_ft/text/forget10/seed0", "npo/text/forget10/seed0")
    }
    done = bench.snakemake()
    assert (done.status, done.jobs) == (0, ["evaluate", "report", "score", "tables"]), done.output
    row = "stacked/forget10"
    found = (bench.results() / f"score/{row}/scores.json").read_bytes()
    assert found not in scores.values()
    for name, before in scores.items():
        assert (bench.results() / f"score/{name}/scores.json").read_bytes() == before
    rows = bench.table()[["method", "modality"]].drop_duplicates().values.tolist()
    assert ["retain_ft, then npo", "text"] in rows
    table = (bench.results() / "tables/comparison.md").read_text()
    assert "- stacked: two adapters, one on the other.\n" in table
    for words in (["audit"], ["why", row], ["plan"]):
        told = bench.clearbench(*words)
        assert told.status == 0, told.output
