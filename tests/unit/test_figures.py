"""Figures: drawn from the scores beside the tables, and nothing in them that no score gives."""

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

from clearbench.cli import cli
from clearbench.figures import drawers, tradeoff
from clearbench.figures.base import look, written
from clearbench.figures.documents import pictures
from clearbench.figures.spots import lines_of
from clearbench.jobs.environment import accepted
from clearbench.provenance.audit import Audit
from clearbench.results.read import read_results
from clearbench.results.tree import Tree
from clearbench.stages import tabulate
from clearbench.suite.graph import TABLES
from synthetic import Failed, Made, SyntheticTree, write_suite
from unit.test_tradeoff import Scaled

FILES = {"tradeoff.svg", "tradeoff.pdf"}
SCORED = "score/strengths/{}/text/forget10/seed{}/{}"


def results_of(tree):
    return read_results(tree.graph, Tree(tree.root))


def labels(figure):
    """What the legend below the panels says."""
    return [text.get_text() for text in figure.legends[1].get_texts()]


def bands(axes):
    return len(axes.collections)


@pytest.fixture
def tree(tmp_path):
    return Scaled(tmp_path)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished tree, which no test changes."""
    return Scaled(tmp_path_factory.mktemp("finished")).build()


@pytest.fixture(scope="module")
def results(finished):
    return results_of(finished)


def python(code, *words, **variables):
    """Runs code in a process of its own."""
    words = [sys.executable, "-c", textwrap.dedent(code), *map(str, words)]
    subprocess.run(words, env={**os.environ, **variables}, check=True)


def test_the_stage_writes_each_figure_beside_the_tables_as_svg_and_pdf(finished, tmp_path):
    tabulate.run(finished.suite, finished.root, False, tmp_path / "out")
    written = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert written.keys() >= FILES
    picture = ElementTree.fromstring(written["tradeoff.svg"])
    assert picture.tag == "{http://www.w3.org/2000/svg}svg"
    assert written["tradeoff.pdf"].startswith(b"%PDF-")
    assert written["tradeoff.pdf"].rstrip().endswith(b"%%EOF")


def test_partial_tables_have_the_figure_of_what_is_done(tree, tmp_path):
    tree.build({"unlearn/gd/text/forget10/seed0": Failed("no memory")})
    tabulate.run(tree.suite, tree.root, True, tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} >= FILES


def test_where_nothing_has_scores_the_figure_says_so(tree):
    assert pictures(results_of(tree)).keys() == FILES
    assert labels(tradeoff.draw(results_of(tree)))[-2:] == ["ga (no point)", "gd (no point)"]


def test_the_same_scores_give_the_same_bytes_in_any_process(finished, results, tmp_path):
    # The user's own settings of matplotlib do not matter either.
    (tmp_path / "matplotlibrc").write_text("font.size: 20\nlines.linewidth: 9\n")
    code = """
        import sys
        from pathlib import Path
        from clearbench.figures.documents import pictures
        from clearbench.results.read import read_results
        from clearbench.results.tree import Tree
        from clearbench.suite.graph import Graph
        from clearbench.suite.load import load_suite

        suite, root, out = sys.argv[1:]
        results = read_results(Graph(load_suite(suite, Path.cwd())), Tree(Path(root)))
        for name, picture in pictures(results).items():
            Path(out, name).write_bytes(picture)
        # Which keeps every figure.
        assert "matplotlib.pyplot" not in sys.modules
    """
    variables = {"MPLCONFIGDIR": str(tmp_path), "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"}
    python(code, finished.suite.path, finished.root, tmp_path, **variables)
    first = pictures(results)
    assert first.keys() == FILES
    assert {name: (tmp_path / name).read_bytes() for name in FILES} == first


def test_a_figure_is_laid_out_once_so_that_it_is_the_same_when_it_is_written_again(results):
    figure = tradeoff.draw(results)
    assert written(figure) == written(figure)


def test_no_time_and_no_version_is_in_a_figure(results):
    for picture in pictures(results).values():
        assert b"Trade-off: suite small" in picture
        assert not re.search(rb"Date|atplotlib v?\d|\b20\d\d-\d\d", picture)


def test_a_suite_without_strengths_has_no_figure_and_imports_no_matplotlib(tmp_path):
    tree = SyntheticTree(write_suite(tmp_path), tmp_path / "results/small").build()
    code = """
        import sys
        from pathlib import Path
        from clearbench.stages import tabulate
        from clearbench.suite.load import load_suite

        suite, root, out = sys.argv[1:]
        tabulate.run(load_suite(suite, Path.cwd()), Path(root), False, Path(out))
        assert "matplotlib" not in sys.modules
    """
    python(code, tree.suite.path, tree.root, tmp_path / "out")
    endings = {path.suffix for path in (tmp_path / "out").iterdir()}
    assert ".csv" in endings
    assert not endings & {".svg", ".pdf"}


def test_models_of_faces_have_no_figure_of_choices_which_are_of_words():
    assert {"tradeoff", "front"} <= drawers("multimodal").keys() & drawers("text").keys()
    assert drawers("vision").keys() == {"tradeoff"}


def test_a_point_is_the_mean_over_seeds_and_the_band_their_deviation(results):
    line = lines_of(results)["ga"]["text", 10]
    assert line.strengths == (0, 0.5, 1, 1.5)
    # By seed, forget quality rises by 0.1, 0.2 and 0.3 with a strength of 1.
    assert [spot.retain for spot in line.spots] == pytest.approx([0.8, 0.72, 0.64, 0.56])
    assert [spot.forgetting for spot in line.spots] == pytest.approx([0.1, 0.2, 0.3, 0.4])
    assert [spot.spread for spot in line.spots] == pytest.approx([0, 0.05, 0.1, 0.15])
    (axes,) = tradeoff.draw(results).axes
    assert bands(axes) == 2
    edge = axes.collections[0].get_paths()[0].vertices
    assert edge[:, 1].max() == pytest.approx(0.4 + 0.15)


def test_the_cell_itself_is_set_off_and_the_shares_are_lines(results):
    (axes,) = tradeoff.draw(results).axes
    lines = axes.get_lines()
    shares = [line.get_xdata()[0] for line in lines if list(line.get_ydata()) == [0, 1]]
    assert shares == pytest.approx([0.95 * 0.8, 0.9 * 0.8, 0.8 * 0.8])
    _, marker, _ = look(0)
    cell, scaled = (
        [line for line in lines if line.get_marker() == marker and len(line.get_xdata()) == count]
        for count in (1, 2)
    )
    assert cell[0].get_xdata() == pytest.approx([0.64])
    assert scaled[0].get_xdata() == pytest.approx([0.72, 0.56])
    assert cell[0].get_markersize() > scaled[0].get_markersize()
    assert scaled[0].get_markerfacecolor() == "white" != cell[0].get_markerfacecolor()
    stars = [line for line in lines if line.get_marker() == "*"]
    assert len(stars) == len(tradeoff.CONTROLS)


def test_one_seed_has_no_band(tmp_path):
    tree = Scaled(tmp_path, seeds=[0]).build()
    figure = tradeoff.draw(results_of(tree))
    assert [bands(axes) for axes in figure.axes] == [0]
    assert "deviation" not in " ".join(t.get_text() for t in figure.legends[0].get_texts())


def test_a_run_without_scores_has_no_point_and_a_method_without_any_is_named(tree):
    states = {SCORED.format("ga", seed, "0.5"): Failed("no memory") for seed in (0, 1, 2)}
    states |= {SCORED.format("ga", 0, "1.5"): Failed("no memory")}
    states |= {
        f"unlearn/gd/text/forget10/seed{seed}": Made(status="diverged", step=3)
        for seed in (0, 1, 2)
    }
    results = results_of(tree.build(states))
    line = lines_of(results)["ga"]["text", 10]
    assert line.spots[1] is None
    assert (line.spots[3].seeds, line.spots[3].forgetting) == (2, pytest.approx(0.1 + 1.5 * 0.25))
    figure = tradeoff.draw(results)
    assert {"ga (some runs missing)", "gd (no point)"} <= set(labels(figure))
    _, marker, _ = look(1)
    points = [line for line in figure.axes[0].get_lines() if line.get_marker() == marker]
    assert points
    assert all(number != number for line in points for number in line.get_xdata())


def test_a_method_without_a_point_of_one_modality_says_of_which(tmp_path):
    tree = Scaled(tmp_path, modalities=["text", "visual"], forget_sizes=[5, 10])
    lost = {
        f"unlearn/gd/visual/forget05/seed{seed}": Made(status="diverged", step=3)
        for seed in (0, 1, 2)
    }
    figure = tradeoff.draw(results_of(tree.build(lost)))
    assert "gd (no point: visual 5 %)" in labels(figure)
    titles = [axes.get_title() for axes in figure.axes]
    said = [("text", 5), ("visual", 5), ("text", 10), ("visual", 10)]
    assert titles == [f"{modality}, forget {size} %" for modality, size in said]


def test_sixty_rows_are_told_apart_without_colour():
    looks = [look(place) for place in range(60)]
    assert len({(marker, str(line)) for _, marker, line in looks}) == 60
    assert "*" not in {marker for _, marker, _ in looks}
    assert len({colour for colour, _, _ in looks[:7]}) == 7


def test_the_legends_hide_nothing_of_the_panels_and_fit(tmp_path):
    methods = {f"row-number-{number}": {"method": "ga"} for number in range(14)}
    figure = tradeoff.draw(results_of(Scaled(tmp_path, methods=methods).build()))
    figure.draw_without_rendering()
    panel = figure.axes[0].get_tightbbox()
    above, below = (legend.get_window_extent() for legend in figure.legends)
    assert below.y1 <= panel.y0 < panel.y1 <= above.y0
    for legend in (above, below):
        assert 0 <= legend.x0 < legend.x1 <= figure.bbox.width
    assert figure.axes[0].bbox.height > 0.3 * figure.bbox.height


def test_drawing_leaves_the_settings_of_matplotlib_as_they_are(results):
    import matplotlib

    with matplotlib.rc_context({"font.size": 20, "svg.hashsalt": "own"}):
        pictures(results)
        assert [matplotlib.rcParams[name] for name in ("font.size", "svg.hashsalt")] == [20, "own"]


def test_an_audit_finds_a_figure_that_the_scores_do_not_give(tmp_path):
    suite = {"methods": {"ga": {}}, "modalities": ["text"], "strengths": [0.5]}
    tree = SyntheticTree(write_suite(tmp_path, **suite), tmp_path / "results/small", records=True)
    tree.build()

    def broken():
        environments = accepted(Path("none.sif"), False)
        return Audit(tree.graph, Tree(tree.root), environments, fast=True).files()

    assert broken() == []
    for name in FILES:
        path = tree.root / TABLES / name
        path.write_bytes(path.read_bytes().replace(b"0.5", b"0.6"))
    assert set(broken()) == {f"{TABLES}/{name}: not what the scores give" for name in FILES}


def test_a_figure_for_a_paper_is_drawn_from_the_scores_of_now(finished, tmp_path):
    def call(*words):
        options = ["--suite", str(finished.suite.path), "--results", str(finished.root.parent)]
        return CliRunner().invoke(cli, ["figure", *map(str, words), *options])

    before = {path: path.stat().st_mtime_ns for path in (finished.root / TABLES).iterdir()}
    out = tmp_path / "tradeoff.pdf"
    done = call("tradeoff", "--out", out)
    assert (done.exit_code, done.output) == (0, f"{out}\n")
    # TrueType, whole letters of which a publisher can use.
    assert b"/FontFile2" in out.read_bytes()
    assert b"/Type3" not in out.read_bytes()
    assert before == {path: path.stat().st_mtime_ns for path in (finished.root / TABLES).iterdir()}
    names = call().output.split()
    assert {"front", "tradeoff"} <= set(names)
    for words, told in (
        (("tradeof", "--out", out), "tradeof: neither a suite nor a figure of one (did you mean"),
        (("tradeoff",), "tradeoff: where to? name a file .pdf or .svg with --out"),
        (("tradeoff", "--out", "x.png"), "--out x.png: allowed endings: .svg, .pdf"),
        (("front", "--out", out), "front: suite"),
        (("tradeoff", "--out", "none/x.pdf"), "--out none/x.pdf: none is no folder; make it first"),
    ):
        assert str(call(*words).exception).startswith(told)


def test_a_figure_for_a_paper_is_not_drawn_of_nothing_and_says_what_it_lacks(tree, tmp_path):
    def call():
        words = ["figure", "tradeoff", "--suite", tree.suite.path, "--out", tmp_path / "x.svg"]
        words += ["--results", tree.root.parent]
        return CliRunner().invoke(cli, list(map(str, words)))

    told = f"{tree.suite.name}: no finished run below {tree.root}; nothing to draw"
    assert str(call().exception) == told
    assert not (tmp_path / "x.svg").exists()
    tree.build({"unlearn/gd/text/forget10/seed0": Failed("no memory")})
    lines = call().output.splitlines()
    assert lines[-1] == str(tmp_path / "x.svg")
    assert lines[0].startswith("drawn without ")
    assert "no memory" in lines[0]


def test_where_nothing_is_scaled_a_figure_is_drawn_if_asked_for_and_lies_beside_no_table(tmp_path):
    suite = write_suite(tmp_path, methods={"ga": {}, "npo": {}}, seeds=[0, 1])
    tree = SyntheticTree(suite, tmp_path / "results/small").build()
    out = tmp_path / "figure.svg"
    words = ["figure", "tradeoff", "--suite", suite.path, "--out", out]
    words += ["--results", tmp_path / "results"]
    done = CliRunner().invoke(cli, list(map(str, words)))
    assert (done.exit_code, done.output) == (0, f"{out}\n")
    drawn = out.read_text(encoding="utf-8")
    assert all(name in drawn for name in ("ga", "npo", "original", "gold"))
    assert "its update times" not in drawn
    results = read_results(tree.graph, Tree(tree.root))
    assert pictures(results) == {}
