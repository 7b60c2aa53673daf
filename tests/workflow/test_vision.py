"""The vision domain from nothing to its table, and that all that holds of suites holds there."""

import json
import shutil

import pytest

from clearbench.evaluation.embeddings import EMBEDDINGS
from clearbench.evaluation.records import RECORDS

from .bench import FACES, Bench
from .same_bytes import check_bytes
from .test_reruns import rerun

CELL = "rmu/visual/forget10/seed0"
ATTACKS = ("u_lira", "u_mia")


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """The small vision suite, run from nothing to its tables; tests may look at it."""
    bench = Bench(tmp_path_factory.mktemp("seen")).fill()
    bench.write(like=FACES)
    done = bench.snakemake()
    assert done.status == 0, done.output
    return bench


@pytest.fixture
def copied(seen, tmp_path):
    """A copy of the finished run with its own code, to go on from."""
    return seen.copy(tmp_path / "bench").with_own_code()


@pytest.fixture(scope="module")
def means(seen):
    """The numbers of table 5 by method and metric."""
    frame = seen.table("table5")
    return frame.set_index(["method", "metric"])["mean"]


def test_every_row_has_its_numbers_and_tables_of_words_are_not_made(seen):
    frame = seen.table("table5")
    methods = ["original", "gold", "second gold", *FACES["methods"]]
    assert list(frame.method.drop_duplicates()) == methods
    # The paper has not every method beside ours.
    ours = frame[~frame.metric.str.contains("/")]
    assert set(ours[ours.status != "ok"].status) == {"absent"}
    # A gold is one model that is attacked, whose share has no spread over models.
    without = ours[ours.status != "ok"][["method", "metric"]]
    assert {tuple(row) for row in without.itertuples(index=False)} == {
        (gold, "u_lira_tpr_margin") for gold in ("gold", "second gold")
    }
    paper = frame[(frame.method == "twins") & (frame.metric == "forget_accuracy/paper")]
    assert list(paper["mean"]) == [0.5]
    names = {path.stem for path in (seen.results() / "tables").glob("*.md")}
    assert names == {"table5", "tasks", "cost"}


def test_the_bytes_are_those_of_every_processor_seen_before(seen):
    check_bytes(seen, "vision")


@pytest.mark.parametrize("gold", ["gold", "second gold"])
def test_attacks_learn_nothing_from_a_model_that_never_met_the_forgotten(means, gold):
    for attack in ATTACKS:
        distance = abs(means[gold, attack] - 0.5)
        # Some 3.5 standard errors: of 4 intervals of 95 % one misses too often for a test.
        assert distance <= 1.5 * means[gold, f"{attack}_margin"], attack
    assert means[gold, "forget_accuracy"] < 0.5 < means[gold, "retain_accuracy"]


def test_attacks_find_the_forgotten_in_a_model_that_knows_them(means):
    for attack in ATTACKS:
        assert means["original", attack] - means["original", f"{attack}_margin"] > 0.7, attack
    assert means["original", "forget_accuracy"] > 0.9
    assert means["original", "holdout_accuracy"] < 0.5


def test_strengths_scale_cells_and_attacks_and_leave_all_else_as_it_is(copied):
    def bytes_of(folder):
        return [(folder / name).read_bytes() for name in (RECORDS, EMBEDDINGS)]

    results = copied.results()
    plain = bytes_of(results / "unlearn_shadows/rmu/forget10/0")
    copied.write(like=FACES, strengths=[0.5, 2])
    scores = {f"score/{row}/*" for row in (*FACES["methods"], "strengths")}
    rerun(copied, {"unlearn_shadows/*", "evaluate/strengths/*", "tables", *scores})
    assert bytes_of(results / "unlearn_shadows/rmu/forget10/0") == plain
    frame = copied.table("tradeoff").set_index(["method", "metric"])
    assert set(frame.loc["rmu"].index) >= {"u_lira/at 95%", "strength/at 95%", "u_lira/gain"}
    assert frame.loc[("rmu", "u_lira/gain"), "status"] == "ok"
    assert "no point" not in (results / "tables/tradeoff.svg").read_text()
    done = copied.clearbench("audit")
    assert done.status == 0, done.output

    record = json.loads((results / "evaluate" / CELL / "provenance.json").read_text())
    command, out = record["command"], copied.folder / "ends"
    command[command.index("--out") + 1] = str(out)
    done = copied.call([*command, "--strengths", "0,1"])
    assert done.status == 0, done.output
    for strength, run in (("0", "original/forget10/seed0"), ("1", CELL)):
        assert bytes_of(out / strength) == bytes_of(results / "evaluate" / run)


def test_every_cell_is_proven_and_one_made_again_has_the_same_bytes(seen):
    done = seen.clearbench("audit")
    assert done.status == 0, done.output
    done = seen.clearbench("audit", "--reexecute", "--cell", CELL)
    assert done.status == 0, done.output
    made = [f"{stage}/{CELL}" for stage in ("unlearn", "evaluate")]
    made += [f"unlearn_shadows/rmu/forget10/{number}" for number in (0, 1)]
    lines = [f"{name}: the same bytes" for name in (*made, f"score/{CELL}")]
    assert done.output.splitlines() == lines


def test_the_plan_counts_shadow_models_and_a_run_that_is_done_needs_none(seen, tmp_path):
    assert "nothing to do" in seen.clearbench("plan").output
    done = seen.clearbench("plan", "--results", str(tmp_path))
    jobs = {line.split()[0]: line.split()[1:4] for line in done.output.splitlines()[2:-3]}
    assert jobs["shadows"] == ["2", "2", "2"]
    assert jobs["unlearn_shadows"] == ["6", "6", "6"]


def test_jobs_with_another_model_teach_the_plan_nothing(copied):
    copied.write("other", FACES, model="tiny-resnet")
    done = copied.clearbench("plan", suite="other")
    jobs = {line.split()[0]: line.split()[1:4] for line in done.output.splitlines()[2:-4]}
    assert jobs["shadows"] == ["2", "2", "2"]
    assert jobs["original"] == ["1", "1", "1"]
    # The data are the same, and are there.
    assert "generate" not in jobs
    assert done.output.endswith(" taken over from suite (1 generate, 1 dataset)\n")


def edit_metric(bench):
    bench.edit("metrics/u_lira.py", "LEAST_DEVIATION = 1e-3", "LEAST_DEVIATION = 2e-3")


def edit_method(bench):
    bench.edit("methods/rmu.py", "return steered + ", "return 2 * steered + ")


def delete_shadows(bench):
    shutil.rmtree(bench.results() / "shadows/1")
    shutil.rmtree(bench.results() / "unlearn_shadows/twins/forget10/0")


OF_RMU = {f"unlearn_shadows/rmu/forget10/{number}" for number in (0, 1)}
OF_RMU |= {f"{stage}/{CELL}" for stage in ("unlearn", "evaluate", "score")}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (edit_metric, {"score/*", "tables"}),
        (edit_method, OF_RMU | {"tables"}),
        # They come out the same.
        (delete_shadows, {"shadows/1", "unlearn_shadows/twins/forget10/0"}),
    ],
)
def test_a_change_reruns_what_it_touches_and_nothing_else(copied, change, expected):
    change(copied)
    rerun(copied, expected)


def test_table5_is_a_target_of_a_vision_suite_and_of_no_other(seen, fresh):
    done = seen.snakemake("table5")
    assert done.status == 0, done.output
    assert "| original" in done.output
    fresh.write()
    done = fresh.snakemake("table5")
    assert done.status != 0
    assert "table5: a table of vision suites, suite is a multimodal one" in done.output
