"""Audit: a table that holds is proven, and no tampering goes unnoticed."""

import json
import re
import shutil

import pytest

from clearbench.digests import sha256
from clearbench.jobs.artifacts import MANIFEST, PROVENANCE
from clearbench.jobs.record import Record, digest, parse_record

CELL = "npo/text/forget10/seed0"
ROW = "npo/text/forget10"
GOLD = "gold/forget10/seed0"
SECOND = "gold/forget10/seed1"
ADAPTER = f"unlearn/{CELL}/adapter_model.safetensors"


def broken_cells(bench, *options):
    """The broken cells by table and name, each with its link; the audit must fail."""
    done = bench.clearbench("audit", "--json", *options)
    assert done.status == 1, done.output
    return json.loads(done.output)


def rows_of(found):
    """The rows, as `npo/text/forget10`, of the broken cells."""
    return {name.split(" ", 1)[1].rpartition(":")[0] for name in found["broken"]}


def replace(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def flip(path):
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def swap(one, other):
    aside = one.with_name("aside")
    one.rename(aside)
    other.rename(one)
    aside.rename(other)


def change_digit(number):
    """The number with its last digit changed."""
    return number[:-1] + str((int(number[-1]) + 1) % 10)


def forge_score(bench):
    """Change a score and all that tells of it, as one who knows how: manifest, record, seal."""
    folder = bench.results() / "score" / CELL
    scores = json.loads((folder / "scores.json").read_text())
    scores["forget_quality_js"] += 0.125
    (folder / "scores.json").write_text(json.dumps(scores, indent=1) + "\n")
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["files"]["scores.json"] = {
        "size": (folder / "scores.json").stat().st_size,
        "sha256": sha256(folder / "scores.json"),
    }
    text = json.dumps(manifest, indent=1, sort_keys=True) + "\n"
    (folder / MANIFEST).write_text(text)
    path = folder / PROVENANCE
    old = parse_record(path.read_bytes(), path)
    facts = {key: value for key, value in old.facts.items() if key != "fingerprint"}
    times = {"scores.json": (folder / "scores.json").stat().st_mtime_ns}
    new = Record(old.recipe, old.paths, digest(text.encode()), times, facts)
    path.write_text(new.text())


def test_every_cell_of_a_finished_suite_is_proven(finished):
    tables = {path.stem: path.read_text() for path in finished.results().glob("tables/*.csv")}
    cells = sum(len(text.splitlines()) - 1 for text in tables.values())
    for options in ([], ["--fast"]):
        done = finished.clearbench("audit", *options)
        assert (done.status, done.output) == (0, f"{cells} cells, all hold\n")


@pytest.mark.parametrize(("ending", "fast"), [("csv", True), ("csv", False), ("md", False)])
def test_a_changed_digit_in_a_table_is_found(bench, ending, fast):
    path = bench.results() / f"tables/comparison.{ending}"
    (line,) = (
        x
        for x in path.read_text().splitlines()
        if re.match(r"(\| )?npo\W+text\W.*\d", x) and (ending == "md" or "forget_quality_js" in x)
    )
    number = re.findall(r"\d\.\d+", line)[0]
    replace(path, line, line.replace(number, change_digit(number), 1))
    found = broken_cells(bench, *(["--fast"] if fast else []))
    if ending == "csv":
        ((name, link),) = found["broken"].items()
        assert name == f"comparison {ROW}:forget_quality_js"
        assert number in link
        assert change_digit(number) in link
    else:
        (link,) = found["files"]
        assert "comparison.md, line" in link


@pytest.mark.parametrize(
    ("change", "link"),
    [
        (lambda r: replace(r / f"score/{CELL}/scores.json", "0.", "1."), f"score/{CELL}/scores"),
        (
            lambda r: replace(r / f"evaluate/{CELL}/records.jsonl", "[[-", "[[-1"),
            f"{CELL}/records",
        ),
        (lambda r: (r / f"evaluate/{CELL}/records.jsonl").unlink(), f"{CELL}/records.jsonl: gone"),
        (lambda r: flip(r / ADAPTER), ADAPTER),
        (lambda r: replace(r / f"evaluate/{CELL}/{PROVENANCE}", '"host": "', '"host": "x'), "seal"),
        (
            lambda r: (r / f"unlearn/{CELL}/{PROVENANCE}").unlink(),
            f"unlearn/{CELL}/provenance.json",
        ),
        (lambda r: shutil.rmtree(r / f"unlearn/{CELL}"), f"unlearn/{CELL}"),
        (
            lambda r: replace(r / f"unlearn/{CELL}/{MANIFEST}", '"sha256": "', '"sha256": "0'),
            f"unlearn/{CELL}/manifest.json: not the one",
        ),
    ],
    ids=[
        "score",
        "record",
        "lost record",
        "adapter",
        "provenance",
        "no provenance",
        "no adapter",
        "manifest",
    ],
)
def test_tampering_with_a_cell_breaks_its_row_and_no_other(bench, change, link):
    change(bench.results())
    found = broken_cells(bench)
    assert rows_of(found) == {ROW}
    assert all(link in text for text in found["broken"].values()), found["broken"]


def test_records_of_another_run_are_found(bench):
    # Whole and with a seal that holds, but of another seed.
    root = bench.results()
    shutil.rmtree(root / f"evaluate/{GOLD}")
    shutil.copytree(root / f"evaluate/{SECOND}", root / f"evaluate/{GOLD}")
    found = broken_cells(bench)
    # Every run is scored against this gold, and floor and ceiling are drawn from it.
    assert len(rows_of(found)) == 9
    assert all(f"evaluate/{GOLD}: made from another base " in x for x in found["broken"].values())


def test_a_swapped_gold_is_found(bench):
    root = bench.results()
    swap(root / GOLD, root / SECOND)
    found = broken_cells(bench)
    assert len(rows_of(found)) == 9
    told = re.compile(r"\S*gold/forget10/seed\d: made from another base ")
    assert [text for text in found["broken"].values() if not told.match(text)] == []


def test_a_score_forged_with_all_that_tells_of_it_is_found_by_its_records(bench):
    forge_score(bench)
    found = broken_cells(bench)
    assert rows_of(found) == {ROW}
    assert all("forget_quality_js is" in link for link in found["broken"].values())
    # Without computing it again, the tables tell that they were made from another one.
    found = broken_cells(bench, "--fast")
    assert rows_of(found) == {ROW}


def test_code_and_settings_of_another_checkout_prove_nothing(bench):
    bench = bench.with_own_code()
    bench.edit("methods/npo.py", "-(2 / self.beta)", "-(3 / self.beta)")
    found = broken_cells(bench)
    assert rows_of(found) == {"npo/text/forget10", "npo/both/forget10"}
    assert all("code: clearbench.methods.npo changed" in x for x in found["broken"].values())
    bench.write(methods={"retain_ft": {"lr": 0.5}, "npo": {}})
    assert rows_of(broken_cells(bench)) >= {"retain_ft/text/forget10", "npo/text/forget10"}


def test_a_cell_shows_its_chain_down_to_the_data(finished):
    score = json.loads((finished.results() / f"score/{CELL}/scores.json").read_text())
    done = finished.clearbench("audit", "--cell", f"{CELL}:retain")
    assert done.status == 0
    assert done.output.startswith(f"{CELL}:retain = {score['retain']!r}\n")
    for name in ("generate", "dataset", "base/seed0", "original/seed0", GOLD, f"unlearn/{CELL}"):
        assert f": {name}  ok" in done.output

    done = finished.clearbench("audit", "--json", "--cell", f"{CELL}:retain")
    found = json.loads(done.output)
    assert (found["value"], found["key"]) == (score["retain"], "retain")
    adapter = found["made from"]["scores"]["made from"]["records"]["made from"]["model/1"]
    path = finished.results() / f"unlearn/{CELL}"
    assert adapter["manifest"] == sha256(path / MANIFEST)
    assert adapter["settings"]["method"] == "npo"


def test_a_broken_chain_is_shown_where_it_breaks(bench):
    flip(bench.results() / ADAPTER)
    done = bench.clearbench("audit", "--cell", CELL)
    assert done.status == 1
    assert f"model/1: unlearn/{CELL}  BROKEN" in done.output
    assert f"broken: results/suite/{ADAPTER}: other bytes" in done.output


def test_a_cell_that_is_executed_again_gives_the_same_bytes(finished):
    done = finished.clearbench("audit", "--reexecute", "--cell", CELL)
    assert done.status == 0, done.output
    lines = [f"{stage}/{CELL}: the same bytes" for stage in ("unlearn", "evaluate", "score")]
    assert done.output.splitlines() == lines
    # With the threads of then, whatever the shell says now.
    done = finished.clearbench("audit", "--reexecute", "--cell", CELL, OMP_NUM_THREADS="3")
    assert done.output.splitlines() == [f"{line} (threads: 1, as then)" for line in lines]


def test_a_cell_that_is_executed_again_by_other_code_gives_other_bytes(bench):
    bench = bench.with_own_code()
    bench.edit("methods/npo.py", "-(2 / self.beta)", "-(3 / self.beta)")
    done = bench.clearbench("audit", "--reexecute", "--cell", CELL)
    assert done.status == 1
    (line,) = (line for line in done.output.splitlines() if line.startswith(f"unlearn/{CELL}: "))
    assert line.startswith(f"unlearn/{CELL}: DIFFERENT bytes; ")
    assert "code clearbench.methods.npo changed" in line


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ["--cell", "npo/sound/forget10/seed0"],
            "no run of suite suite; runs are original/forget10",
        ),
        (["--cell", f"{CELL}:colour"], "no colour; there are"),
        (["--reexecute"], "--reexecute: name the cell"),
    ],
)
def test_a_mistake_is_told_in_one_line(finished, words, told):
    done = finished.clearbench("audit", *words)
    assert done.status == 1
    assert told in done.output
    assert len(done.output.splitlines()) == 1
