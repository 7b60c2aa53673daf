"""The reduced suite gives the same bytes on every processor, and by whatever a job is started."""

import json
import re

import pytest

from clearbench import kernels

from .bench import COLD
from .same_bytes import check_bytes, digests_of

CELL = "npo/both/forget10/seed0"


def facts(bench, name):
    return json.loads((bench.results() / name / "provenance.json").read_text())


def test_the_bytes_are_those_of_every_processor_seen_before(finished):
    check_bytes(finished, "language")


def test_every_record_says_that_kernels_were_pinned_and_a_call_by_itself_gives_the_same(bench):
    assert {facts(bench, name)["kernels"]["kernels"] for name in bench.records()} == {
        "pinned" if kernels.possible() else kernels.in_force()
    }
    before = digests_of(bench)
    # Not by the warm process, and in a shell that has other wishes.
    done = bench.clearbench("audit", "--reexecute", "--cell", CELL, MKL_CBWR="COMPATIBLE", **COLD)
    assert done.status == 0, done.output
    assert done.output.count("the same bytes") == 3
    assert digests_of(bench) == before


@pytest.mark.skipif(not kernels.possible(), reason="nothing is pinned on this processor")
def test_a_site_may_free_the_kernels_and_tables_and_audit_tell_of_the_mixture(bench):
    cells = ("--where", "row=npo", "--where", "modality=both")
    done = bench.clearbench("invalidate", *cells, "--reason", "a test")
    assert done.status == 0, done.output
    (bench.folder / "slurm").mkdir()
    (bench.folder / "slurm/site.yaml").write_text("kernels: native\n")
    done = bench.call(bench.command(), CLEARBENCH_KERNELS="")
    assert done.status == 0, done.output
    kinds = {name: facts(bench, name)["kernels"]["kernels"] for name in bench.records()}
    assert kinds[f"unlearn/{CELL}"] == kinds[f"evaluate/{CELL}"] == "native"
    assert kinds["base/seed0"] == kinds["unlearn/npo/text/forget10/seed0"] == "pinned"
    table = (bench.results() / "tables/comparison.md").read_text()
    (line,) = re.findall(r"^- (mixed hardware, .*)$", table, re.M)
    assert "unlearn (1 on " in line
    assert "base" not in line
    done = bench.clearbench("audit")
    assert done.status == 0, done.output
    assert line in done.output.splitlines()
    # Run again with the kernels of then, whatever the site says now.
    (bench.folder / "slurm/site.yaml").unlink()
    done = bench.clearbench("audit", "--reexecute", "--cell", CELL, CLEARBENCH_KERNELS="")
    assert done.status == 0, done.output
