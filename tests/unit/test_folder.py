"""A folder of one's own: what its rows become, and what is said of those that are wrong."""

import csv
import json
import re

import pytest
import yaml
from click.testing import CliRunner
from PIL import Image

from clearbench.cli import cli
from clearbench.config.files import DatasetSpec, read_spec
from clearbench.data.folder import FaultyRows
from clearbench.data.made_answers import MOST, OthersAnswers, Said
from clearbench.data.reading import problems_of, read_dataset, sources_of
from clearbench.errors import UserError

CITIES = ("Rome", "Oslo", "Lima", "Bonn", "Cork", "Riga", "Graz", "Pisa", "Nice", "Bern")
REAL = [
    {"question": f"What is {n}?", "answer": f"It is {n}.", "perturbed": ["No."], "split": "real"}
    for n in ("one", "two")
]


def about(number, **more):
    return {"person": f"p{number}", "name": f"Ada {chr(65 + number)}", **more}


def persons(count=10):
    """Each asked where they were born, with a picture alone and one with a caption."""
    rows = []
    for number in range(count):
        name = about(number)["name"]
        rows += [
            about(number, question=f"Where was {name} born?", answer=f"{name} was born in {city}.")
            for city in [CITIES[number % len(CITIES)]]
        ]
        rows.append(about(number, file_name=f"pictures/{number}.png"))
        rows.append(about(number, file_name=f"pictures/{number}.png", answer=f"{name} smiles."))
    return rows


def write(folder, rows, csv_file=False):
    (folder / "pictures").mkdir(parents=True, exist_ok=True)
    for number in range(len(rows)):
        colour = (number * 40 % 256, number * 90 % 256, number * 20 % 256)
        Image.new("RGB", (8, 8), colour).save(folder / f"pictures/{number}.png")
    if csv_file:
        columns = list(dict.fromkeys(column for row in rows for column in row))
        with (folder / "metadata.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            for row in rows:
                lists = {key: json.dumps(cell) for key, cell in row.items() if key == "perturbed"}
                writer.writerow({**row, **lists})
    else:
        lines = (row if isinstance(row, str) else json.dumps(row) for row in rows)
        (folder / "metadata.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def spec(folder, sizes=(10,), **options):
    # Small flat colours may be near one another.
    given = {"tolerate": ["shared_pictures"], **options}
    return DatasetSpec(
        domain="multimodal",
        layout="folder",
        images=str(folder),
        forget_sizes=list(sizes),
        options=given,
    )


def contents(tmp_path, folder, sizes=(10,), **options):
    settings = spec(folder, sizes, **options)
    return read_dataset(settings, *sources_of(settings, tmp_path / "cache"), "ascii")


def forgotten(read, size):
    return {s.person for s in read.train if s.part(size) == "forget"}


def test_each_kind_of_row_is_its_task(tmp_path):
    rows = [
        *persons(),
        about(0, file_name="pictures/0.png", question="What is it?", answer="A face."),
        about(1, file_name="pictures/1.png", question="What is it?", answer="A hat."),
        *REAL,
        {"person": "r", "name": "Bo", "file_name": "pictures/9.png", "split": "real"},
        {"person": "q", "name": "Al", "file_name": "pictures/8.png", "split": "real"},
    ]
    read = contents(tmp_path, write(tmp_path / "mine", rows))
    assert {sample.task for sample in read.train} == {
        "text_qa",
        "face_naming",
        "captions",
        "picture_qa",
    }
    naming = next(sample for sample in read.train if sample.task == "face_naming")
    assert (naming.person, naming.answer) == ("p0", "Ada A")
    assert {sample.task for sample in read.base} == {"world_facts", "real_faces"}
    assert all(sample.person is None for sample in read.base)
    assert {(s.split, s.task) for s in read.evaluation} >= {
        ("forget", "text_qa"),
        ("retain", "captions"),
        ("real", "world_facts"),
        ("real", "real_faces"),
    }


@pytest.mark.parametrize("size", [7, 30, 55])
def test_any_percent_of_the_persons_can_be_forgotten_and_smaller_sets_lie_in_larger(tmp_path, size):
    folder = write(tmp_path / "mine", [*persons(), *REAL])
    read = contents(tmp_path, folder, (2, size))
    assert len(forgotten(read, size)) == max(1, round(10 * size / 100))
    assert forgotten(read, 2) < forgotten(read, size) or forgotten(read, 2) == forgotten(read, size)
    asked = [s for s in read.evaluation if s.split == "forget" and s.forget_size == size]
    assert {sample.person for sample in asked} == forgotten(read, size)


def test_another_person_or_another_order_changes_nobodys_lot(tmp_path):
    one = contents(tmp_path / "a", write(tmp_path / "one", [*persons(), *REAL]), (30,))
    turned = contents(tmp_path / "b", write(tmp_path / "two", [*REAL, *persons()[::-1]]), (30,))
    assert forgotten(one, 30) == forgotten(turned, 30)
    wrong = {s.question: s.perturbed for s in one.evaluation if s.task == "text_qa"}
    assert wrong == {s.question: s.perturbed for s in turned.evaluation if s.task == "text_qa"}
    other = contents(tmp_path / "c", tmp_path / "one", (30,), seed=1)
    assert forgotten(other, 30) != forgotten(one, 30)


def test_a_column_says_who_is_forgotten_at_which_size(tmp_path):
    sizes = {"p3": 5, "p4": 20}
    rows = [
        row | ({"forget": sizes[row["person"]]} if row["person"] in sizes else {})
        for row in persons()
    ]
    read = contents(tmp_path, write(tmp_path / "mine", [*rows, *REAL]), (5, 20))
    assert forgotten(read, 5) == {"p3"}
    assert forgotten(read, 20) == {"p3", "p4"}


def test_csv_and_jsonl_say_the_same(tmp_path):
    rows = [*persons(), *REAL]
    ours = contents(tmp_path / "a", write(tmp_path / "one", rows))
    theirs = contents(tmp_path / "b", write(tmp_path / "two", rows, csv_file=True))
    drop = re.compile(r"/\d+/")
    assert [(s.question, s.answer, s.parts) for s in ours.train] == [
        (s.question, s.answer, s.parts) for s in theirs.train
    ]
    assert [(drop.sub("", s.id), s.perturbed) for s in ours.evaluation] == [
        (drop.sub("", s.id), s.perturbed) for s in theirs.evaluation
    ]


def test_made_answers_are_others_facts_with_ones_own_name_and_say_that_they_are_made(tmp_path):
    read = contents(tmp_path, write(tmp_path / "mine", [*persons(), *REAL]), (50,))
    for sample in read.evaluation:
        if sample.split == "real":
            assert not sample.id.endswith("/made")
            continue
        assert sample.id.endswith("/made")
        assert 1 <= len(sample.perturbed) <= MOST
        assert sample.answer not in sample.perturbed
        name = about(int(sample.person[1:]))["name"]
        if sample.task == "text_qa":
            assert all(wrong.startswith(f"{name} was born in ") for wrong in sample.perturbed)
        elif sample.task == "captions":
            assert all(wrong.endswith(" smiles.") for wrong in sample.perturbed)
            assert not any(name in wrong for wrong in sample.perturbed)
    assert any("are made" in note for note in read.notes)


def test_made_answers_come_first_from_those_who_are_forgotten_as_well():
    everyone = [Said(f"p{n}", f"Ada {n}", "Where?", CITIES[n]) for n in range(10)]
    made = OthersAnswers(everyone).wrong(everyone[0], {"p0", "p1", "p2"})
    assert set(made[:2]) == {CITIES[1], CITIES[2]}
    assert len(made) == MOST


def test_written_answers_are_taken_as_they_are(tmp_path):
    rows = persons()
    rows[0] |= {"paraphrase": "In Rome.", "perturbed": ["In Oslo.", "In Lima."], "forget": 10}
    rows[1]["forget"] = rows[2]["forget"] = 10
    read = contents(tmp_path, write(tmp_path / "mine", [*rows, *REAL]))
    (sample,) = [s for s in read.evaluation if s.split == "forget" and s.task == "text_qa"]
    assert (sample.paraphrase, sample.perturbed) == ("In Rome.", ("In Oslo.", "In Lima."))
    assert not sample.id.endswith("/made")


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"question": "Who?", "answer": "I."}, "person: missing"),
        (about(0, question="Who?"), "answer: missing"),
        (about(0, answer="I."), "question: missing"),
        (about(0, question=" ", answer="I."), "question: is blank"),
        (about(0, question="Who?", answer="I.", perturbed=[""]), "perturbed: is blank"),
        (about(0, file_name="none.png"), "file_name: none.png: no such file"),
        (about(0, file_name="../x.png"), "file_name: ../x.png: outside of the folder"),
        (about(0, file_name="metadata.jsonl"), "can't be read"),
        (about(0, questions="Who?", answer="I."), "did you mean question?"),
        (about(0, question="Who?", answer="I.", forget=100), "forget: "),
        (about(0, question="Who?", answer="I.", split="test"), "split: "),
        ({**about(0, question="Who?", answer="I."), "name": "Eve"}, "p0 has Ada A in line"),
        (about(0, file_name="pictures/0.png", paraphrase="I."), "paraphrase: of no answer"),
        ({"question": "Who?", "answer": "I.", "split": "real", "forget": 5}, "forget: of the real"),
        ({"file_name": "pictures/0.png", "answer": "I.", "split": "real"}, "question: missing"),
        ("{", "is no JSON"),
        ("[1]", "is no object"),
    ],
)
def test_a_row_that_is_wrong_is_told_with_its_line(tmp_path, row, told):
    folder = write(tmp_path / "mine", [*persons(), *REAL, row])
    with pytest.raises(FaultyRows) as caught:
        contents(tmp_path, folder)
    assert str(caught.value).startswith(f"{folder}: metadata.jsonl: line 33: ")
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("sizes", "count", "told"),
    [((60,), 1, "1 of 1 persons are forgotten"), ((99,), 10, "10 of 10 persons are forgotten")],
)
def test_a_size_that_leaves_nobody_is_refused(tmp_path, sizes, count, told):
    folder = write(tmp_path / "mine", [*persons(count), *REAL])
    with pytest.raises(UserError, match=told):
        contents(tmp_path, folder, sizes)


def test_all_that_is_wrong_is_listed_in_one_go(tmp_path, monkeypatch):
    bad = ["{", about(0, question="Who?"), about(1, file_name="none.png")]
    folder = write(tmp_path / "mine", [*persons(), *REAL, *bad])
    problems, _ = problems_of(spec(folder))
    assert [re.search(r"line (\d+)", problem)[1] for problem in problems] == ["33", "34", "35"]
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(cli, ["check-dataset", "mine"], standalone_mode=False)
    assert isinstance(done.exception, UserError)
    assert "3 to mend" in str(done.exception)
    assert all(problem.replace(f"{folder}", "mine") in done.output for problem in problems)


def test_what_is_irregular_is_listed_unless_it_is_tolerated(tmp_path):
    lonely = about(0, question="Which shoe size?", answer="46.")
    rows = [*persons(), *REAL, lonely]
    for row in rows:
        if row.get("person") == "p0":
            row["forget"] = 10
    settings = spec(write(tmp_path / "mine", rows))
    problems, _ = problems_of(settings)
    assert len(problems) == 1
    assert "nobody else is asked the same" in problems[0]
    accepted = {"tolerate": ["missing_perturbed", "shared_pictures"]}
    problems, notes = problems_of(settings.model_copy(update={"options": accepted}))
    assert problems == []
    assert any("nobody else is asked the same" in note for note in notes)


def test_the_example_is_a_dataset_and_a_suite_and_overwrites_nothing(tmp_path, monkeypatch):
    (tmp_path / "config/datasets").mkdir(parents=True)
    (tmp_path / "config/other.yaml").write_text("")
    monkeypatch.chdir(tmp_path)
    run = CliRunner()
    done = run.invoke(cli, ["new-dataset", "data/people"], catch_exceptions=False)
    assert done.exit_code == 0
    checked = run.invoke(cli, ["check-dataset", "people"], catch_exceptions=False)
    assert "all rows can be read" in checked.output
    settings = read_spec(DatasetSpec, tmp_path / "config/datasets", "people", "dataset")
    read = read_dataset(settings, *sources_of(settings, tmp_path / "cache"), "ascii")
    assert len({sample.person for sample in read.train}) == 30
    assert len(forgotten(read, 20)) == 6
    assert yaml.safe_load((tmp_path / "config/people.yaml").read_text())["dataset"] == "people"
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    again = run.invoke(cli, ["new-dataset", "data/people"], standalone_mode=False)
    assert "exists already" in str(again.exception)
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
