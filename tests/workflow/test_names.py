"""Folders and suites are named as people name them: nothing that a shell reads breaks a run."""

import json
import shlex
import shutil
import sys

import pytest
from snakemake.cli import parse_config

from clearbench.config.choices import choice, quoted
from clearbench.jobs.artifacts import PROVENANCE

RESULTS = '-my "results" & $HOME; it\'s ü'
SUITE = "-su`it`e (1) *"
CELL = "npo/text/forget10/seed0"


def test_a_run_in_folders_with_any_names_makes_what_any_other_makes(finished, tmp_path):
    """The finished run, which the checkout's name did not break, goes on under other names."""
    bench = finished.copy(tmp_path / finished.folder.name)
    suite = bench.folder / f"my suites/{SUITE}.yaml"
    suite.parent.mkdir()
    (bench.folder / "config/suite.yaml").rename(suite)
    root = bench.folder / RESULTS / SUITE
    root.parent.mkdir()
    before = (bench.results() / f"score/{CELL}/scores.json").read_bytes()
    bench.results().rename(root)
    for stage in ("unlearn", "evaluate", "score"):
        shutil.rmtree(root / stage / CELL)
    chosen = [f"suite=my suites/{SUITE}.yaml", f"results={RESULTS}"]
    run = [*bench.command()[:-1], *chosen]
    done = bench.call(run)
    assert done.status == 0, done.output
    assert done.jobs == ["evaluate", "report", "score", "tables", "unlearn"]
    assert (root / f"score/{CELL}/scores.json").read_bytes() == before
    assert not (root / "partial-tables").exists()
    shown = bench.call([*bench.command("table1")[:-1], *chosen])
    assert shown.status == 0
    assert "| npo" in shown.output

    # What a record says of a command can be typed as it stands.
    record = json.loads((root / f"score/{CELL}/{PROVENANCE}").read_text())
    assert record["command"][0] == "clearbench"
    shutil.rmtree(root / f"score/{CELL}")
    done = bench.call(["bash", "-c", shlex.join(record["command"])])
    assert done.status == 0, done.output
    assert (root / f"score/{CELL}/scores.json").read_bytes() == before
    # The report tells of when and where.
    assert bench.call(run).jobs == ["report"]
    for words in (
        ["audit", "--fast"],
        ["why", str(root / f"score/{CELL}")],
        ["plan"],
        ["run", "npo/text", "--dry-run"],
    ):
        asked = ["--suite", str(suite), "--results", RESULTS]
        done = bench.call([sys.executable, "-m", "clearbench", *words, *asked])
        assert done.status == 0, done.output

    bench = bench.with_own_code()
    bench.edit(
        "stages/score.py", "def run(", "from clearbench.errors import UserError\n\n\ndef run("
    )
    bench.edit("stages/score.py", "    def work(", "    raise UserError('no score')\n    def work(")
    done = bench.call(run)
    assert done.status != 0
    assert f"the rest marked: {RESULTS}/{SUITE}/partial-tables" in done.output
    assert (root / "partial-tables/comparison.md").exists()


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ("results=a\nb", "'a\\nb': a path with a line break or control character"),
        ("results=a{b}", "a{b}/suite: { } are wildcards of Snakemake; choose another path"),
        ("results=a #b", """results: read as 'a'; write it as 'results= "a #b" '"""),
    ],
)
def test_a_name_that_cannot_be_served_is_one_line_before_anything_runs(fresh, config, told):
    fresh.write()
    done = fresh.call([*fresh.command("--dry-run"), config])
    assert done.status != 0
    assert [line for line in done.output.splitlines() if told in line]
    assert "Traceback" not in done.output
    assert not list(fresh.folder.glob("a*"))


@pytest.mark.parametrize("results", ["a #b", "#a", "[a]", "a: b", "-2", "1e3", "true", "ü 'b'"])
def test_a_command_hands_names_to_snakemake_as_they_are_typed(results):
    word = choice("results", results)
    assert parse_config([word]) == {"results": results}


@pytest.mark.parametrize("name", ["a #b", 'a "b"', "ü 'b'"])
def test_the_way_of_writing_that_is_told_is_taken(fresh, name):
    fresh.write()
    done = fresh.call([*fresh.command("--dry-run", "--quiet"), quoted("results", name)])
    assert done.status == 0, done.output
    assert not list(fresh.folder.glob("a*"))


@pytest.mark.parametrize(("name", "told"), [("a #b", "needs quotes"), ("a $b", "$ are not passed")])
def test_a_name_that_jobs_elsewhere_cannot_be_given_is_refused(fresh, name, told):
    fresh.write()
    done = fresh.call([*fresh.command("--dry-run", "--sdm", "apptainer"), quoted("results", name)])
    assert done.status != 0
    assert told in done.output
    assert "Traceback" not in done.output
