"""Cells at other strengths of their updates, by the real Snakemake."""

import json

from clearbench.evaluation.records import RECORDS

from .test_reruns import rerun

RUN = "npo/text/forget10/seed0"
STRENGTHS = "evaluate/strengths"


def test_strengths_make_their_own_records_and_scores_and_leave_all_else(bench):
    bench.write(strengths=[0.5, 2])
    rerun(bench, {f"{STRENGTHS}/*", "score/strengths/*", "tables"})
    records = bench.results() / STRENGTHS / RUN
    at = {s: (records / s / RECORDS).read_bytes() for s in ("0.5", "2")}
    cell = (bench.results() / "evaluate" / RUN / RECORDS).read_bytes()
    assert len({cell, *at.values()}) == 3
    assert "at 95%" in (bench.results() / "tables/tradeoff.csv").read_text()
    assert "no point" not in (bench.results() / "tables/tradeoff.svg").read_text()
    done = bench.clearbench("audit")
    assert done.status == 0, done.output

    bench.write(strengths=[0.5, 1, 2, 4])
    rerun(bench, {f"{STRENGTHS}/*", "score/strengths/*", "tables"})
    assert (records / "0.5" / RECORDS).read_bytes() == at["0.5"]
    scores = bench.results() / "score/strengths" / RUN
    assert {path.name for path in scores.iterdir()} == {"0.5", "2", "4"}


def test_at_one_records_are_the_cells_and_at_nought_the_originals(bench):
    record = json.loads((bench.results() / "evaluate" / RUN / "provenance.json").read_text())
    command, out = record["command"], bench.folder / "ends"
    command[command.index("--out") + 1] = str(out)
    done = bench.call([*command, "--strengths", "0,1"])
    assert done.status == 0, done.output
    for strength, run in (("0", "original/forget10/seed0"), ("1", RUN)):
        plain = bench.results() / "evaluate" / run / RECORDS
        assert (out / strength / RECORDS).read_bytes() == plain.read_bytes()


def test_the_claims_are_printed_by_their_target_once_a_suite_has_what_they_need(bench):
    done = bench.snakemake("claims")
    assert done.status != 0
    assert "config/suite.yaml: strengths: empty; methods are compared at equal" in done.output
    bench.write(strengths=[0.5])
    done = bench.snakemake("claims")
    assert done.status == 0, done.output
    assert "| (1) joint unlearning beats that of one modality" in done.output
    assert "| both - text, forget 10 % " in done.output
    assert "visual cells: none; add visual to modalities of" in done.output
    assert "| (2) " in (bench.results() / "logs/claims.log").read_text()
