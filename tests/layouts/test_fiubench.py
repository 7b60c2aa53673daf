"""FIUBench: what generated data in its layout become, and what is said of irregular data."""

from collections import Counter
from pathlib import Path

import pytest

from clearbench.config.files import DatasetSpec
from clearbench.data.reading import read_dataset, sources_of
from clearbench.errors import UserError
from clearbench.suite.graph import Graph
from clearbench.suite.load import load_suite
from profile_data import PERSONS, fiubench, write_fiubench

ROOT = Path(__file__).resolve().parents[2]
FORGOTTEN = {1: {0}, 5: {4, 5}, 10: {1, 2, 3}}


def contents(folder, sizes=(1, 5, 10), **options):
    settings = DatasetSpec(
        domain="multimodal",
        layout="fiubench",
        images=str(folder),
        forget_sizes=list(sizes),
        # Small flat colours may be near one another.
        options={"tolerate": ["shared_pictures"], **options},
    )
    cache = folder.parent / "cache"
    return read_dataset(settings, *sources_of(settings, cache), "ascii")


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    return contents(write_fiubench(tmp_path_factory.mktemp("fiu") / "data", fiubench()))


def ids(numbers):
    return {f"{number:08d}" for number in numbers}


def test_each_size_forgets_its_own_set_and_retains_nobody_of_another(read):
    gone = ids({number for numbers in FORGOTTEN.values() for number in numbers})
    for size, numbers in FORGOTTEN.items():
        parts = {
            part: {s.person for s in read.train if s.part(size) == part}
            for part in ("forget", "retain", None)
        }
        assert parts["forget"] == ids(numbers)
        assert parts["retain"] == ids(range(PERSONS)) - gone
        assert parts[None] == gone - ids(numbers)
    assert Counter((s.task, s.modality) for s in read.train) == {
        ("picture_qa", "visual"): 2 * PERSONS
    }


def test_a_question_has_its_paraphrase_and_its_wrong_answers(read):
    asked = [s for s in read.evaluation if s.forget_size == 5]
    assert {s.person for s in asked} == ids(FORGOTTEN[5])
    assert len(asked) == 2 * len(FORGOTTEN[5])
    for sample in asked:
        assert sample.image is not None
        assert sample.paraphrase != sample.answer
        assert len(sample.perturbed) == 3
        assert sample.paraphrase not in sample.perturbed
    assert {s.person for s in read.evaluation if s.split == "retain"} == ids({7, 9})


def test_a_zip_file_of_the_pictures_gives_what_their_folder_gives(read, tmp_path):
    zipped = contents(write_fiubench(tmp_path / "data", fiubench(), zipped=True))
    assert zipped == read


def test_the_options_say_how_many_persons_there_are_and_who_is_asked(tmp_path):
    folder = write_fiubench(tmp_path / "data", fiubench())
    read = contents(folder, persons=10, asked="retain5")
    assert {s.person for s in read.train} == ids(range(10))
    assert {s.person for s in read.evaluation if s.split == "retain"} == ids({7})


def row(number, **cells):
    def changed(files):
        files["full.json"][number].update(cells)

    return changed


def question(number, place, **cells):
    def changed(files):
        files["full.json"][number]["qa_list"][place].update(cells)

    return changed


BROKEN = {
    "no such file": (lambda files: files.pop("split.json"), "split.json: no such file; it needs"),
    "no JSON": (lambda files: files.update({"full.json": "[{"}), "full.json: is no JSON ("),
    "no list": (lambda files: files.update({"full.json": {}}), "full.json: is no list; it needs"),
    "missing column": (
        lambda files: files["full.json"][3].pop("qa_list"),
        "full.json: row 3: qa_list: missing",
    ),
    "missing key": (
        lambda files: files["full.json"][3]["qa_list"][1].pop("paraphrased_answer"),
        "full.json: row 3: qa_list.1.paraphrased_answer: missing",
    ),
    "wrong type": (
        question(4, 0, perturbed_answer="one"),
        "full.json: row 4: qa_list.0.perturbed_answer: input should be a valid list",
    ),
    "no wrong answer": (
        question(4, 0, perturbed_answer=[]),
        "full.json: row 4: qa_list.0.perturbed_answer: empty; name one at least",
    ),
    "a wrong answer that is true": (
        question(4, 0, perturbed_answer=["Ann Eson has the phone 4", "Nobody."]),
        "full.json: row 4: qa_list.0.perturbed_answer: 'Ann Eson has the phone 4' is the true",
    ),
    "an ID twice": (
        row(6, unique_id="00000002"),
        "full.json: row 6: unique_id: 00000002 is that of row 2; each row needs an ID of its own",
    ),
    "a picture that is not there": (
        row(6, image_path="dataset/SFHQ/none.jpg"),
        "full.json: row 6: image_path: dataset/SFHQ/none.jpg: no such file in SFHQ",
    ),
    "wrong type of a list": (
        lambda files: files["split.json"].update(forget5="00000004"),
        "split.json: forget5: input should be a valid list",
    ),
    "somebody whom the full set lacks": (
        lambda files: files["split.json"]["forget5"].append("99"),
        "split.json: persons of forget5 not in full.json: 1; to accept it, add uneven_parts",
    ),
    "somebody asked who is forgotten": (
        lambda files: files["split.json"]["retain15"].append("00000001"),
        "split.json: retain15: 00000001 is in a forget set; who is asked as retained is in none",
    ),
    "no list of the retained": (
        lambda files: files["split.json"].pop("retain15"),
        "split.json; there are: forget1, forget5, forget10, retain5",
    ),
    "a size without a list": (
        lambda files: files["split.json"].pop("forget10"),
        "forget size 10: ",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_irregular_data_are_told_in_one_line_with_row_and_column(name, tmp_path):
    breaks, told = BROKEN[name]
    files = fiubench()
    breaks(files)
    with pytest.raises(UserError) as caught:
        contents(write_fiubench(tmp_path / "data", files))
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_pictures_that_can_not_be_read_are_told_with_their_row(tmp_path):
    folder = write_fiubench(tmp_path / "data", fiubench())
    (folder / "SFHQ/SFHQ_pt1_00000005.jpg").write_bytes(b"no image")
    with pytest.raises(UserError, match="row 5: image_path: image can't be read"):
        contents(folder)
    zipped = tmp_path / "zipped"
    zipped.mkdir()
    for name in ("full.json", "split.json"):
        (zipped / name).write_text((folder / name).read_text())
    with pytest.raises(UserError, match=r"has neither SFHQ nor SFHQ\.zip"):
        contents(zipped)
    (zipped / "SFHQ.zip").write_bytes(b"no zip")
    with pytest.raises(UserError, match=r"SFHQ\.zip: can't be read"):
        contents(zipped)


def test_the_suite_trains_as_the_public_code_does():
    suite = load_suite("paper-fiubench", ROOT)
    finetune, unlearn = suite.file.finetune, suite.file.unlearn
    assert (finetune.epochs, finetune.lr, finetune.weights) == (10, 2e-5, "full")
    assert (unlearn.epochs, unlearn.lr, unlearn.batch_size, unlearn.accumulation) == (
        5,
        1e-4,
        4,
        16,
    )
    assert {training.schedule for training in (finetune, unlearn)} == {"cosine"}
    cells = [a.name for a in Graph(suite) if a.name.startswith("unlearn/")]
    assert len(cells) == len(suite.file.methods) * len(suite.file.seeds)
