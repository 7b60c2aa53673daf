"""From nothing to tables, by the real Snakemake."""

import json
import subprocess

import pytest

from clearbench.jobs.artifacts import MANIFEST
from clearbench.metrics.score import SCORES
from clearbench.suite.graph import Graph
from clearbench.suite.load import load_suite
from clearbench.suite.rows import runs_of

from .bench import OWN

TABLES = ("comparison", "modality", "leak", "tasks", "cost")
CELL = "npo/both/forget10/seed0"


@pytest.fixture(scope="module")
def runs(finished):
    suite = load_suite("suite", finished.folder)
    return [run.name for run in runs_of(suite)]


def test_every_table_is_there_in_every_format(finished):
    for name in TABLES:
        for ending in ("csv", "md", "tex"):
            assert (finished.results() / f"tables/{name}.{ending}").stat().st_size > 0


def test_every_row_has_its_numbers(finished):
    cells = [(method, modality) for method in ("retain_ft", "npo") for modality in ("text", "both")]
    controls = [(name, "-") for name in ("original", "gold", "second gold")]
    drawn = [("floor: random losses", "drawn"), ("ceiling: gold drawn anew", "drawn")]
    for name in TABLES:
        frame = finished.table(name)
        rows = frame[["method", "modality"]].drop_duplicates()
        bounds = drawn if name == "comparison" else []
        assert list(rows.itertuples(index=False, name=None)) == [*controls, *bounds, *cells]
        # Records that are drawn are of the forget split alone.
        frame = frame[frame.modality != "drawn"]
        # A control is no cell: what a cell's training alone has is absent there.
        assert set(frame[frame.modality != "-"].status) == {"ok"}
    for name in ("comparison", "modality", "leak", "tasks"):
        frame = finished.table(name)
        frame = frame[frame.modality != "drawn"]
        assert set(frame.status) == {"ok"}
        assert frame["mean"].notna().all()


def test_every_score_file_is_named_by_the_tables_and_every_name_leads_to_its_number(finished, runs):
    root = finished.results()
    sources = json.loads((root / "tables/comparison.sources.json").read_text())
    named = {path for entry in sources.values() for path, _ in entry}
    assert named == {f"score/{run}/{SCORES}" for run in runs}
    frame = finished.table()
    for row in frame[~frame.modality.isin(["-", "drawn"])].itertuples():
        ((path, key),) = sources[f"{row.method}/{row.modality}/forget10:{row.metric}"]
        value = json.loads((root / path).read_text())[key]
        assert value == pytest.approx(row.mean, rel=1e-14)


def test_a_run_leaves_artifacts_and_logs_and_no_lock_or_part_of_a_job(finished):
    root = finished.results()
    folders = {
        path.relative_to(root).as_posix() for path in root.rglob("*") if (path / MANIFEST).exists()
    }
    assert folders == Graph(load_suite("suite", finished.folder)).artifacts.keys()
    hidden = {path.relative_to(root).as_posix() for path in root.rglob(".*")}
    assert hidden <= OWN
    assert {path.name for path in root.iterdir() if path.is_file()} <= OWN


def test_a_second_run_has_nothing_to_do(finished):
    done = finished.snakemake()
    assert (done.status, done.jobs) == (0, [])
    assert "Nothing to be done" in done.output


def test_the_recorded_command_of_a_cell_makes_the_same_cell_again(finished, tmp_path):
    folder = finished.results() / "unlearn" / CELL
    command = json.loads((folder / "provenance.json").read_text())["command"]
    out = command.index("--out") + 1
    command[out] = str(tmp_path / "again")
    subprocess.run(command, cwd=finished.folder, env=finished.environment, check=True)
    manifests = [(path / "manifest.json").read_bytes() for path in (folder, tmp_path / "again")]
    assert manifests[0] == manifests[1]
