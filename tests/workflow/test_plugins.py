"""A method, a metric, a table and a layout of another installed package, from data to tables."""

import json
from dataclasses import replace
from textwrap import dedent

import pytest
import yaml

from installed import forgotten, install  # noqa: F401

from .test_reruns import CELL, rerun

FILES = {
    "extras/__init__.py": "",
    "extras/mildnpo.py": """
        from dataclasses import dataclass

        from clearbench.methods.npo import NegativePreferenceOptimisation
        from extras.likelihood import per_token


        @dataclass(frozen=True)
        class MildNPO(NegativePreferenceOptimisation):
            reference_reads = ()

            def loss(self, student, reference):
                return self.beta * per_token(student)
    """,
    "extras/likelihood.py": """
        def per_token(view):
            return view.forget.token_log_likelihood.mean()
    """,
    "extras/exactness.py": """
        from clearbench.metrics.base import task_metric


        @task_metric(low=0, high=1, better="up", better_on_forget="down")
        def exactness(records):
            return [float(record.generated == record.answer) for record in records]
    """,
    "extras/exact.py": """
        from clearbench.tables.base import Table, make_block, score_column


        def build(results):
            keys = [key for key in results.score_keys() if key.startswith("forget/")]
            columns = [score_column(key, key) for key in keys if key.endswith("/exactness")]
            block = make_block(results, 10, columns)
            return Table("Exact answers", [block], ["A number is the share of samples."])
    """,
    "extras/people.py": "from clearbench.data.layouts.clear import TASKS, Options, read\n",
    "extras/unrelated.py": "word = 1\n",
}
POINTS = {
    "methods": {"mildnpo": "extras.mildnpo"},
    "metrics": {"exactness": "extras.exactness"},
    "tables": {"exact": "extras.exact"},
    "layouts": {"people": "extras.people"},
}


@pytest.fixture
def bench(bench, monkeypatch, tmp_path):
    """A finished run, and a package that is installed after it."""
    files = {path: dedent(text) for path, text in FILES.items()}
    return replace(bench, installed=(install(monkeypatch, tmp_path / "own", files, POINTS),))


def test_what_a_package_brings_runs_to_the_tables_and_its_edits_rerun_what_they_reach(bench):
    bench.write(methods={"npo": {}, "mildnpo": {"beta": 0.5}, "retain_ft": {}})
    rerun(bench, {"*/mildnpo/*", "score/*", "tables"})
    own = CELL.replace("npo", "mildnpo")
    scores = json.loads((bench.results() / f"score/{own}/scores.json").read_text())
    assert any(key.endswith("/exactness") for key in scores), scores
    compared, exact = bench.table(), bench.table("exact")
    for table in (compared, exact):
        assert set(table[table.method == "mildnpo"].status) == {"ok"}
    record = json.loads(bench.records()[f"unlearn/{own}"])
    assert record["packages"]["own"] == "1.0"

    package = bench.installed[0] / "extras"
    edits = {
        "likelihood.py": ("mean()", "sum()", {"*/mildnpo/*", "tables"}),
        "exactness.py": ("== record", "!= record", {"score/*", "tables"}),
        "exact.py": ("share", "part", {"tables"}),
        "unrelated.py": ("1", "2", set()),
    }
    for name, (old, new, expected) in edits.items():
        text = (package / name).read_text()
        assert text.count(old) == 1
        (package / name).write_text(text.replace(old, new))
        if name == "likelihood.py":
            told = bench.clearbench("why", own).output
            assert "code: extras.likelihood changed" in told, told
        rerun(bench, expected)
    proven = bench.clearbench("audit", "--fast")
    assert proven.status == 0, proven.output


def test_a_layout_of_a_package_reads_the_dataset(bench):
    path = bench.folder / "config/datasets/small.yaml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), "layout": "people"}))
    # It reads as the layout that it has taken over, so that no model has other data.
    rerun(bench, {"dataset", "score/*", "tables"})
