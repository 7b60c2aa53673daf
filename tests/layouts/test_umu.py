"""UMU-Bench: what generated data in its layout become, and what is said of irregular data."""

import ast
import json
from collections import Counter
from pathlib import Path

import pytest

from clearbench.config.files import DatasetSpec
from clearbench.data.reading import read_dataset, sources_of
from clearbench.data.tasks import PROFILES
from clearbench.errors import UserError
from clearbench.suite.graph import Graph
from clearbench.suite.load import load_suite
from profile_data import FORGOTTEN, PERSONS, REAL, TOWNS, change, typed, umu, without, write_hub

ROOT = Path(__file__).resolve().parents[2]


def contents(tmp_path, tables):
    settings = DatasetSpec(
        domain="multimodal",
        layout="umu",
        images=str(write_hub(tmp_path / "umu", tables)),
        forget_sizes=[5, 10, 15],
        # Small flat colours may be near one another.
        options={"tolerate": ["shared_pictures"]},
    )
    return read_dataset(settings, *sources_of(settings, tmp_path / "cache"), "ascii")


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    return contents(tmp_path_factory.mktemp("umu"), umu())


def ids(places):
    return {f"{place + 1:03d}" for place in places}


def test_all_are_learnt_by_picture_and_by_name_and_each_size_forgets_its_own_set(read):
    assert Counter((s.task, s.modality) for s in read.train) == {
        ("picture_qa", "visual"): 2 * PERSONS,
        ("text_qa", "text"): 2 * PERSONS,
    }
    for size, places in FORGOTTEN.items():
        for modality in ("text", "visual"):
            gone = {
                s.person for s in read.train if (s.part(size), s.modality) == ("forget", modality)
            }
            assert gone == ids(places)


def test_each_task_is_asked_on_each_set_and_the_same_by_picture_and_by_name_is_a_pair(read):
    counts = Counter((s.split, s.forget_size, s.task) for s in read.evaluation)
    for task in PROFILES:
        for size, places in FORGOTTEN.items():
            assert counts["forget", size, task.name] == 2 * len(places)
        assert counts["real", None, task.name] == 2 * REAL
    ends = {
        kind: {s.id.replace(f"_by_{kind}", "") for s in read.evaluation if kind in s.task}
        for kind in ("picture", "name")
    }
    assert ends["picture"] == ends["name"]
    for sample in read.evaluation:
        assert (sample.image is not None) == sample.task.endswith("_by_picture")


def test_texts_of_the_options_compete(read):
    options = [s for s in read.evaluation if s.task.startswith("options")]
    for sample in options:
        assert {sample.answer, *sample.perturbed} == set(TOWNS)
        assert sample.answer == TOWNS[(int(sample.person.split()[-1]) - 1) % len(TOWNS)]
    assert all(not s.perturbed for s in read.evaluation if not s.task.startswith("options"))


def test_celebrities_are_the_real_persons(read):
    real = {s.person for s in read.evaluation if s.split == "real"}
    assert real == {f"real {n + 1:03d}" for n in range(REAL)}
    assert all(s.answer.startswith("Famous ") and s.person is None for s in read.base)


def inside(row, column, do):
    """What changes a cell of the full set inside."""

    def changed(tables):
        text = tables["Full_Set"][row][column]
        cell = ast.literal_eval(text)
        do(cell)
        change("Full_Set", row, column, json.dumps(cell))(tables)

    return changed


BROKEN = {
    "missing column": (
        without("Full_Set", "Cloze"),
        "Full_Set: column Cloze: missing; it needs text (string); there are: ID, image, Biography,",
    ),
    "missing key": (
        inside(2, "Classify", lambda cell: cell["muitimodal"]["2"].pop("answer")),
        "Full_Set: row 2: Classify.muitimodal.2.answer: missing",
    ),
    "no such half": (
        inside(2, "Generation", lambda cell: cell.pop("unimodal")),
        "Full_Set: row 2: Generation.unimodal: missing",
    ),
    "wrong type of a column": (
        typed("Full_Set", "Generation", 7),
        "Full_Set: column Generation: is Value('int64'); it needs text (string)",
    ),
    "wrong type inside": (
        inside(3, "Cloze", lambda cell: cell["unimodal"]["1"].update(answer=7)),
        "Full_Set: row 3: Cloze.unimodal.1.answer: input should be a valid string, not 7",
    ),
    "a cell that is neither": (
        change("Full_Set", 3, "MM_QA", "{'question': "),
        "Full_Set: row 3: MM_QA: \"{'question': \" is neither JSON nor a literal of Python; it",
    ),
    "an ID twice": (
        change("forget_10", 1, "ID", "008"),
        "forget_10: row 1: ID: 008 is that of row 0; each row needs an ID of its own",
    ),
    "an image that is none": (
        change("Real_Person_Set", 1, "image", {"bytes": b"no image", "path": None}),
        "Real_Person_Set: row 1: image can't be read (cannot identify image file); it needs a",
    ),
    "a letter that is no option": (
        inside(1, "Classify", lambda cell: cell["unimodal"]["1"].update(answer="E. Paris")),
        "Full_Set: row 1: Classify.unimodal.1: 'E' is none of the options A, B, C, D",
    ),
    "a question without an answer": (
        inside(4, "UM_QA", lambda cell: cell["answer"].pop("q2")),
        "Full_Set: row 4: UM_QA.answer.q2: missing; the other has it",
    ),
    "somebody whom the full set lacks": (
        lambda tables: tables["Full_Set"].pop(),
        "persons of retain_95 not in Full_Set: 1; to accept it, add uneven_parts",
    ),
    "a configuration that lacks": (
        lambda tables: tables.pop("Real_Person_Set"),
        "Real_Person_Set: missing configuration; there are: Full_Set, forget_10, forget_15,",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_irregular_data_are_told_in_one_line_with_row_and_column(name, tmp_path):
    breaks, told = BROKEN[name]
    tables = umu()
    breaks(tables)
    with pytest.raises(UserError) as caught:
        contents(tmp_path, tables)
    assert str(caught.value).startswith(str(tmp_path / "umu"))
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_suite_trains_as_the_public_code_does():
    suite = load_suite("paper-umu", ROOT)
    for training, lr, batch in ((suite.file.finetune, 2e-5, 4), (suite.file.unlearn, 1e-5, 6)):
        assert (training.epochs, training.batch_size, training.lr) == (5, batch, lr)
        assert (training.schedule, training.warmup, training.weights) == ("linear", 0, "lora")
    cells = [a.name for a in Graph(suite) if a.name.startswith("unlearn/")]
    assert len(cells) == len(suite.file.methods) * 3 * len(FORGOTTEN) * len(suite.file.seeds)
