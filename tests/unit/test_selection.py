"""Choices: whose questions they go by, what is chosen, and what the tables tell of it."""

import json

import pandas as pd
import pytest

from clearbench.config.chosen import CHOSEN, read_chosen
from clearbench.config.settings import SelectSettings, Tried, UnlearnSettings
from clearbench.data.store import VALIDATION, EvalSample, Store, TrainSample, write_store
from clearbench.data.validation import validation_persons
from clearbench.errors import UserError
from clearbench.provenance.invalidate import labels
from clearbench.results.choice import chosen
from clearbench.results.curves import worth
from clearbench.results.read import read_results
from clearbench.results.tree import Tree
from clearbench.stages import select
from clearbench.suite.graph import TABLES
from clearbench.suite.rows.cells import unlearning
from clearbench.tables.documents import documents
from synthetic import Failed, Made, SyntheticTree, draw_scores, put_artifact, write_suite

QUALITY = "forget_quality_js"
RETAINED = [f"retained {number}" for number in range(6)]
FORGOTTEN = ["forgotten 0", "forgotten 1"]


def asked(split, person, task="text_qa", size=None):
    wrong = (f"another of {task}",)
    return EvalSample(
        f"{split}/{task}/{person}", split, task, size, "Who?", person, person, wrong, None, person
    )


@pytest.fixture
def store(tmp_path):
    """Two persons to be forgotten, six retained ones, the last of them asked in one task alone."""
    train = [
        TrainSample(person, "text_qa", "text", person, "Who?", person, None, {10: part})
        for part, persons in (("forget", FORGOTTEN), ("retain", RETAINED))
        for person in persons
    ]
    evaluation = [
        *(asked("forget", person, size=10) for person in FORGOTTEN),
        *(asked("retain", person) for person in RETAINED),
        *(asked("retain", person, "captions") for person in RETAINED[:-1]),
        # A real person who bears a drawn one's name.
        asked("real", RETAINED[0], "real_faces"),
    ]
    folder = tmp_path / "dataset"
    folder.mkdir()
    write_store(folder, [], [], train, evaluation)
    return folder


@pytest.fixture
def validation(tmp_path):
    return put_artifact(tmp_path / "validation", {VALIDATION: json.dumps(RETAINED[:2])})


def test_persons_of_a_choice_stand_for_the_forget_set_which_nobody_sees(store, validation):
    chosen = Store(store, validation)
    forget, retain = (chosen.train(part, 10, "text") for part in ("forget", "retain"))
    assert [sample.person for sample in forget] == RETAINED[:2]
    assert [sample.person for sample in retain] == RETAINED[2:]
    asked = {split: set() for split in ("forget", "retain", "real")}
    for sample in chosen.evaluation(10):
        asked[sample.split].add(sample.person)
    assert asked == {
        "forget": {*RETAINED[:2]},
        "retain": {*RETAINED[2:]},
        "real": {RETAINED[0]},
    }
    # The original knows all.
    assert len(chosen.train("full", None, "text")) == 8
    assert {s.person for s in Store(store).train("forget", 10, "text")} == {*FORGOTTEN}


def test_who_is_asked_as_the_forgotten_are_is_chosen_by_and_leaves_retention_to_the_others(
    store, tmp_path
):
    apart = [asked("validation", person, size=10) for person in RETAINED[4:]]
    plain = Store(store)
    folder = tmp_path / "apart"
    folder.mkdir()
    train = plain.train("full", None, "both")
    write_store(folder, [], [], train, [*plain.evaluation(10), *apart])
    assert Store(folder).evaluation(10) == plain.evaluation(10)
    assert validation_persons(Store(folder), 10, None) == RETAINED[4:]
    assert validation_persons(Store(folder), 10, 1) == RETAINED[4:5]
    with pytest.raises(UserError, match=r"select: persons: 3; at forget size 10 .* 2 .* 1 to 2"):
        validation_persons(Store(folder), 10, 3)

    persons = {VALIDATION: json.dumps(RETAINED[4:5])}
    chosen = Store(folder, put_artifact(tmp_path / "validation", persons)).evaluation(10)
    assert [(s.id, s.split) for s in chosen if s.person == RETAINED[4]] == [(apart[0].id, "forget")]
    assert {sample.person for sample in chosen if sample.split == "retain"} == {
        *RETAINED[:4],
        RETAINED[5],
    }


def test_as_many_persons_are_chosen_by_as_are_forgotten_and_some_are_left(store):
    plain = Store(store)
    assert validation_persons(plain, 10, None) == RETAINED[:2]
    assert validation_persons(plain, 10, 4) == RETAINED[:4]
    with pytest.raises(UserError, match=r"select: persons: 5; at forget size 10 5 .* 1 to 4"):
        validation_persons(plain, 10, 5)


def test_of_few_persons_half_are_chosen_by_and_of_one_none(tmp_path):
    def store(count):
        folder = tmp_path / str(count)
        folder.mkdir()
        train = [
            TrainSample(f"{n}", "text_qa", "text", f"{n}", "Who?", "x", None, {10: "forget"})
            for n in range(9)
        ]
        write_store(folder, [], [], train, [asked("retain", p) for p in RETAINED[:count]])
        return Store(folder)

    assert validation_persons(store(5), 10, None) == RETAINED[:2]
    for count in (0, 1):
        with pytest.raises(UserError, match=rf"at forget size 10 {count} retained persons are"):
            validation_persons(store(count), 10, None)


@pytest.mark.parametrize(
    ("models", "best"),
    [
        # Of those that keep 95 %, the one that forgot most, however far the others went.
        ({"weak": (0.79, 0.2), "good": (0.77, 0.3), "far": (0.5, 0.9)}, "good"),
        ({"broken": (0.1, 0.9), "bent": (0.7, 0.3)}, "bent"),
        ({"diverged": (None, None), "bent": (0.7, 0.3)}, "bent"),
    ],
)
def test_of_models_that_are_not_scaled_one_is_chosen_that_retains_the_share(models, best):
    curves = {
        name: [{"retain": 0.8, QUALITY: 0.1}, {"retain": retain, QUALITY: quality}]
        for name, (retain, quality) in models.items()
    }
    assert chosen(curves, 0.95) == best


def test_a_curve_is_worth_its_height_at_the_share_or_at_its_end():
    assert worth([0.8, 0.78, 0.70], [0.1, 0.2, 0.6], 0.95) == pytest.approx(0.3)
    assert worth([0.8, 0.79, 0.78], [0.1, 0.2, 0.6], 0.95) == 0.6
    assert worth([0.8, None, 0.78], [0.1, 0.2, 0.6], 0.95) is None


def scores(*points):
    return [{"retain": retain, QUALITY: quality} for retain, quality in points]


def test_the_best_at_the_share_is_chosen_and_the_first_of_equals():
    curves = {
        "strong": scores((0.8, 0.1), (0.4, 0.9)),
        "good": scores((0.8, 0.1), (0.76, 0.5)),
        "same": scores((0.8, 0.1), (0.76, 0.5)),
        "diverged": [{"retain": 0.8, QUALITY: 0.1}, {}],
    }
    assert chosen(curves, 0.95) == "good"
    assert chosen({"diverged": curves["diverged"]}, 0.95) is None


POINTS = [Tried(name="plain", values={}), Tried(name="lr0.1", values={"lr": 0.1})]


def select_among(tmp_path, numbers):
    """Run the job on scores by strength (1, then 0.5) of each point; None stands for diverged."""
    folders = {"original": scores((0.8, 0.1))[0]}
    for point, at_one, at_half in numbers:
        folders |= {f"point/{point}/1": at_one, f"point/{point}/0.5": at_half}
    inputs = {}
    for name, given in folders.items():
        folder = put_artifact(tmp_path / name, {"scores.json": json.dumps(given)} if given else {})
        if given is None:
            path = folder / "manifest.json"
            path.write_text(path.read_text().replace('"ok"', '"diverged"'))
        inputs[name] = folder
    out = tmp_path / "select"
    settings = SelectSettings(retention=0.95, points=POINTS, strengths=[1.0, 0.5])
    select.run(settings, inputs, out)
    return read_chosen(out)


def test_the_job_orders_strengths_and_passes_over_what_diverged(tmp_path):
    # At strength 0.5 plain is at 95 %, with a lower forget quality than at 1.
    low, high = scores((0.76, 0.3), (0.4, 0.9))
    steep = scores((0.78, 0.15), (0.2, 0.2))
    assert select_among(tmp_path / "a", [("plain", high, low), ("lr0.1", steep[1], steep[0])]) == {}
    better = scores((0.76, 0.5), (0.7, 0.6))
    numbers = [("plain", high, low), ("lr0.1", better[1], better[0])]
    assert select_among(tmp_path / "b", numbers) == {"lr": 0.1}
    assert select_among(tmp_path / "c", [("plain", high, low), ("lr0.1", None, None)]) == {}


def test_a_choice_among_points_that_all_diverged_is_an_error(tmp_path):
    with pytest.raises(UserError, match="all diverged"):
        select_among(tmp_path, [("plain", None, None), ("lr0.1", None, None)])
    assert not (tmp_path / "select" / CHOSEN).exists()


def test_chosen_values_take_the_place_of_the_suites(tmp_path):
    suite = write_suite(tmp_path, methods={"npo": {"lr": 1.0e-3, "beta": 0.2}})
    settings = unlearning(suite, "npo", "text")
    used = settings.with_values({"beta": 0.05, "lr": 3.0e-4})
    assert (used.parameters["beta"], used.training.lr) == (0.05, 3.0e-4)
    assert isinstance(used, UnlearnSettings)
    assert settings.with_values({}) == settings


class Chosen(SyntheticTree):
    """A choice whose second point retains as much and forgets more."""

    def __init__(self, folder, **changes):
        suite = {
            "methods": {"ga": {"sweep": {"lr": [1.0e-3, 2.0e-3]}}, "gd": {}},
            "modalities": ["text"],
            "strengths": [0.5],
            "select": {},
        }
        super().__init__(write_suite(folder, **{**suite, **changes}), folder / "results/small")

    def _files(self, artifact):
        run = artifact.run
        if artifact.stage != "score" or run is None:
            return super()._files(artifact)
        strength = 0.0 if run.row == "original" else 1.0 if run.strength is None else run.strength
        rise = {"lr0.001": 0.2, "lr0.002": 0.4}.get(run.choice, 0.1)
        numbers = {"retain": 0.8 * (1 - 0.1 * strength), QUALITY: 0.1 + rise * strength}
        return {"scores.json": json.dumps({**draw_scores(run.name), **numbers})}


def selection(tree):
    text = (tree.root / TABLES / "selection.md").read_text()
    lines = [line for line in text.splitlines() if line.startswith("| ga")]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    return {row[2]: row[3:] for row in rows}


def test_the_table_tells_what_was_tried_and_chosen(tmp_path):
    tree = Chosen(tmp_path).build()
    told = selection(tree)
    # At 95 % of the original's retention half of each update is in force.
    assert told["lr 0.002"][:3] == ["chosen", "0.300", "0.50"]
    assert told["lr 0.001"][:3] == ["", "0.200", "0.50"]
    assert told["plain"][:3] == ["", "0.150", "0.50"]
    frame = pd.read_csv(tree.root / TABLES / "selection.csv")
    assert {*frame.method} == {"ga/plain", "ga/lr0.001", "ga/lr0.002"}
    assert {*frame.status} == {"ok"}


def test_a_row_with_a_points_name_has_lines_of_its_own(tmp_path):
    methods = {"ga": {"sweep": {"lr": [1.0e-3]}}, "ga-plain": {"method": "ga"}}
    tree = Chosen(tmp_path, methods=methods).build()
    for name in ("cost.csv", "selection.csv"):
        frame = pd.read_csv(tree.root / TABLES / name)
        assert not frame.duplicated(["method", "modality", "metric"]).any(), name


def test_what_is_chosen_by_is_in_no_row_of_other_tables(tmp_path):
    tree = Chosen(tmp_path).build()
    frame = pd.read_csv(tree.root / TABLES / "comparison.csv")
    assert not [name for name in frame.method if "lr0.00" in name or "plain" in name]
    (tmp_path / "plain").mkdir()
    plain = Chosen(tmp_path / "plain", select=None, methods={"ga": {}, "gd": {}}).build()
    for name in ("comparison.csv", "tradeoff.csv", "noise.csv", "ranking.csv"):
        assert (tree.root / TABLES / name).read_text() == (plain.root / TABLES / name).read_text()
    assert not (plain.root / TABLES / "selection.csv").exists()


def test_nothing_is_marked_before_all_points_are_there(tmp_path):
    tree = Chosen(tmp_path).build({"trial/ga/text/forget10/lr0.002": Failed("out of memory")})
    results = read_results(tree.graph, Tree(tree.root))
    text = documents(results)["selection.md"]
    assert "| chosen" not in text
    assert "failed (trial)" in text
    assert "out of memory" in text
    cell = results.runs["ga/text/forget10/seed0"]
    assert cell.state == "failed"


def test_a_point_that_diverged_is_told_and_not_chosen(tmp_path):
    name = "trial/ga/text/forget10/lr0.002"
    tree = Chosen(tmp_path).build({name: Made(status="diverged", step=3)})
    # As the job does, which reads of what diverged.
    tree.put("select/ga/text/forget10", Made({CHOSEN: "{}"}))
    told = selection(tree) if (tree.root / TABLES / "selection.md").exists() else {}
    assert told["lr 0.002"][1] == "diverged (step 3)"
    assert told["lr 0.001"][0] == "chosen"


def test_points_have_a_label_of_their_own(tmp_path):
    graph = Chosen(tmp_path).graph
    name = "trial/ga/text/forget10/lr0.002"
    assert labels(graph[name])["point"] == "lr0.002"
    assert "point" not in labels(graph["unlearn/ga/text/forget10/seed0"])
