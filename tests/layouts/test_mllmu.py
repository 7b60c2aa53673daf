"""MLLMU-Bench: what generated data in its layout become, and what is said of irregular data."""

import json
from collections import Counter
from itertools import chain
from pathlib import Path

import pytest

from clearbench.config.files import DatasetSpec
from clearbench.data.reading import problems_of, read_dataset, sources_of
from clearbench.data.store import Store, write_store
from clearbench.data.tasks import OTHER_PICTURES, PROFILES
from clearbench.errors import UserError
from clearbench.evaluation.records import Likelihood, Record
from clearbench.metrics import better
from clearbench.metrics.score import score_records
from clearbench.report.answers import is_of_persons, topics_of
from clearbench.suite.graph import Graph
from clearbench.suite.load import load_suite
from profile_data import (
    FORGOTTEN,
    PERSONS,
    REAL,
    change,
    mllmu,
    typed,
    without,
    write_hub,
)

ROOT = Path(__file__).resolve().parents[2]
# Small flat colours may be near one another.
TOLERATED = ["shared_pictures"]


def spec(folder, sizes=(5, 10, 15), **options):
    return DatasetSpec(
        domain="multimodal",
        layout="mllmu",
        images=str(folder),
        forget_sizes=list(sizes),
        options={"tolerate": TOLERATED, **options},
    )


def contents(tmp_path, tables, sizes=(5, 10, 15), **options):
    settings = spec(write_hub(tmp_path / "mllmu", tables), sizes, **options)
    return read_dataset(settings, *sources_of(settings, tmp_path / "cache"), "ascii")


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    return contents(tmp_path_factory.mktemp("mllmu"), mllmu())


def ids(places):
    return {f"{place + 1:03d}" for place in places}


def test_all_are_learnt_by_their_pictures_and_each_size_forgets_its_own_set(read):
    assert Counter((s.task, s.modality) for s in read.train) == {
        ("picture_qa", "visual"): 2 * PERSONS
    }
    for size, places in FORGOTTEN.items():
        for part, expected in (
            ("forget", ids(places)),
            ("retain", ids(set(range(PERSONS)) - set(places))),
        ):
            assert {s.person for s in read.train if s.part(size) == part} == expected


def test_each_task_is_asked_by_picture_and_by_name_on_each_set(read):
    counts = Counter((s.split, s.forget_size, s.task) for s in read.evaluation)
    for size, places in FORGOTTEN.items():
        asked = {s.person for s in read.evaluation if (s.split, s.forget_size) == ("forget", size)}
        assert asked == ids(places)
        assert counts["forget", size, "options_by_picture"] == 2 * len(places)
        for task in PROFILES[1:]:
            assert counts["forget", size, task.name] == len(places)
    kept = {s.person for s in read.evaluation if s.split == "retain"}
    gone = ids({place for places in FORGOTTEN.values() for place in places})
    assert not kept & gone
    assert len(kept) == max(map(len, FORGOTTEN.values()))
    assert counts["real", None, "options_by_name"] == REAL
    for size in FORGOTTEN:
        at = [s for s in read.evaluation if s.forget_size in (None, size)]
        assert len({s.id for s in at}) == len(at)


def test_letters_of_the_options_compete_and_blanks_have_no_candidates(read):
    for sample in read.evaluation:
        assert (sample.image is not None) == sample.task.endswith("_by_picture")
        if sample.task.startswith("options"):
            assert {sample.answer, *sample.perturbed} == set("ABCD")
            assert sample.answer == "ABCD"[(int(sample.person.split()[-1]) - 1) % 4]
            assert "\nA. Rome\nB. Oslo\n" in sample.question
        else:
            assert sample.perturbed == ()


def test_other_pictures_of_the_forgotten_are_a_split_that_no_model_learns_and_no_choice_sees(
    read, tmp_path
):
    others = [s for s in read.evaluation if s.split == OTHER_PICTURES]
    assert {s.task for s in others} == {t.name for t in PROFILES if t.kind == "visual"}
    assert {s.person for s in others if s.forget_size == 10} == ids(FORGOTTEN[10])
    learnt = {s.image for s in read.train}
    shown = {s.image for s in others if s.forget_size == 5}
    # They take turns: four questions by picture, three pictures.
    assert len(shown) == 3
    assert not learnt & {s.image for s in others}
    write_store(tmp_path, read.images, read.base, read.train, read.evaluation)
    kept = sorted({s.person for s in read.evaluation if s.split == "retain"})
    (tmp_path / "persons.json").write_text(json.dumps(kept[:1]))
    splits = {s.split for s in Store(tmp_path, tmp_path).evaluation(5)}
    assert splits == {"forget", "retain", "real"}
    assert OTHER_PICTURES not in splits
    assert OTHER_PICTURES in {s.split for s in Store(tmp_path).evaluation(5)}


def test_all_that_is_asked_has_scores_of_its_own_and_options_decide_the_headline(read):
    """Of a model that knows all by picture, and of one that knows nothing."""

    def answered(sample, knows):
        right = Likelihood(-0.1 if knows else -9.0, 1, 0.0)
        wrong = Likelihood(-5.0, 1, 0.0)
        return Record.measured(
            [right, right, *(wrong for _ in sample.perturbed)],
            split=sample.split,
            task=sample.task,
            id=sample.id,
            answer=sample.answer,
            generated=sample.answer if knows else "Nobody knows.",
            person=sample.person,
        )

    asked = [sample for sample in read.evaluation if sample.forget_size in (None, 10)]
    own = [answered(sample, sample.task.endswith("_by_picture")) for sample in asked]
    gold = [answered(sample, False) for sample in asked]
    scores = score_records(own, gold)
    for split in ("forget", "retain", "real", OTHER_PICTURES):
        assert scores[f"{split}/options_by_picture/accuracy"] == 1
        assert scores[f"{split}/blanks_by_picture/filled"] == 1
        assert scores[f"{split}/generation_by_picture/rouge_l"] == 1
        assert f"{split}/blanks_by_picture/truth_ratio" not in scores
    assert scores["forget/options_by_name/accuracy"] == 0
    assert scores["forget/blanks_by_name/filled"] == 0
    assert f"{OTHER_PICTURES}/options_by_name/accuracy" not in scores
    assert f"{OTHER_PICTURES}/options_by_picture/accuracy~low" in scores
    # What is to be forgotten is read as the forget split is.
    ratio = scores["forget/options_by_picture/truth_ratio"]
    assert scores[f"{OTHER_PICTURES}/options_by_picture/truth_ratio"] == ratio
    assert better(f"{OTHER_PICTURES}/options_by_picture/accuracy") == "down"
    # The headline is that of the options by picture, and gold knows them no longer.
    assert scores["retain"] > 0.9
    assert scores["forget_quality_js"] < 0.1


def test_celebrities_are_the_real_persons_and_nobody_who_is_forgotten(read):
    real = {s.person for s in read.evaluation if s.split == "real"}
    assert real == {f"real {n + 1:03d}" for n in range(REAL)}
    assert {s.answer for s in read.base} == {
        "Famous Ason lives in Rome.",
        "Famous Bson lives in Oslo.",
        "Famous Cson lives in Lima.",
    }
    assert all(s.person is None for s in read.base)


def test_no_report_shows_celebrities_unless_asked_to(read, tmp_path):
    write_store(tmp_path, read.images, read.base, read.train, read.evaluation)
    topics = topics_of(Store(tmp_path), [5, 10])
    for fictitious in (False, True):
        shown = (topics[topic] for topic in topics if is_of_persons(topic) == fictitious)
        persons = {sample.person.startswith("real ") for sample in chain.from_iterable(shown)}
        assert persons == {not fictitious}


def test_texts_are_learnt_and_all_retained_are_asked_where_the_options_say_so(tmp_path):
    read = contents(tmp_path, mllmu(), by_name=True, retained=500)
    texts = [s for s in read.train if s.modality == "text"]
    assert {s.person for s in texts} == ids(range(PERSONS))
    assert {s.task for s in texts} == {"generation_by_name"}
    gone = {place for places in FORGOTTEN.values() for place in places}
    kept = {s.person for s in read.evaluation if s.split == "retain"}
    assert len(kept) == PERSONS - len(gone)


def test_a_copy_with_fewer_sizes_serves_these(tmp_path):
    tables = mllmu()
    del tables["forget_15"], tables["retain_85"]
    folder = write_hub(tmp_path / "mllmu", tables)
    settings = spec(folder, [5, 10])
    read = read_dataset(settings, *sources_of(settings, tmp_path / "cache"), "ascii")
    assert read.forget_sizes == [5, 10]
    settings = spec(folder, [15])
    with pytest.raises(UserError, match=r"forget size 15: .*mllmu has no configuration forget_15"):
        read_dataset(settings, *sources_of(settings, tmp_path / "again"), "ascii")


def nested(config, row, *path, to):
    """Another value somewhere inside a cell."""

    def changed(tables):
        tables[config] = json_copy(tables[config])
        inner = tables[config][row]
        for part in path[:-1]:
            inner = inner[part]
        inner[path[-1]] = to

    return changed


def json_copy(rows):
    kept = {"image", "images"}
    return [
        {k: c if k in kept else json.loads(json.dumps(c)) for k, c in row.items()} for row in rows
    ]


CHOICES = ("Classification_Task", "Image_Textual_Questions", 1)
BROKEN = {
    "missing column": (
        without("Full_Set", "Mask_Task"),
        "Full_Set: column Mask_Task: missing; it needs a list or keys and values; there are: ID,",
    ),
    "missing key": (
        nested("Full_Set", 2, *CHOICES, "Correct_Answer", to=None),
        "Full_Set: row 2: Classification_Task.Image_Textual_Questions.1.Correct_Answer: input"
        " should be a valid string, not empty",
    ),
    "wrong type of a column": (
        typed("Full_Set", "Generation_Task", "as a text"),
        "Full_Set: column Generation_Task: is Value('string'); it needs a list or keys and values",
    ),
    "wrong type of the ID": (
        typed("ft_Data", "ID", 7),
        "ft_Data: column ID: is Value('int64'); it needs text (string)",
    ),
    "an ID twice": (
        change("Full_Set", 4, "ID", "002"),
        "Full_Set: row 4: ID: 002 is that of row 1; each row needs an ID of its own",
    ),
    "an image that is none": (
        change("Full_Set", 5, "image", {"bytes": b"no image", "path": None}),
        "Full_Set: row 5: image can't be read (cannot identify image file); it needs a whole image",
    ),
    "one of several images that is none": (
        change("Test_Set", 3, "images", [{"bytes": b"no image", "path": None}]),
        "Test_Set: row 3: images.0: image can't be read (cannot identify image file)",
    ),
    "no other pictures": (
        change("Test_Set", 7, "images", []),
        "Test_Set: row 7: images is empty; it needs images (list of features Image, one at least)",
    ),
    "a letter that is no option": (
        nested("Retain_Set", 1, *CHOICES, "Correct_Answer", to="E"),
        "Retain_Set: row 1: Classification_Task.Image_Textual_Questions.1: 'E' is none of the"
        " options A, B, C, D",
    ),
    "a wrong option that is the true one": (
        nested("Full_Set", 0, *CHOICES, "Options", "B", to="rome."),
        "Full_Set: row 0: Classification_Task.Image_Textual_Questions.1: 'rome.' is the true"
        " answer, 'Rome' in another form; to accept it, add true_candidates",
    ),
    "an unknown kind of question": (
        nested("Full_Set", 1, "Mask_Task", 0, "Type", to="Audio"),
        "Full_Set: row 1: Mask_Task.0.Type: input should be 'Image_Textual' or 'Pure_Text', not",
    ),
    "a blank answer": (
        nested("Full_Set", 6, "Generation_Task", 1, "Ground_Truth", to=" "),
        "Full_Set: row 6: Generation_Task.1.Ground_Truth: is blank",
    ),
    "metadata that are no JSON": (
        change("ft_Data", 3, "metadata", "{"),
        "ft_Data: row 3: metadata: '{' is neither JSON nor a literal of Python; it needs one of",
    ),
    "metadata without an answer": (
        change("ft_Data", 3, "metadata", '[{"Question": "Who?"}]'),
        "ft_Data: row 3: metadata.0.Answer: missing",
    ),
    "somebody who is asked about and not learnt": (
        lambda tables: tables["ft_Data"].pop(),
        "persons of Full_Set not in ft_Data: 1; to accept it, add uneven_parts",
    ),
    "somebody in both parts": (
        lambda tables: tables["retain_95"].append(tables["forget_5"][0]),
        "persons in both forget_5 and retain_95: 1; to accept it, add uneven_parts",
    ),
    "a configuration that lacks": (
        lambda tables: tables.pop("Retain_Set"),
        "Retain_Set: missing configuration; there are: Full_Set, Test_Set, forget_10, forget_15,",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_irregular_data_are_told_in_one_line_with_row_and_column(name, tmp_path: Path):
    breaks, told = BROKEN[name]
    tables = mllmu()
    breaks(tables)
    folder = write_hub(tmp_path / "mllmu", tables)
    settings = spec(folder)
    with pytest.raises(UserError) as caught:
        read_dataset(settings, *sources_of(settings, tmp_path / "cache"), "ascii")
    assert str(caught.value).startswith(str(folder))
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_all_that_may_be_tolerated_is_listed_in_one_go(tmp_path):
    tables = mllmu()
    for name in ("somebody who is asked about and not learnt", "somebody in both parts"):
        BROKEN[name][0](tables)
    problems, _ = problems_of(spec(write_hub(tmp_path / "mllmu", tables)))
    assert len(problems) == 2


def test_the_suite_trains_as_the_public_code_does():
    suite = load_suite("paper-mllmu", ROOT)
    for training, epochs in ((suite.file.finetune, 5), (suite.file.unlearn, 1)):
        assert (training.epochs, training.batch_size, training.lr) == (epochs, 4, 2e-5)
        assert (training.schedule, training.warmup, training.weights) == ("linear", 0, "lora")
    cells = [a.name for a in Graph(suite) if a.name.startswith("unlearn/")]
    assert len(cells) == len(suite.file.methods) * len(FORGOTTEN) * len(suite.file.seeds)
    # Jobs need no settings to know the tasks.
    assert suite.own_tasks == {}
