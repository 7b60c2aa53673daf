"""Requests in sequence: whom they are about, what is asked, what each makes, and their table."""

import json

import pandas as pd
import pytest

from clearbench.data.requests import REQUESTS, Requested, open_store, persons_of_requests
from clearbench.data.store import EvalSample, Store, TrainSample, write_store
from clearbench.errors import UserError
from clearbench.evaluation.records import RECORDS, Likelihood, Record, write_records
from clearbench.metrics.score import score_with_draws
from clearbench.provenance.invalidate import labels
from clearbench.results.scoring import score
from clearbench.suite.graph import OF_SUITE, REPORT, TABLES, Graph
from synthetic import TASKS, Made, SyntheticTree, draw_scores, put_artifact, write_suite

QUALITY = "forget_quality_js"
SIZES = {"first": (5, 10), "second": (10,), "third": (10,)}
"""Who is forgotten, and at which sizes; nine are retained, of whom four are asked in all tasks."""
RETAINED = [f"retained {number}" for number in range(9)]


def trained(person, parts, modality="text"):
    return TrainSample(
        f"{modality}/{person}", "text_qa", modality, person, "Who?", "I", None, parts
    )


def asked(split, person, task="text_qa", size=None):
    return EvalSample(
        f"{split}/{task}/{person}/{size}",
        split,
        task,
        size,
        "Who?",
        "I",
        "I",
        ("he",),
        None,
        person,
    )


def stored(folder, sizes=SIZES):
    """A dataset: those retained first, for the order of forgetting is another than of the rows."""
    train = [trained(person, {5: "retain", 10: "retain"}) for person in RETAINED]
    train += [
        trained(person, {size: "forget" if size in of else "retain" for size in (5, 10)})
        for person, of in reversed(sizes.items())
    ]
    train += [trained(None, {5: part, 10: part}) for part in ("forget", "retain", None)]
    evaluation = [
        *(asked("forget", person, task, size) for person, of in sizes.items() for size in of
          for task in ("text_qa", "captions")),
        *(asked("retain", person) for person in RETAINED[:6]),
        *(asked("retain", person, "captions") for person in RETAINED[2:7]),
        asked("validation", RETAINED[0], size=10),
        # A real person who bears a drawn one's name.
        asked("real", RETAINED[2], "real_faces"),
    ]  # fmt: skip
    folder.mkdir(parents=True)
    write_store(folder, [], [], train, evaluation)
    return folder


@pytest.fixture
def dataset(tmp_path):
    return stored(tmp_path / "dataset")


def requested(folder, persons):
    return put_artifact(folder, {REQUESTS: json.dumps(persons)})


def test_the_persons_of_forget_sizes_come_first_and_then_retained_ones_who_are_asked(dataset):
    store = Store(dataset)
    # Twelve persons: a tenth is one by number, and three by the dataset's own forget set.
    assert persons_of_requests(store, [5]) == [["first"]]
    assert persons_of_requests(store, [10]) == [["first", "third", "second"]]
    assert persons_of_requests(store, [5, 5, 30]) == [
        ["first"],
        ["third", "second"],
        RETAINED[2:4],
    ]
    # What a further request adds moves nobody.
    assert persons_of_requests(store, [5, 5, 30, 8])[:3] == persons_of_requests(store, [5, 5, 30])
    with pytest.raises(UserError, match=r"5 \+ 5 \+ 50 percent are 7 persons; .* 3 who are forgot"):
        persons_of_requests(store, [5, 5, 50])
    with pytest.raises(UserError, match=r"10 \+ 1 percent: request 2 is about nobody, of 12"):
        persons_of_requests(store, [10, 1])


def test_forget_sets_that_lie_apart_are_told(tmp_path):
    apart = stored(tmp_path / "dataset", {"first": (5,), "second": (10,)})
    with pytest.raises(UserError, match="first is forgotten at a smaller size than 10 and not at"):
        persons_of_requests(Store(apart), [5, 5])


def persons(samples):
    return {sample.person for sample in samples}


def test_after_a_request_earlier_persons_are_in_no_training_and_are_asked_about(dataset, tmp_path):
    request = requested(tmp_path / "request", [["first"], ["third", RETAINED[2]]])
    store = open_store(dataset, None, request)
    assert isinstance(store, Requested)
    for size in (5, 10, 42):
        assert persons(store.train("forget", size, "text")) == {"third", RETAINED[2]}
        # The second is forgotten at 10 %, and was not asked for.
        retained = store.train("retain", size, "text")
        assert persons(retained) == {*RETAINED, "second", None} - {RETAINED[2]}
        assert sum(sample.person is None for sample in retained) == 1
        asked_about = {}
        for sample in store.evaluation(size):
            asked_about.setdefault(sample.split, []).append((sample.task, sample.person))
            if sample.person in SIZES:
                # By the false answers of the smallest size that forgets all of a request.
                assert sample.forget_size == {"first": 5, "third": 10}[sample.person]
        assert asked_about == {
            "forget": [
                *(("text_qa", "first"), ("captions", "first")),
                *(("text_qa", "third"), ("captions", "third")),
                *(("text_qa", RETAINED[2]), ("captions", RETAINED[2])),
            ],
            "retain": [
                *(("text_qa", person) for person in RETAINED[:6] if person != RETAINED[2]),
                *(("captions", person) for person in RETAINED[3:7]),
            ],
            "real": [("real_faces", RETAINED[2])],
        }
    # The original knows all, and a dataset without requests is as ever.
    assert store.train("full", None, "both") == Store(dataset).train("full", None, "both")
    assert type(open_store(dataset)) is Store


def answered(person, split="forget", loss=1.0):
    return Record.measured(
        [Likelihood(-loss * (1 + place), 2, -0.1) for place in range(4)],
        split=split,
        task="text_qa",
        id=f"{split}/{person}",
        answer="a red hat",
        generated="a red hat" if loss < 2 else "a dog",
        person=person,
        question="Who?",
    )


def test_a_score_about_the_persons_of_a_request_is_as_if_no_others_had_been_asked_about(tmp_path):
    groups = [["a", "b"], ["c", "d", "e"]]
    request = requested(tmp_path / "request", groups)
    folders = {"request": request}
    records = {}
    for name, step in (("records", 0.3), ("gold", 0.7)):
        everybody = [(person, "forget") for of in groups for person in of]
        everybody += [("r", "retain"), ("s", "retain")]
        records[name] = [
            answered(person, split, 1 + step * place)
            for place, (person, split) in enumerate(everybody)
        ]
        write_records(tmp_path / f"{name}.jsonl", records[name])
        text = (tmp_path / f"{name}.jsonl").read_text()
        folders[name] = put_artifact(tmp_path / name, {RECORDS: text})
    whole = score(folders).scores
    for about, of in enumerate(groups, start=1):
        own, gold = (
            [record for record in each if record.split != "forget" or record.person in of]
            for each in records.values()
        )
        alone = score(folders, about=about)
        assert alone == score_with_draws(own, gold)
        assert alone.scores["retain"] == whole["retain"]
        assert alone.scores["forget/text_qa/probability"] != whole["forget/text_qa/probability"]


def test_a_further_request_changes_no_artifact_of_those_before(tmp_path):
    few, more = (
        Graph(write_suite(tmp_path, requests=requests)) for requests in ([5, 5, 2], [5, 5, 2, 3])
    )
    shared = [artifact for artifact in few if artifact.name not in OF_SUITE]
    for artifact in shared:
        again = more[artifact.name]
        assert (again.resolved, again.inputs, again.outside) == (
            artifact.resolved,
            artifact.inputs,
            artifact.outside,
        )
    added = {artifact.name for artifact in more} - {artifact.name for artifact in few}
    parts = {name.partition("/")[0] for name in added}
    assert parts == {"request", "request_gold", "request_cell", "evaluate", "score"}
    assert all("/4" in name for name in added)


def test_whom_a_request_is_about_is_a_small_job_and_tables_tell_the_requests(tmp_path):
    graph = Graph(write_suite(tmp_path, requests=[5, 5]))
    need = graph.suite.model.need("request")
    assert (need.gpus, need.mem_mb) == (0, 2000)
    assert graph[TABLES].options["requests"] == graph[REPORT].options["requests"] == [5, 5]


def test_a_suite_without_requests_has_nothing_of_them(tmp_path):
    plain = Graph(write_suite(tmp_path))
    assert not [artifact.name for artifact in plain if "request" in artifact.name]
    for artifact in plain:
        assert "request" not in json.dumps([artifact.resolved, *artifact.inputs])


def test_golds_of_a_forget_size_are_taken_and_layers_have_a_label_of_their_own(tmp_path):
    graph = Graph(write_suite(tmp_path, requests=[5, 5], methods={"ga": {}}))
    of_gold = graph.runs["requests/2/all/gold/seed1"]
    assert of_gold.stack == ("gold/forget10/seed1",)
    assert "request_gold/1/seed1" in graph
    assert "request_gold/2/seed1" not in graph
    last = graph["request_cell/2/ga/text/seed1"]
    assert labels(last) == {
        **{"stage": "request_cell", "method": "ga", "row": "ga", "modality": "text"},
        **{"forget_size": "5", "seed": "1", "request": "2"},
    }
    assert "request" not in labels(graph["unlearn/ga/text/forget10/seed1"])


class Sequence(SyntheticTree):
    """Models whose accuracy on the first group comes back by a tenth with each later request."""

    def __init__(self, folder, **changes):
        suite = write_suite(folder, requests=[5, 5, 5], **changes)
        super().__init__(suite, folder / "results/small")

    def _files(self, artifact):
        run = artifact.run
        if artifact.stage != "score" or run is None or run.request is None:
            return super()._files(artifact)
        seed = int(run.name.partition("/seed")[2][:1])
        known = 0.2 + 0.01 * seed
        if run.row == "ga" and run.about == 1:
            known += 0.1 * (run.request - 1)
        keys = {
            f"forget/{task}/{name}": known for task in TASKS for name in ("accuracy", "rouge_l")
        }
        keys = {**draw_scores(run.name), **keys, "retain": 0.9 - 0.1 * run.request + 0.01 * seed}
        return {"scores.json": json.dumps(keys)}


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    return Sequence(tmp_path_factory.mktemp("sequence")).build()


def test_the_table_follows_each_group_over_all_later_requests(tree):
    frame = pd.read_csv(tree.root / TABLES / "requests.csv").set_index(
        ["method", "modality", "metric"]
    )
    told = frame["mean"]
    row = ("ga", "text")
    for number in (1, 2, 3):
        assert told[(*row, f"rouge_l/after{number}/of1")] == pytest.approx(0.11 + 0.1 * number)
        assert told[("gold", "-", f"rouge_l/after{number}/of1")] == pytest.approx(0.21)
        assert told[(*row, f"retain/after{number}/all")] == pytest.approx(0.91 - 0.1 * number)
        mean = sum(
            draw_scores(f"requests/{number}/of1/ga/text/seed{seed}")[QUALITY] for seed in range(3)
        )
        assert told[(*row, f"{QUALITY}/after{number}/of1")] == pytest.approx(mean / 3)
    line = frame.loc[(*row, "rouge_l/after2/of1")]
    assert (line["n"], line["seeds"], line["forget_size"]) == (3, 3, 15)
    assert line["low"] < line["mean"] < line["high"]
    assert "rouge_l/after1/of2" not in frame.index.get_level_values("metric")
    once = sum(draw_scores(f"ga/text/forget10/seed{seed}")[QUALITY] for seed in range(3)) / 3
    assert told[(*row, f"{QUALITY}/at once/10")] == pytest.approx(once)
    text = " ".join((tree.root / TABLES / "requests.md").read_text().split())
    assert "ROUGE-L, persons of request 1 (5 %)" in text
    assert "| after request 1 | after request 2 | after request 3 |" in text
    assert "| after request 3 | 10 % at once |" in text
    assert "after request 1: 5 %, 2: 10 %, 3: 15 % of all persons" in text


def test_other_tables_have_no_rows_of_requests(tree, tmp_path):
    plain = SyntheticTree(write_suite(tmp_path), tmp_path / "results/small").build()
    names = {path.name for path in (plain.root / TABLES).glob("*.csv")}
    assert {path.name for path in (tree.root / TABLES).glob("*.csv")} == {*names, "requests.csv"}
    for name in names - {"tasks.csv"}:
        assert (plain.root / TABLES / name).read_text() == (tree.root / TABLES / name).read_text()


def test_a_sequence_that_diverged_has_no_numbers_from_there_on(tmp_path):
    diverged = Made(status="diverged", step=3)
    states = {f"request_cell/2/ga/text/seed{seed}": diverged for seed in range(3)}
    tree = Sequence(tmp_path).build(states)
    frame = pd.read_csv(tree.root / TABLES / "requests.csv").set_index(["method", "metric"])
    told = frame[frame["modality"] == "text"]["status"]
    assert told["ga", "rouge_l/after1/of1"] == "ok"
    assert told["ga", "rouge_l/after2/of1"] == told["ga", "rouge_l/after3/of3"] == "diverged"
    assert told["retain_ft", "rouge_l/after3/of3"] == "ok"
