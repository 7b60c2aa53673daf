"""General ability: questions in the layouts of POPE and VQAv2, read from a folder and drawn."""

import json
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

import synthetic
from clearbench.config.files import DatasetSpec, GeneralSpec
from clearbench.config.generator import MiniSettings
from clearbench.config.plain_yaml import read_yaml
from clearbench.config.strict import validate
from clearbench.data.contents import Contents
from clearbench.data.general import PEOPLE, with_general
from clearbench.data.mini.general import LEARNT
from clearbench.data.store import Store
from clearbench.errors import UserError
from clearbench.evaluation.records import Record, fields_of, parse_record
from clearbench.metrics.accuracy import accuracy
from clearbench.metrics.score import score_records
from clearbench.metrics.vqa_accuracy import vqa_accuracy, vqa_accuracy_of_nine
from clearbench.metrics.yes_or_no import pope_accuracy, yes_or_no
from clearbench.results.read import read_results
from clearbench.results.tree import Tree
from clearbench.stages import dataset, generate
from clearbench.suite.graph import Graph
from clearbench.tables import general as table
from synthetic import ROOT, SyntheticTree, write_suite
from workflow.bench import WORLD

KINDS = ("yes_or_no", "short_answers")
DRAWN = 8
POPE = "coco_pope_random.jsonl"
QUESTIONS = "v2_OpenEnded_mscoco_val2014_questions.json"
ANNOTATIONS = "v2_mscoco_val2014_annotations.json"


def drawn(folder: Path, **changes) -> tuple[Path, Store]:
    """The source and the store of a small world."""
    spec = validate(DatasetSpec, read_yaml(ROOT / "config/datasets/mini.yaml"), "mini")
    settings = MiniSettings(**{**WORLD, **changes})
    generate.run(settings, folder / "source")
    spec = spec.model_copy(update={"generator": settings})
    dataset.run(spec, folder / "source", folder / "store")
    return folder / "source", Store(folder / "store")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return drawn(tmp_path_factory.mktemp("asked"), general=DRAWN)


def test_a_drawn_world_asks_as_many_of_each_kind_and_its_base_learns_others(world):
    _, store = world
    asked = [s for s in store.evaluation(10) if s.task in KINDS]
    assert Counter((s.split, s.task, s.person) for s in asked) == {
        ("real", "yes_or_no", None): DRAWN,
        ("real", "short_answers", None): DRAWN,
    }
    said = Counter(s.answer for s in asked if s.task == "yes_or_no")
    assert said == {"Yes": DRAWN / 2, "No": DRAWN / 2}
    for sample in asked:
        if sample.task == "short_answers":
            assert len(sample.answers) == PEOPLE
            assert sample.answers.count(sample.answer) >= PEOPLE - 3
    learnt = [s for s in store.base() if "\nAnswer with" in s.question]
    assert len(learnt) == 2 * LEARNT * DRAWN
    pictures = {s.image for s in asked}
    assert len(pictures) == 2 * DRAWN
    assert not pictures & {s.image for s in store.base()}


def test_a_world_that_draws_none_has_no_other_bytes(world, tmp_path):
    source, store = world
    plain_source, plain = drawn(tmp_path)
    assert not (plain_source / "general").exists()
    assert plain.evaluation(10) == [s for s in store.evaluation(10) if s.task not in KINDS]
    assert plain.train("full", None, "both") == store.train("full", None, "both")
    assert plain.base() == store.base()[: len(plain.base())]
    for part in ("clear/full", "clear/real_world", "tofu"):
        files = [path for path in sorted((plain_source / part).rglob("*")) if path.is_file()]
        assert files
        for path in files:
            assert path.read_bytes() == (source / path.relative_to(plain_source)).read_bytes()
    assert "general" not in MiniSettings(**WORLD).model_dump()
    assert "general" not in DatasetSpec(domain="text", layout="tofu", forget_sizes=[1]).model_dump()


def picture(path: Path, shade: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (16, 16), (shade, 90, 255 - shade)).save(path)


def pope(number: int, image: str, label: str = "yes"):
    return {
        "question_id": number,
        "image": image,
        "text": f"Is there a dog {number} in the image?",
        "label": label,
    }


def annotation(number: int, image: int, said: list[str]):
    answers = [
        {"answer": answer, "answer_confidence": "yes", "answer_id": place}
        for place, answer in enumerate(said, 1)
    ]
    return {
        "question_type": "what is",
        "multiple_choice_answer": said[0],
        "answers": answers,
        "image_id": image,
        "answer_type": "other",
        "question_id": number,
    }


def tables():
    """What lies in the files of a small folder, in the layouts as they are published."""
    questions = [
        {"image_id": n, "question": f"What is {n}?", "question_id": 10 * n} for n in (42, 7)
    ]
    people = {42: ["dog"] * 7 + ["a dog"] * 3, 7: ["2"] * 10}
    return {
        POPE: [
            pope(n, f"COCO_val2014_{n:012d}.jpg", "yes" if n % 2 else "no") for n in range(1, 6)
        ],
        QUESTIONS: {"info": {}, "task_type": "Open-Ended", "questions": questions},
        # In another order than the questions.
        ANNOTATIONS: {"annotations": [annotation(10 * n, n, people[n]) for n in (7, 42)]},
    }


def write(folder: Path, files) -> Path:
    for n in (1, 2, 3, 4, 5, 7, 42):
        picture(folder / f"val2014/COCO_val2014_{n:012d}.jpg", 5 * n)
    for name, content in files.items():
        lines = content if name.endswith(".jsonl") else [content]
        text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
        (folder / name).write_text(text, "utf-8")
    return folder


def read(folder: Path, most: int | None = None):
    return with_general(Contents([], [], [], []), folder, most)


def test_both_layouts_are_read_as_they_are_published(tmp_path):
    contents = read(write(tmp_path, tables()))
    asked = {sample.id: sample for sample in contents.evaluation}
    assert list(asked) == [
        *(f"coco_pope_random/{n}/yes_or_no" for n in range(1, 6)),
        "v2_OpenEnded_mscoco_val2014_questions/420/short_answers",
        "v2_OpenEnded_mscoco_val2014_questions/70/short_answers",
    ]
    second = asked["coco_pope_random/2/yes_or_no"]
    assert (second.answer, second.perturbed, second.answers) == ("No", ("Yes",), ())
    assert second.question == "Is there a dog 2 in the image?\nAnswer with yes or no."
    dog = asked["v2_OpenEnded_mscoco_val2014_questions/420/short_answers"]
    assert (dog.answer, dog.perturbed) == ("dog", ())
    assert dog.answers == ("dog",) * 7 + ("a dog",) * 3
    assert {sample.split for sample in contents.evaluation} == {"real"}
    for sample, n in zip(contents.evaluation, (1, 2, 3, 4, 5, 42, 7), strict=True):
        path = tmp_path / f"val2014/COCO_val2014_{n:012d}.jpg"
        assert contents.images[sample.image] == path.read_bytes()


def test_of_a_large_file_so_many_are_asked_spread_over_it(tmp_path):
    contents = read(write(tmp_path, tables()), 2)
    assert Counter(sample.task for sample in contents.evaluation) == dict.fromkeys(KINDS, 2)
    assert [s.id for s in contents.evaluation][:2] == [
        "coco_pope_random/2/yes_or_no",
        "coco_pope_random/4/yes_or_no",
    ]


def test_pictures_that_a_dataset_has_already_are_kept_once(tmp_path):
    folder = write(tmp_path, tables())
    own = [(folder / "val2014/COCO_val2014_000000000042.jpg").read_bytes()]
    contents = with_general(Contents(own, [], [], []), folder)
    assert contents.images[0] == own[0]
    assert len(contents.images) == 7
    assert next(s.image for s in contents.evaluation if "/420/" in s.id) == 0


BROKEN = {
    "no json": (
        lambda files: files[POPE].__setitem__(1, "{"),
        f"{POPE}, line 2: not JSON (",
    ),
    "no label": (
        lambda files: files[POPE][2].pop("label"),
        f"{POPE}, line 3: label: missing",
    ),
    "other label": (
        lambda files: files[POPE][0].update(label="maybe"),
        f"{POPE}, line 1: label: input should be 'yes' or 'no', not 'maybe'",
    ),
    "no picture": (
        lambda files: files[POPE][0].update(image="no.jpg"),
        f"{POPE}, line 1: image: no.jpg: no picture of this name below ",
    ),
    "no picture of a number": (
        lambda files: files[QUESTIONS]["questions"][1].update(image_id=8),
        f"{QUESTIONS}: questions.1: image_id: 8: no picture of this name below ",
    ),
    "blank question": (
        lambda files: files[QUESTIONS]["questions"][0].update(question=" "),
        f"{QUESTIONS}: questions.0: question: is blank",
    ),
    "nine answers": (
        lambda files: files[ANNOTATIONS]["annotations"][1]["answers"].pop(),
        f"{ANNOTATIONS}: annotations.1: answers: holds 9; it needs those of 10 people",
    ),
    "no annotation": (
        lambda files: files[ANNOTATIONS]["annotations"].pop(0),
        f"{QUESTIONS}: questions.1: question_id: 70: no *annotations.json here has it",
    ),
    "not a list of questions": (
        lambda files: files[QUESTIONS].pop("questions"),
        f"{QUESTIONS}: questions: missing",
    ),
    "nothing": (
        lambda files: files.clear(),
        "no questions here; it needs *.jsonl as POPE has them, or *questions.json and",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_wrong_is_told_in_a_line_with_its_place(tmp_path, name):
    break_it, message = BROKEN[name]
    files = tables()
    break_it(files)
    with pytest.raises(UserError) as error:
        read(write(tmp_path, files))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_two_pictures_of_one_number_are_told(tmp_path):
    folder = write(tmp_path, tables())
    picture(folder / "train2014/COCO_train2014_000000000042.jpg", 3)
    with pytest.raises(UserError, match=r"image_id: 42: may be .*train.* or .*val.*; leave one of"):
        read(folder)


def record(task, answer, generated, loss=0.1, other=1.0, answers=()):
    losses = (other,) if task == "yes_or_no" else ()
    return Record(
        *("real", task, f"{task}/0", answer, generated, loss, loss, losses), answers=answers
    )


@pytest.mark.parametrize(
    ("answer", "generated", "ours", "published"),
    [
        ("Yes", "Yes, there is.", 1, 1),
        ("Yes", "A dog.", 0, 1),
        ("Yes", "", 0, 1),
        ("No", "no", 1, 1),
        ("No", "There is not. Yes", 0, 1),
        ("No", "Yes and no", 0, 1),
        ("No", "yes", 0, 0),
        ("Yes", "Not yes", 1, 0),
    ],
)
def test_yes_and_no_are_read_off_the_answer(answer, generated, ours, published):
    one = [record("yes_or_no", answer, generated)]
    assert (yes_or_no(one), pope_accuracy(one)) == (ours, published)
    assert yes_or_no([record("real_world", answer, generated)]) is None


@pytest.mark.parametrize(
    ("agree", "ours", "published"),
    [(0, 0, 0), (1, 1 / 3, 0.3), (2, 2 / 3, 0.6), (3, 1, 0.9), (4, 1, 1), (10, 1, 1)],
)
def test_a_short_answer_counts_by_the_people_who_gave_it(agree, ours, published):
    said = ("two",) * agree + ("a cat",) * (10 - agree)
    one = [record("short_answers", "a cat", "The 2.", answers=said)]
    assert vqa_accuracy(one) == pytest.approx(ours)
    assert vqa_accuracy_of_nine(one) == pytest.approx(published)
    assert vqa_accuracy([record("short_answers", "a cat", "a cat")]) is None


@pytest.mark.parametrize(
    ("said", "meant"),
    [("Dog!", "a dog"), ("don't know", "dont know"), ("none", "0"), ("hot-dog", "hot dog")],
)
def test_short_answers_are_the_same_in_the_same_words(said, meant):
    assert vqa_accuracy([record("short_answers", meant, said, answers=(meant,) * 10)]) == 1


def test_a_model_that_sees_and_one_that_has_collapsed_are_at_the_ends_of_each():
    def asked(sees):
        loss, yes, dog = (0.1, "yes", "dog") if sees else (5.0, "#", "# #")
        return [
            record("yes_or_no", "Yes", yes, loss),
            record("short_answers", "dog", dog, loss, answers=("dog",) * 10),
        ]

    for sees in (True, False):
        scores = score_records(asked(sees), asked(True))
        for key in (
            "real/yes_or_no/accuracy",
            "real/yes_or_no/yes_or_no",
            "real/short_answers/vqa_accuracy",
            "real/short_answers/vqa_accuracy_of_nine",
        ):
            assert scores[key] == sees
        # No headline number is made of them.
        assert "real" not in scores
    assert accuracy(asked(True)[:1]) == 1


def test_records_keep_what_people_said_and_others_are_as_they_were():
    one = record("short_answers", "dog", "dog", answers=("dog",) * 10)
    assert parse_record(json.loads(json.dumps(fields_of(one)))) == one
    assert "answers" not in fields_of(record("yes_or_no", "Yes", "yes"))


def test_the_table_has_them_where_they_are_asked(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)

    def built(name, tasks):
        monkeypatch.setattr(synthetic, "TASKS", tasks)
        (tmp_path / name).mkdir()
        suite = write_suite(tmp_path / name, seeds=[0])
        tree = SyntheticTree(suite, tmp_path / name / "results/small", records=True).build()
        return table.build(read_results(tree.graph, Tree(tree.root)))

    assert built("plain", ("captions", "text_qa")) is None
    (block,) = built("asked", ("captions", "yes_or_no")).blocks
    assert block.headers[2:] == ["yes or no: likelier ↑", "yes or no: said ↑"]


def test_a_suite_adds_a_folder_to_its_dataset(tmp_path):
    folder = write(tmp_path / "questions", tables())
    given = {"folder": str(folder), "questions": 2}
    suite = write_suite(tmp_path, general=given)
    assert suite.dataset.general == GeneralSpec(**given)
    made = Graph(suite)["dataset"]
    assert made.settings["general"] == given
    assert made.outside == {"general": folder}
    assert "general" not in Graph(write_suite(tmp_path))["dataset"].settings
    with pytest.raises(UserError, match=r"general: folder: .*/none: no folder here"):
        write_suite(tmp_path, general={"folder": str(tmp_path / "none")})
    words = {"dataset": "tofu", "model": "tiny-llama", "modalities": ["text"]}
    with pytest.raises(UserError, match="general: tiny-llama is a text model, and these are"):
        write_suite(tmp_path, general=given, **words)


def test_questions_of_a_folder_come_beside_those_of_a_drawn_world(tmp_path):
    spec = validate(DatasetSpec, read_yaml(ROOT / "config/datasets/mini.yaml"), "mini")
    folder = write(tmp_path / "questions", tables())
    generate.run(MiniSettings(**WORLD), tmp_path / "source")
    spec = spec.model_copy(update={"general": GeneralSpec(folder=str(folder))})
    dataset.run(spec, tmp_path / "source", tmp_path / "store")
    counts = Counter(sample.task for sample in Store(tmp_path / "store").evaluation(10))
    assert (counts["yes_or_no"], counts["short_answers"]) == (5, 2)
    assert counts["real_world"]
