"""Every table of the paper made by its target, from suites as small as they go."""

import re

import pytest

from .bench import FACES, SUITE

METHODS = {"retain_ft": {}, "ga": {}, "scrub": {}}
"""As many as a rank correlation needs."""

TARGETS = {
    "table1": "suite",
    "table3": "suite",
    "table4": "words",
    "table5": "faces",
    "table6": "suite",
    # Last: it is made of all three.
    "table2": "suite",
}


@pytest.fixture(scope="module")
def suites(finished, tmp_path_factory):
    """The small suite beside one of words and one of faces, all with the same methods."""
    bench = finished.copy(tmp_path_factory.mktemp("paper") / "bench")
    bench.write(methods=METHODS, modalities=["both"], single_domain=["words", "faces"])
    bench.write("words", SUITE, methods=METHODS, modalities=["text"], model="small-llama")
    few = {**FACES["faces"], "shadows": 4, "targets": 2}
    short = {**FACES["finetune"], "epochs": 2}
    bench.write("faces", FACES, methods=METHODS, faces=few, finetune=short)
    return bench


def test_each_table_is_made_by_its_target(suites):
    # One test, for each goes on from the results of those before.
    for target, suite in TARGETS.items():
        done = suites.snakemake(target, suite=suite)
        assert done.status == 0, done.output
        if target == "table2":
            break
        assert f"suite {suite}, model small-" in done.output
        rows = set(re.findall(r"^\| (\w+)", done.output, re.M))
        assert rows >= METHODS.keys(), target
        frame = suites.table(target, suite)
        # A gold is one model that is attacked, whose share has no spread over models.
        ours = frame[~frame.metric.str.contains("/|u_lira_tpr_margin")]
        assert set(ours.status) == {"ok"}, target
        assert frame.metric.str.endswith("/paper").any(), target
    rows = re.findall(r"^\| (words|faces) .*\| (forgetting|retention) ", done.output, re.M)
    assert rows == [
        (suite, measure) for suite in ("words", "faces") for measure in ("forgetting", "retention")
    ]
    log = suites.results() / "logs/table2.log"
    assert "| words " in log.read_text()


def test_table_2_is_refused_before_anything_is_made_where_no_suite_is_named(fresh):
    fresh.write()
    done = fresh.snakemake("table2")
    assert done.status != 0
    assert "config/suite.yaml: single_domain: empty; name suites of text or" in done.output
    assert not list(fresh.results().glob("**/manifest.json"))
