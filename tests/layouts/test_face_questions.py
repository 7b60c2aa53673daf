"""Biographies by picture: only the face leads to an answer, for no name is said."""

from collections import Counter
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

import synthetic
from clearbench.config.files import DatasetSpec
from clearbench.config.generator import MiniSettings
from clearbench.config.plain_yaml import read_yaml
from clearbench.config.strict import validate
from clearbench.data.face_questions import FaceQuestions, by_picture, nameless
from clearbench.data.store import EvalSample, Store, TrainSample
from clearbench.errors import UserError
from clearbench.evaluation.records import Record
from clearbench.metrics.score import score_records
from clearbench.results.read import read_results
from clearbench.results.tree import Tree
from clearbench.stages import dataset, generate
from clearbench.tables import leak
from synthetic import ROOT, SyntheticTree, write_suite
from workflow.bench import WORLD

LEARNT = 50
PAIR = ("face_qa", "text_qa")


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    out = tmp_path_factory.mktemp("drawn") / "source"
    generate.run(MiniSettings(**{**WORLD, "portraits": 2}), out, holdout=5)
    return out


def store(source: Path, out: Path, **options) -> Store:
    spec = validate(DatasetSpec, read_yaml(ROOT / "config/datasets/mini.yaml"), "mini")
    spec = spec.model_copy(update={"options": {**spec.options, **options}})
    dataset.run(spec, source, out, holdout=5)
    return Store(out)


@pytest.fixture(scope="module")
def asked(source):
    return store(source, source.parent / "asked", face_qa={"learnt": LEARNT})


def of_task(samples, task="face_qa"):
    return [sample for sample in samples if sample.task == task]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("Ann Ash", "Where was Ann Ash born?", "Where was the person in the picture born?"),
        ("Ann Ash", "Ann Ash was born. Ann's mother?", "The person in the picture was born. This"),
        ("Ann Ash", "What is Ann Ash’s best book?", "What is this person's best book?"),
        ("Ann Ash", "By Ash, Annabel Ashby and Bob.", "By the person in the picture, Annabel Ashb"),
        ("Ann Ash", "Bob and “ash”, Ann-like", "Bob and “ash”, the person in the picture-like"),
        ("J. Ash", "Who is J. Ash? J. K. has Ash", "Who is the person in the picture? J. K. has t"),
        ("Ana de Sá", "Ana de Sá, de facto Sá", "The person in the picture, de facto the person"),
        ("王菲", "王菲在北京出生。", "The person in the picture在北京出生。"),
        ("Bob Birch", "Where was Ann  Ash’s dog?", "Where was Ann  Ash’s dog?"),
    ],
)
def test_a_name_and_its_parts_become_the_person_in_the_picture(name, text, expected):
    assert nameless(text, name).startswith(expected)


def test_no_name_is_said_in_a_question_by_picture_or_in_its_answers(asked):
    samples = of_task([*asked.train("full", None, "both"), *asked.evaluation(10)])
    assert samples
    for sample in samples:
        assert not any(word in text for text in sample.texts for word in sample.person.split())
        assert all("picture" in text or "this person" in text for text in sample.texts)


def test_each_is_a_pair_with_a_question_by_name_and_shows_a_picture_of_that_person(asked):
    evaluation = [*asked.evaluation(10)]
    by_name = {sample.id: sample for sample in of_task(evaluation, "text_qa")}
    shown = {(s.person, s.image) for s in evaluation if s.task == "face_naming"}
    for sample in of_task(evaluation):
        twin = by_name[sample.id.replace("face_qa", "text_qa")]
        assert (twin.split, twin.person) == (sample.split, sample.person)
        assert nameless(twin.question, twin.person) == sample.question
        assert len(twin.perturbed) == len(sample.perturbed)
        assert (sample.person, sample.image) in shown


def test_half_of_them_are_learnt_and_all_asked_of_all_kinds_of_persons_in_other_pictures(asked):
    rows = asked.train("full", None, "both")
    learnt, texts = of_task(rows), of_task(rows, "text_qa")
    assert len(learnt) == len(texts) * LEARNT // 100
    assert {sample.modality for sample in learnt} == {"visual"}
    parts = {sample.id.replace("text_qa", "face_qa.1"): sample.parts for sample in texts}
    assert all(sample.parts == parts[sample.id] for sample in learnt)
    evaluation = asked.evaluation(10)
    counts = Counter((sample.split, sample.task) for sample in evaluation)
    for split in ("forget", "retain", "holdout"):
        assert counts[split, "face_qa"] == counts[split, "text_qa"] > 0
    taught = {(s.person, s.question, s.answer, s.image) for s in learnt}
    told = {(s.person, s.question, s.answer, s.image) for s in of_task(evaluation)}
    assert not taught & told
    assert {one[:3] for one in taught} & {one[:3] for one in told}


def test_what_does_not_ask_for_them_has_none_and_all_else_is_as_it_was(source, asked):
    plain = store(source, source.parent / "plain")
    for samples, others in (
        (plain.train("full", None, "both"), asked.train("full", None, "both")),
        (plain.evaluation(10), asked.evaluation(10)),
        (plain.base(), asked.base()),
    ):
        assert samples == [sample for sample in others if sample.task != "face_qa"]


def texts(question, answer, wrong=("Ann Ash was born in Oslo.",)):
    parts = {10: "forget"}
    picture = TrainSample("full/0/captions", "captions", "visual", "Ann Ash", "?", "A", 7, parts)
    text = TrainSample(
        "full/0/text_qa", "text_qa", "text", "Ann Ash", question, answer, None, parts
    )
    asked = EvalSample(
        "f/0/text_qa", "forget", "text_qa", 10, question, answer, answer, wrong, None, "Ann Ash"
    )
    return [picture, text], [asked]


@pytest.mark.parametrize(
    ("question", "answer", "wrong"),
    [
        ("Who was born in Rome?", "Ann Ash was.", ("Ann Ash was born in Oslo.",)),
        ("What is Ann's full name?", "Ann Ash, of Rome", ("Bob Birch, of Rome",)),
        ("Who is Ann Ash?", "Ann Ash.", ("Bob Birch.",)),
        ("Where was Ann Ash born?", "Ann Ash was born in Rome.", ("Ash was born in Rome",)),
    ],
)
def test_a_text_that_asks_for_the_name_or_is_left_without_a_wrong_answer_is_none(
    question, answer, wrong
):
    with pytest.raises(UserError, match="face_qa: nothing can be asked by picture; it needs texts"):
        by_picture(*texts(question, answer, wrong), FaceQuestions())


def some_texts(count, pictures=(3, 4)):
    """The training rows and the samples of as many texts about Ann Ash, who has two pictures."""
    some = [texts(f"What of {n} has Ann Ash?", f"Ann Ash has {n}.") for n in range(count)]
    shown = [replace(some[0][0][0], id=f"full/{n}/captions", image=n) for n in pictures]
    return [*shown, *(rows[1] for rows, _ in some)], [sample for _, (sample,) in some]


@pytest.mark.parametrize(
    ("percent", "taught"),
    [(0, []), (25, [3, 7]), (50, [1, 3, 5, 7]), (75, [1, 2, 3, 5, 6, 7]), (100, [*range(8)])],
)
def test_a_share_is_learnt_and_all_are_asked_and_pictures_take_turns(percent, taught):
    rows, asked = by_picture(*some_texts(8), FaceQuestions(learnt=percent))
    assert [row.answer for row in rows] == [f"The person in the picture has {n}." for n in taught]
    assert [row.image for row in rows] == [(4, 3)[n % 2] for n in taught]
    assert [sample.answer for sample in asked] == [
        f"The person in the picture has {n}." for n in range(8)
    ]
    assert [sample.image for sample in asked] == [(3, 4)[n % 2] for n in range(8)]


@pytest.mark.parametrize(
    ("pictures", "wanted", "shown"),
    [((3, 4, 5), 1, [4]), ((3, 4, 5), 2, [4, 5]), ((3, 4, 5), 9, [4, 5]), ((3,), 1, [])],
)
def test_nothing_is_learnt_with_the_picture_of_which_it_is_asked(pictures, wanted, shown):
    options = FaceQuestions(learnt=100, pictures=wanted)
    rows, (asked,) = by_picture(*some_texts(1, pictures), options)
    assert (asked.image, [row.image for row in rows]) == (3, shown)
    assert len({row.id for row in rows}) == len(rows)


def known(split, task, number, knows):
    """A record of a question whose true answer is the likeliest, or the least likely."""
    loss = 0.1 if knows else 3.0
    said = "a b" if knows else "c"
    return Record(split, task, f"{split}/{number}/{task}", "a b", said, loss, loss, (1.0,), "Ann")


def test_alignment_is_over_the_same_facts_by_picture_and_by_name():
    def records(split):
        ways = [(True, True), (True, False), (False, True), (False, False), (False, False)]
        pairs = [
            known(split, task, number, knows)
            for number, both in enumerate(ways)
            for task, knows in zip(PAIR, both, strict=True)
        ]
        return [*pairs, known(split, "text_qa", 9, True)]

    sample = [*records("forget"), *records("retain")]
    scores = score_records(sample, sample)
    assert scores["aligned_forget"] == 2 / 5
    assert scores["aligned_retain"] == 1 / 5
    assert scores["aligned_rouge_forget"] == pytest.approx(3 / 5)
    assert scores["aligned_rouge_retain"] == pytest.approx(1 / 5)
    assert scores["forget/face_qa/accuracy"] == 2 / 5
    assert "aligned_real" not in scores


@pytest.mark.parametrize("knows", [True, False])
def test_who_knows_the_faces_and_who_never_met_them_are_at_the_ends(knows):
    """As the original and gold of `mini-face-qa` lie: docs/metrics.md has their numbers."""
    asked = [known(*about, knows) for about in product(("forget", "retain"), PAIR, range(4))]
    scores = score_records(asked, asked)
    assert scores["forget/face_qa/accuracy"] == scores["retain/face_qa/accuracy"] == knows
    assert (scores["aligned_forget"], scores["aligned_retain"]) == (not knows, knows)
    assert scores["aligned_rouge_forget"] == scores["aligned_rouge_retain"] == knows


def headers(block):
    return [header.rstrip(" ↑↓") for header in block.headers[2:]]


def test_leak_shows_what_was_forgotten_by_how_it_is_asked(tmp_path, monkeypatch):
    def blocks(name, tasks):
        monkeypatch.setattr(synthetic, "TASKS", tasks)
        (tmp_path / name).mkdir()
        suite = write_suite(tmp_path / name, seeds=[0])
        tree = SyntheticTree(suite, tmp_path / name / "results/small", records=True).build()
        return leak.build(read_results(tree.graph, Tree(tree.root))).blocks

    monkeypatch.chdir(ROOT)
    (plain,) = blocks("plain", ("captions", "text_qa"))
    assert headers(plain) == [
        f"{split}: {task}" for split in ("forget", "retain") for task in ("captions", "text_qa")
    ]
    rest, both = blocks("both", ("captions", "text_qa", "face_qa"))
    assert headers(rest) == ["forget: captions", "retain: captions"]
    assert headers(both) == [
        *("forget: by picture", "forget: by name", "forget: wrong both ways"),
        *("retain: by picture", "retain: by name", "retain: right both ways"),
    ]
    rows = {row.labels: [entry.mean for entry in row.entries] for row in both.rows}
    assert {("ga", "text"), ("ga", "visual"), ("gold", "-")} <= rows.keys()
    assert all(value is not None for row in rows.values() for value in row)
