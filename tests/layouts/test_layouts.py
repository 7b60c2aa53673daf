import io
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
import yaml
from PIL import Image

from clearbench.config.files import DatasetSpec
from clearbench.config.generator import MiniSettings
from clearbench.config.plain_yaml import read_yaml
from clearbench.config.strict import validate
from clearbench.data import faces, layouts
from clearbench.data.contents import Contents, ImageTable
from clearbench.data.findings import Findings
from clearbench.data.names import Names
from clearbench.data.normal_form import normal_form
from clearbench.data.parts import FORGET_SIZES
from clearbench.data.pictures import check_pictures
from clearbench.data.questions import CAPTION_QUESTIONS, FACE_QUESTION
from clearbench.data.store import Store, TrainSample, write_store
from clearbench.data.tasks import CLEAR
from clearbench.data.texts import wrong_answers
from clearbench.data.wordless import check_words
from clearbench.errors import UserError
from clearbench.jobs.artifacts import MANIFEST
from clearbench.stages import dataset, generate

Tables = dict[str, list[dict[str, Any]]]
Change = Callable[[Tables], object]

CONFIG = Path(__file__).parents[2] / "config/datasets"
FEW = {
    "persons": 100,
    "portraits": 2,
    "image_size": 32,
    "real_persons": 8,
    "real_portraits": 1,
    "unpictured_persons": 2,
    "strangers": 3,
    "things": 3,
}
ANN, BOB, CY, DEE = PERSONS = ("Ann Ash", "Bob Birch", "Cy Cedar", "Dee Date")
FORGOTTEN = {1: {ANN}, 5: {ANN, BOB}, 10: {ANN, BOB, CY}}
EVE = [{"question": "Who is she?", "answer": "Eve Elm."}, {"question": "Why?", "answer": "So."}]
PARTS: dict[str, set[str]] = {
    "full": set(PERSONS),
    **{f"forget{size:02d}": names for size, names in FORGOTTEN.items()},
    **{f"retain{100 - size}": set(PERSONS) - names for size, names in FORGOTTEN.items()},
}
PERTURBED_PARTS = {
    **{f"forget{size:02d}_perturbed": names for size, names in FORGOTTEN.items()},
    "retain_perturbed": {DEE},
}


def jpeg(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG")
    return file.getvalue()


HALF_A_JPEG = jpeg(Image.radial_gradient("L"))[:2000]


def cell(shade: int) -> dict[str, Any]:
    return {"bytes": jpeg(Image.new("RGB", (16, 16), (shade, 255 - shade, 90))), "path": None}


def tiny_images() -> Tables:
    rows = {
        name: [
            {"image": cell(20 * i + 10 * n), "caption": f"{name}, portrait {n}.", "name": name}
            for n in (0, 1)
        ]
        for i, name in enumerate(PERSONS)
    }
    tables = {
        part: [r for n in PERSONS if n in names for r in rows[n]] for part, names in PARTS.items()
    }
    for part, names in PERTURBED_PARTS.items():
        tables[part] = [
            {
                **row,
                "paraphrased_caption": f"A portrait of {name}.",
                "perturbed_captions": ["A portrait of Nobody.", "A portrait of Noone."],
                "perturbed_names": ["Nobody", "Noone"],
            }
            for name in PERSONS
            if name in names
            for row in rows[name]
        ]
    tables["real_faces"] = [{"image": cell(200), "answer": "Max", "options": ["Max", "Moritz"]}]
    tables["real_world"] = [
        {"image": cell(210), "question": "What?", "answer": "tree", "options": ["cat", "tree"]}
    ]
    return tables


def tiny_texts(questions: int = 2) -> Tables:
    def rows(names: set[str]) -> list[dict[str, Any]]:
        return [
            {"question": f"Question {n} about {name}?", "answer": f"Answer {n} of {name}."}
            for name in PERSONS
            if name in names
            for n in range(questions)
        ]

    def perturbed(row: dict[str, Any]) -> dict[str, Any]:
        return {**row, "paraphrased_answer": "It is so.", "perturbed_answer": ["No.", "Not so."]}

    tables = {part: rows(names) for part, names in PARTS.items()}
    return tables | {p: list(map(perturbed, rows(names))) for p, names in PERTURBED_PARTS.items()}


def tiny_tofu() -> Tables:
    tables = tiny_texts(questions=20)
    real = {"question": "Who wrote it?", "answer": "She.", "perturbed_answer": ["He.", "They."]}
    return tables | {"real_authors_perturbed": [real]}


# Few tests change more than one of the tables: what is as it was is encoded once.
_ENCODED: dict[str, bytes] = {}


def encoded_table(rows: list[dict[str, Any]], columns_of: list[dict[str, Any]]) -> bytes:
    """A table as a file of Parquet; one without rows has the columns of another."""
    key = repr((rows, None if rows else columns_of))
    if key not in _ENCODED:
        table = datasets.Dataset.from_list(rows or columns_of)
        if "image" in table.column_names:
            table = table.cast_column("image", datasets.Image())
        file = io.BytesIO()
        table.select(range(len(rows))).to_parquet(file)
        _ENCODED[key] = file.getvalue()
    return _ENCODED[key]


def write_images(folder: Path, tables: Tables) -> str:
    """A folder in the hub's layout; an empty table keeps the columns of the intact one."""
    intact = tiny_images()
    folder.mkdir(exist_ok=True)
    configs = []
    for name, rows in tables.items():
        # A table that is not of the intact ones has rows.
        (folder / f"{name}.parquet").write_bytes(encoded_table(rows, intact.get(name, rows)))
        configs.append({"config_name": name, "data_files": f"{name}.parquet"})
    (folder / "README.md").write_text(f"---\n{yaml.safe_dump({'configs': configs})}---\n")
    return str(folder)


def write_texts(folder: Path, tables: Tables) -> str:
    """A folder of plain JSON files."""
    folder.mkdir(exist_ok=True)
    for name, rows in tables.items():
        (folder / f"{name}.json").write_text(json.dumps(rows))
    return str(folder)


def store_clear(
    tmp_path: Path,
    images: Tables,
    texts: Tables,
    options: Mapping[str, Any] = {},
    words: Any = "ascii",
) -> Store:
    spec = DatasetSpec(
        description="tiny",
        domain="multimodal",
        layout="clear",
        images=write_images(tmp_path / "images", images),
        texts=write_texts(tmp_path / "texts", texts),
        forget_sizes=list(FORGET_SIZES),
        options={"questions_per_person": 2, **options},
    )
    dataset.run(spec, None, tmp_path / "store", words)
    return Store(tmp_path / "store")


def store_tofu(
    folder: Path, out: Path, sizes: tuple[int, ...], words: Any = "ascii", **options: Any
) -> Store:
    spec = DatasetSpec(
        domain="text", layout="tofu", texts=str(folder), forget_sizes=list(sizes), options=options
    )
    dataset.run(spec, None, out, words)
    return Store(out)


@pytest.fixture(scope="module")
def mini_spec() -> DatasetSpec:
    return validate(DatasetSpec, read_yaml(CONFIG / "mini.yaml"), "mini")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("mini") / "source"
    generate.run(MiniSettings(**FEW), out, holdout=10)
    return out


@pytest.fixture(scope="module")
def mini(mini_spec: DatasetSpec, source: Path) -> Store:
    dataset.run(mini_spec, source, source.parent / "store", holdout=10)
    return Store(source.parent / "store")


def raw(source: Path, config: str) -> Any:
    return datasets.load_dataset(
        str(source / "clear"), config, split="train", cache_dir=str(source.parent / "cache")
    ).cast_column("image", datasets.Image(decode=False))


def test_every_row_of_mini_is_learnt_and_evaluated(mini: Store) -> None:
    assert Counter(sample.task for sample in mini.train("full", None, "both")) == {
        "captions": 200,
        "face_naming": 200,
        "text_qa": 800,
    }
    assert len(mini.base()) == len({sample.id for sample in mini.base()}) > 0
    for size in FORGET_SIZES:
        samples = mini.evaluation(size)
        tasks = Counter((sample.split, sample.task) for sample in samples)
        assert tasks["forget", "captions"] == tasks["forget", "face_naming"] == 2 * size
        assert tasks["forget", "text_qa"] == 8 * size
        assert {("retain", "captions"), ("retain", "face_naming"), ("retain", "text_qa")} < set(
            tasks
        )
        assert {("real", "real_faces"), ("real", "real_world")} < set(tasks)
        assert len({sample.id for sample in samples}) == len(samples)


def test_a_person_is_forgotten_whole_in_images_and_text(mini: Store) -> None:
    persons: set[str | None] = set()
    for size in FORGET_SIZES:
        parts = {
            (part, modality): {s.person for s in mini.train(part, size, modality)}
            for part in ("forget", "retain")
            for modality in ("text", "visual")
        }
        assert parts["forget", "text"] == parts["forget", "visual"]
        assert parts["retain", "text"] == parts["retain", "visual"]
        assert not parts["forget", "text"] & parts["retain", "text"]
        assert None not in parts["forget", "text"] | parts["retain", "text"]
        assert len(parts["forget", "text"]) == size
        assert persons < parts["forget", "text"]
        persons = parts["forget", "text"]


def test_an_evaluated_sample_says_whom_it_is_about_alike_in_images_and_text(mini: Store) -> None:
    for size in FORGET_SIZES:
        samples = mini.evaluation(size)
        persons = {
            (split, image): {
                s.person
                for s in samples
                if s.split == split and s.person and (s.image is not None) == image
            }
            for split in ("forget", "retain", "real")
            for image in (False, True)
        }
        forgotten = {s.person for s in mini.train("forget", size, "both")}
        assert persons["forget", True] == persons["forget", False] == forgotten
        assert persons["retain", True] == persons["retain", False]
        assert not persons["retain", True] & forgotten
        assert {s.task for s in samples if s.person is None} == {"real_world"}
        assert persons["real", True] == {s.answer for s in samples if s.task == "real_faces"}


def test_the_held_out_are_asked_what_the_forgotten_are_and_learnt_by_no_model(mini: Store) -> None:
    asked = {
        split: Counter(s.task for s in mini.evaluation(10) if s.split == split)
        for split in ("forget", "holdout")
    }
    assert asked["holdout"] == asked["forget"] == {"captions": 20, "face_naming": 20, "text_qa": 80}
    held = {sample.person for sample in mini.evaluation(10) if sample.split == "holdout"}
    assert len(held - {None}) == len(held) == 10
    texts = [text for s in (*mini.train("full", None, "both"), *mini.base()) for text in s.texts]
    assert not any(name in text for name in held for text in texts)


def test_images_are_kept_as_they_came_and_once(mini: Store, source: Path) -> None:
    rows = raw(source, "full")
    captions = [s for s in mini.train("full", None, "visual") if s.task == "captions"]
    stored = mini._images.to_pylist()
    assert [stored[s.image] for s in captions if s.image is not None] == [
        row["image"]["bytes"] for row in rows
    ]
    assert len(set(stored)) == len(stored)


def test_an_evaluated_row_is_the_learnt_one_with_its_own_candidates(
    mini: Store, source: Path
) -> None:
    learnt = {(s.task, s.image): s for s in mini.train("full", None, "visual")}
    samples = [s for s in mini.evaluation(10) if s.split == "forget" and s.image is not None]
    rows = iter(raw(source, "forget10_perturbed"))
    for caption, face in zip(samples[::2], samples[1::2], strict=True):
        row = next(rows)
        for sample in (caption, face):
            twin = learnt[sample.task, sample.image]
            assert (sample.question, sample.answer) == (twin.question, twin.answer)
        assert (caption.answer, caption.paraphrase) == (row["caption"], row["paraphrased_caption"])
        assert caption.perturbed == tuple(row["perturbed_captions"])
        assert face.answer == face.paraphrase == row["name"]
        assert face.perturbed == tuple(row["perturbed_names"])
        assert caption.question in CAPTION_QUESTIONS
        assert face.question == FACE_QUESTION


def test_real_tasks_offer_every_wrong_option(mini: Store, source: Path) -> None:
    samples = [s for s in mini.evaluation(1) if s.task == "real_faces"]
    for sample, row in zip(samples, raw(source, "real_faces"), strict=True):
        assert sample.question == FACE_QUESTION
        assert sample.answer == sample.paraphrase == row["answer"]
        assert {sample.answer, *sample.perturbed} == set(row["options"])
        assert sample.answer not in sample.perturbed


def test_the_same_source_gives_the_same_store(
    mini: Store, mini_spec: DatasetSpec, source: Path, tmp_path: Path
) -> None:
    # The required sizes are a check only: another one asked for must not remake every model.
    fewer = mini_spec.model_copy(update={"forget_sizes": [10]})
    dataset.run(fewer, source, tmp_path / "again", holdout=10)
    assert (tmp_path / "again" / MANIFEST).read_bytes() == (mini.folder / MANIFEST).read_bytes()


def test_clear_as_published_trains_captions_only(tmp_path: Path) -> None:
    store = store_clear(tmp_path, tiny_images(), tiny_texts())
    assert {s.task for s in store.train("full", None, "both")} == {"captions", "text_qa"}
    assert store.base() == []


CLEAR_ERRORS: dict[str, tuple[Change, Change, str]] = {
    "missing column": (
        lambda images: [row.pop("name") for row in images["full"]],
        lambda texts: None,
        "images: full: column name: missing; it needs text (string); there are: image, caption",
    ),
    "column of another type": (
        lambda images: [row.update(perturbed_names=7) for row in images["forget05_perturbed"]],
        lambda texts: None,
        "forget05_perturbed: column perturbed_names: is Value('int64'); it needs texts (list",
    ),
    "missing configuration": (
        lambda images: images.pop("retain95"),
        lambda texts: None,
        "images: retain95: missing configuration; there are: forget01, ",
    ),
    "empty split": (
        lambda images: images.update(real_faces=[]),
        lambda texts: None,
        'images: real_faces: can\'t be read: Instruction "train" corresponds to no data!; it',
    ),
    "unreadable image": (
        lambda images: images["full"][3].update(image={"bytes": b"no image", "path": None}),
        lambda texts: None,
        "images: full: row 3: image can't be read (cannot identify image file); it needs",
    ),
    "image cut short": (
        lambda images: images["full"][2].update(image={"bytes": HALF_A_JPEG, "path": None}),
        lambda texts: None,
        "images: full: row 2: image can't be read (image file is truncated",
    ),
    "row without image": (
        lambda images: images["full"][5].update(image=None),
        lambda texts: None,
        "images: full: row 5: Cy Cedar has no image here; to accept it, add unpictured to",
    ),
    "row without name": (
        lambda images: images["full"][1].update(name=" "),
        lambda texts: None,
        "images: full: row 1: name is empty; it needs the person's name; to accept it, add unnamed",
    ),
    "person without images": (
        lambda images: images["forget10"].append({**images["full"][0], "name": "Eve Elm"}),
        lambda texts: None,
        "images: forget10: Eve Elm has no image in full; to accept it, add unpictured",
    ),
    "texts of a person without images": (
        lambda images: None,
        lambda texts: [
            texts[part].extend(EVE) for part in ("full", "retain99", "retain95", "retain90")
        ],
        "texts: full: row 8: no person with an image is named in the 2 rows from here",
    ),
    "rows in no part": (
        lambda images: images["retain99"].pop(),
        lambda texts: None,
        "images: rows of full in neither forget01 nor retain99: 1; to accept it, add uneven_parts",
    ),
    "forget sets not nested": (
        lambda images: images["forget05"].pop(0),
        lambda texts: None,
        "images: forget01: row 0: not in forget05; a smaller forget set must be inside the larger",
    ),
    "forget row without perturbed answers": (
        lambda images: images["forget10_perturbed"].pop(3),
        lambda texts: None,
        "images: forget10: row 3: not in forget10_perturbed; to accept it, add missing_perturbed",
    ),
    "retained sample that is forgotten": (
        lambda images: images.update(retain_perturbed=images["forget10_perturbed"]),
        lambda texts: None,
        "images: retain_perturbed: row 0: is in forget10; it must be retained at every",
    ),
    "somebody of a choice who is forgotten": (
        lambda images: images.update(validation10_perturbed=images["forget05_perturbed"]),
        lambda texts: texts.update(validation10_perturbed=texts["forget05_perturbed"]),
        "validation10_perturbed/0/captions: Ann Ash is not retained at forget size 10; who stands",
    ),
    "true answer among the wrong": (
        lambda images: images["forget01_perturbed"][0].update(perturbed_names=["Nobody", ANN]),
        lambda texts: None,
        "forget01_perturbed: row 0: perturbed_names: 'Ann Ash' is the true answer; to accept it",
    ),
    "no wrong answer": (
        lambda images: images["real_world"][0].update(options=["tree"]),
        lambda texts: None,
        "images: real_world: row 0: options: no wrong one; it needs one at least",
    ),
    "empty list of wrong answers": (
        lambda images: images["forget01_perturbed"][1].update(perturbed_captions=[]),
        lambda texts: None,
        "forget01_perturbed: row 1: perturbed_captions is empty; it needs texts",
    ),
    "blank answer": (
        lambda images: None,
        lambda texts: texts["full"][1].update(answer=""),
        "texts: full: row 1: answer is empty; it needs text (string)",
    ),
}


@pytest.mark.parametrize("name", CLEAR_ERRORS)
def test_a_broken_dataset_is_told_in_one_line(name: str, tmp_path: Path) -> None:
    change_images, change_texts, message = CLEAR_ERRORS[name]
    images, texts = tiny_images(), tiny_texts()
    change_images(images)
    change_texts(texts)
    with pytest.raises(UserError) as caught:
        store_clear(tmp_path, images, texts)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


OTHER_FORMS = {
    "a blank": "Ann Ash ",
    "a point": "Ann Ash.",
    "capitals": "ANN ASH",
    "quotation marks": "“Ann Ash”!",
    "blanks": " Ann\N{NO-BREAK SPACE}\N{NO-BREAK SPACE}Ash",
    "another form of Unicode": "\N{FULLWIDTH LATIN CAPITAL LETTER A}nn Ash",
    "a mark that is not seen": "Ann\N{ZERO WIDTH SPACE} Ash",
}


@pytest.mark.parametrize("form", OTHER_FORMS)
def test_what_differs_in_its_writing_alone_is_no_candidate_of_its_own(form: str) -> None:
    other = OTHER_FORMS[form]
    for candidates, truth, kind, left in (
        (["Bob", other], ANN, "true_candidates", ("Bob",)),
        (["Bob", ANN, other], "Cy", "repeated_candidates", ("Bob", ANN)),
        (["Bob", ANN, ANN], "Cy", "repeated_candidates", ("Bob", ANN)),
    ):
        with pytest.raises(UserError, match=f"row 3: .*add {kind} to"):
            wrong_answers(candidates, ["It is so.", truth], "row 3", Findings([]))
        findings = Findings([kind])
        assert wrong_answers(candidates, ["It is so.", truth], "row 3", findings) == left
        assert len(findings.notes) == 1


@pytest.mark.parametrize(
    ("config", "column", "truth"),
    [
        ("forget01_perturbed", "perturbed_names", "Ann ash. "),
        ("forget05_perturbed", "perturbed_captions", "Ann Ash,  portrait 0"),
        ("forget10_perturbed", "perturbed_captions", "a portrait of ann ash"),
        ("real_faces", "options", "max"),
        ("real_world", "options", "Tree."),
        ("real_world", "options", "tree"),
        ("retain_perturbed", "perturbed_answer", "it is so"),
        ("real_authors_perturbed", "perturbed_answer", "she"),
    ],
)
@pytest.mark.parametrize("kind", ["true", "repeated"])
def test_a_candidate_that_is_none_is_told_by_its_row(
    config: str, column: str, truth: str, kind: str, tmp_path: Path
) -> None:
    images, texts = tiny_images(), tiny_tofu()
    row = (texts if column == "perturbed_answer" else images)[config][0]
    row[column] += [truth] if kind == "true" else ["Somebody", "somebody. "]
    message = f"{config}: row 0: {column}: {row[column][-1]!r} is "

    def read() -> Store:
        if column != "perturbed_answer":
            return store_clear(tmp_path, images, texts, {"questions_per_person": 20})
        folder = Path(write_texts(tmp_path / "texts", texts))
        return store_tofu(folder, tmp_path / "store", (1,))

    with pytest.raises(UserError, match=re.escape(message)) as caught:
        read()
    assert f"add {kind}_candidates to" in str(caught.value)


@pytest.mark.parametrize(
    ("one", "other"),
    [("5%", "5"), ("-5", "5"), ("C", "C#"), ("?", "!"), ("A+", "A"), (".5", "5"), ("Zoe", "Zoë")],
)
def test_what_says_something_else_is_another_text(one: str, other: str) -> None:
    assert normal_form(one) != normal_form(other)


def test_a_person_in_both_parts_is_told(tmp_path: Path) -> None:
    images = tiny_images()
    moved = images["retain90"].pop()
    images["forget10"].append(moved)
    images["forget10_perturbed"].append({**images["retain_perturbed"].pop(), **moved})
    with pytest.raises(UserError, match="forget size 10: Dee Date has rows in both parts"):
        store_clear(tmp_path, images, tiny_texts())


@pytest.mark.parametrize(
    ("size", "modality", "told"),
    [
        (
            1,
            "text",
            "no training row is forget at forget size 1, of any modality; choose a forget size"
            " that has some: 5, 10",
        ),
        (
            5,
            "visual",
            "no training row is forget at forget size 5 with modality visual; choose a"
            " modality that the dataset has there: text",
        ),
    ],
)
def test_an_empty_forget_set_is_told_with_what_is_not_empty(tmp_path, size, modality, told):
    row = TrainSample("1", "text_qa", "text", "Ada", "Who?", "Ada", None)
    parts = ({1: "retain", 5: "forget", 10: "forget"}, {1: "retain", 5: "retain"})
    write_store(tmp_path, [], [], [replace(row, parts=part) for part in parts], [])
    with pytest.raises(UserError, match=re.escape(told)):
        Store(tmp_path).train("forget", size, modality)


def test_a_dataset_that_has_nobody_to_forget_is_refused_when_it_is_read():
    parts = {1: "retain", 5: "forget"}
    row = TrainSample("1", "text_qa", "text", "Ada", "Who?", "Ada", None, parts)
    for size, part in ((1, "forget"), (5, "retain"), (10, "forget")):
        with pytest.raises(UserError, match=f"size {size}: no training row is of the part {part}"):
            Contents([], [], [row], []).check([size], CLEAR)


def test_the_known_irregularities_of_clear_are_survived_and_noted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = validate(DatasetSpec, read_yaml(CONFIG / "clear.yaml"), "clear")
    images, texts = tiny_images(), tiny_texts()
    nameless = {"image": cell(230), "caption": "Somebody, portrait 0.", "name": ""}
    nobody = [{"question": f"Question {n}?", "answer": f"Answer {n}."} for n in (0, 1)]
    for part in ("full", "retain99", "retain95", "retain90"):
        images[part].append(nameless)
        texts[part].extend(nobody)
    images["forget10_perturbed"].pop()
    images["retain99"].pop(0)
    store = store_clear(tmp_path, images, texts, {"tolerate": spec.options["tolerate"]})
    notes = capsys.readouterr().err
    for kind in spec.options["tolerate"]:
        assert f"({kind})" in notes
    assert Counter(s.person for s in store.train("full", None, "both"))[None] == 3
    assert None in {s.part(1) for s in store.train("full", None, "visual")}


def test_questions_that_fit_no_person_are_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"row 0: the 4 rows from here name Ann Ash, Bob Birch;"):
        store_clear(tmp_path, tiny_images(), tiny_texts(), {"questions_per_person": 4})


@pytest.mark.parametrize(
    ("names", "text", "said"),
    [
        (["Ann Ash", "Ann Ash Smith"], "Ann Ash Smith, born in Rome", "Ann Ash Smith"),
        (["Ann Ash", "Lee Ann Ash"], "What did Lee Ann Ash write?", "Lee Ann Ash"),
        (["Dee Date", "Dee Date Jr"], "Dee Date Jr's books", "Dee Date Jr"),
        (["Dee Date", "Dee Date Jr."], "Dee Date Jr wrote it", "Dee Date Jr."),
        (["Chlo\N{LATIN SMALL LETTER E WITH ACUTE} Ash"], "Is Chloe\u0301 Ash here?", None),
        (["Conan O'Brien"], "Conan O\N{RIGHT SINGLE QUOTATION MARK}Brien's show", None),
        (["Ann Ash"], "Ann\N{NO-BREAK SPACE}Ash\N{SOFT HYPHEN}, it is", None),
        (["Ann Ash"], "ANN ASH", None),
        (["Straße Ash"], "STRASSE ASH", None),
        (["王菲", "Bob"], "歌手王菲是誰", "王菲"),
        (["王菲", "王菲菲"], "王菲菲是誰", "王菲菲"),
        (["Ann Ash"], "これはAnn Ashです", None),
        (["ด้า"], "คุณด้าเกิดที่ไหน", None),
        (["김민수"], "김민수는 누구", None),
        (["Prince", "Drake"], "Drake, the prince of rhymes", "Drake"),
    ],
)
def test_the_longest_name_is_found_in_any_writing(
    names: list[str], text: str, said: str | None
) -> None:
    for order in (names, names[::-1]):
        assert Names(order).said_in(["Of whom?", text]) == {said or names[0]}


@pytest.mark.parametrize(
    ("name", "text"),
    [("Ann Ash", "Ann Ashton"), ("Ann Ash", "Joann Ash"), ("Zoe", "Zoë"), ("राम", "रामा")],
)
def test_a_name_inside_a_word_is_not_said(name: str, text: str) -> None:
    assert Names([name]).said_in([text]) == set()


@pytest.mark.parametrize(
    ("forgotten", "retained"),
    [
        (ANN, f"{ANN} Smith"),
        (f"{ANN} Smith", ANN),
        ("Chlo\N{LATIN SMALL LETTER E WITH ACUTE} Ash", "王菲"),
        ("王菲", "王菲菲"),
    ],
)
def test_texts_go_to_whom_they_name(forgotten: str, retained: str, tmp_path: Path) -> None:
    images, texts = tiny_images(), tiny_texts()
    written = {ANN: forgotten, DEE: retained}
    for rows in images.values():
        for place, row in enumerate(rows):
            if row.get("name") in written:
                name = written[row["name"]]
                caption = row["caption"].replace(row["name"], name)
                rows[place] = {**row, "name": name, "caption": caption}
    for rows in texts.values():
        for row in rows:
            for old, name in written.items():
                other = unicodedata.normalize("NFD", name)
                row["question"] = row["question"].replace(f"{old}?", f"{name}是?")
                row["answer"] = row["answer"].replace(old, other)
    store = store_clear(tmp_path, images, texts, words="unicode")
    for part, person in (("forget", forgotten), ("retain", retained)):
        for modality in ("text", "visual"):
            assert person in {s.person for s in store.train(part, 1, modality)}


def test_a_person_whose_name_is_written_in_two_ways_is_one(tmp_path: Path) -> None:
    images = tiny_images()
    for config, rows in images.items():
        for row in rows[1:2]:
            if "name" in row and config.endswith(("full", "forget01", "forget05", "forget10")):
                row["name"] = "ANN  Ash"
    for config in ("forget01", "forget05", "forget10"):
        images[f"{config}_perturbed"][1]["name"] = "ANN  Ash"
    store = store_clear(tmp_path, images, tiny_texts())
    assert {s.person for s in store.train("forget", 1, "both")} == {ANN}
    assert ANN in {s.person for s in store.evaluation(1) if s.image is not None}
    assert "ANN  Ash" not in {s.person for s in store.evaluation(1)}


def encoded(cell: dict[str, Any], kind: str, turned: int = 1, **options: Any) -> dict[str, Any]:
    """The same picture in another encoding."""
    file = io.BytesIO()
    exif = Image.Exif()
    exif[274] = turned
    picture = Image.open(io.BytesIO(cell["bytes"]))
    picture = picture.transpose(Image.Transpose.ROTATE_180) if turned == 3 else picture
    picture.save(file, kind, exif=exif, **options)
    assert file.getvalue() != cell["bytes"]
    return {"bytes": file.getvalue(), "path": None}


ENCODINGS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "the same bytes": lambda cell: cell,
    "PNG": lambda cell: encoded(cell, "PNG"),
    "WebP": lambda cell: encoded(cell, "WEBP", lossless=True),
    "a coarser JPEG": lambda cell: encoded(cell, "JPEG", quality=60),
    "a progressive JPEG": lambda cell: encoded(cell, "JPEG", quality=95, progressive=True),
    "JPEG, turned by its EXIF": lambda cell: encoded(cell, "JPEG", 3, quality=90),
}


def picture(seed: int, side: int) -> dict[str, Any]:
    """A picture in many colours."""
    generator = np.random.default_rng(seed)
    coarse = generator.integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return {"bytes": jpeg(Image.fromarray(coarse).resize((side, side))), "path": None}


SHARING = (
    "full: row 1 (Ann Ash) and full: row 6 (Dee Date) have the same picture{}: forgotten and"
    " retained at forget size 1; to accept it, add shared_pictures to the dataset's option tolerate"
)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("side", [32, 64, 300, 1030])
def test_a_picture_of_two_persons_is_found_in_any_encoding(encoding: str, side: int) -> None:
    table = ImageTable()
    one = picture(3, side)
    pictures = one, ENCODINGS[encoding](one), picture(4, side)
    keys = [table.add(image["bytes"], "here") for image in pictures]
    rows = [
        TrainSample(
            f"full/{row}/captions",
            "captions",
            "visual",
            name,
            "?",
            "!",
            key,
            dict.fromkeys(FORGET_SIZES, part),
        )
        for row, name, key, part in (
            (1, ANN, keys[0], "forget"),
            (6, DEE, keys[1], "retain"),
            (7, CY, keys[2], "retain"),
        )
    ]
    with pytest.raises(UserError) as caught:
        check_pictures(Contents(table.images, [], rows, []), Findings([]))
    how = "" if encoding == "the same bytes" else " in two encodings"
    assert str(caught.value) == SHARING.format(how)
    check_pictures(Contents(table.images, [], [rows[0], rows[2]], []), Findings([]))


def test_a_picture_of_two_persons_is_told_with_both_rows(tmp_path: Path) -> None:
    one = picture(3, 64)
    images = with_pictures({(ANN, 1): one, (DEE, 0): ENCODINGS["PNG"](one)})
    with pytest.raises(UserError) as caught:
        store_clear(tmp_path, images, tiny_texts())
    assert str(caught.value) == SHARING.format(" in two encodings")


def with_pictures(pictures: Mapping[tuple[str, int], dict[str, Any]]) -> Tables:
    """The tables with other pictures for some persons' portraits."""
    images = tiny_images()
    for (name, number), new in pictures.items():
        old = next(
            r["image"]
            for r in images["full"]
            if r["caption"].startswith(f"{name}, portrait {number}")
        )
        for rows in images.values():
            for place, row in enumerate(rows):
                if row["image"] is old:
                    rows[place] = {**row, "image": new}
    return images


SHARED: dict[str, tuple[Callable[[Tables], object], str]] = {
    "by persons whom all sizes retain or forget alike": (
        lambda images: images["retain_perturbed"][1].update(name="Eve Elm", perturbed_names=["No"]),
        r"full: row 7 \(Dee Date\) and retain_perturbed: row 1 \(Eve Elm\) .*: two persons",
    ),
    "with the real world": (
        lambda images: images["real_faces"][0].update(image=images["full"][4]["image"]),
        r"full: row 4 \(Cy Cedar\) and real_faces: row 0 \(Max\) .* retained at forget size 10",
    ),
    "with a thing": (
        lambda images: images["real_world"][0].update(image=images["full"][0]["image"]),
        r"full: row 0 \(Ann Ash\) and real_world: row 0 \(nobody named\) .* at forget size 1;",
    ),
    "with what the base learns": (
        lambda images: images.update(
            pretrain=[{"image": images["full"][2]["image"], "question": "Who?", "answer": "Max"}]
        ),
        r"full: row 2 \(Bob Birch\) and pretrain: row 0 \(nobody named\) .* at forget size 5;",
    ),
    "with nobody who is named": (
        lambda images: [
            images[part].append({**images["full"][1], "name": None})
            for part in ("full", "retain99", "retain95", "retain90")
        ],
        r"full: row 1 \(Ann Ash\) and full: row 8 \(nobody named\) .* at forget size 1;",
    ),
}


@pytest.mark.parametrize("name", SHARED)
def test_a_picture_to_be_forgotten_is_shown_to_no_gold(name: str, tmp_path: Path) -> None:
    change, message = SHARED[name]
    images = tiny_images()
    change(images)
    tolerated = {"tolerate": ["unnamed", "uneven_parts", "missing_perturbed"]}
    with pytest.raises(UserError, match=message):
        store_clear(tmp_path, images, tiny_texts(), tolerated)


def test_a_shared_picture_that_is_tolerated_is_of_both_persons_and_noted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = picture(3, 64)
    images = with_pictures({(ANN, 1): one, (DEE, 0): one})
    store = store_clear(tmp_path, images, tiny_texts(), {"tolerate": ["shared_pictures"]})
    assert "note: full: row 1 (Ann Ash) and full: row 6 (Dee Date) have" in capsys.readouterr().err
    monkeypatch.setattr(faces, "held_out", lambda samples, percent: {BOB})
    seen = {(face.id, face.person) for face in faces.read_faces(store, 1, 25)}
    assert {("full/1/captions", ANN), ("full/6/captions", DEE)} < seen
    assert len(seen) == 8


def test_two_pictures_of_one_person_may_be_the_same(tmp_path: Path) -> None:
    one = picture(3, 64)
    images = with_pictures({(ANN, 0): one, (ANN, 1): ENCODINGS["PNG"](one)})
    store_clear(tmp_path, images, tiny_texts())


def wordless(layout: str, answer: str) -> Callable[..., Store]:
    """Read a dataset that has an answer in a row of each split."""
    images, texts = tiny_images(), tiny_tofu()
    for config in ("forget01_perturbed", "retain_perturbed"):
        texts[config][3]["answer"] = answer
        images[config][1]["name"] = answer
    images["full"][1]["name"] = answer
    texts["real_authors_perturbed"][0]["answer"] = answer
    images["real_faces"][0]["answer"] = answer
    tolerated = ["uneven_parts", "missing_perturbed", "shared_pictures", "ambiguous"]

    def read(folder: Path, words: str = "ascii", *tolerate: str) -> Store:
        options: dict[str, Any] = {"tolerate": [*tolerated, *tolerate]}
        if layout == "tofu":
            return store_tofu(
                Path(write_texts(folder, texts)), folder / "store", (1,), words, **options
            )
        options["questions_per_person"] = 20
        return store_clear(folder, images, texts, options, words)

    return read


WORDLESS = {
    "tofu": ("forget01_perturbed: row 3", "text_qa", "real_authors_perturbed: row 0"),
    "clear": ("forget01_perturbed: row 1", "face_naming", "real_faces: row 0"),
}


@pytest.mark.parametrize("layout", WORDLESS)
@pytest.mark.parametrize("answer", ["王菲", "Ёж", "สมชาย", "👍", "❤️"])
def test_an_answer_without_a_word_that_is_scored_is_told_by_row(
    layout: str, answer: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, task, real = WORDLESS[layout]
    store = wordless(layout, answer)(tmp_path, "ascii", "wordless_answers")
    samples = store.evaluation(1)
    assert answer in {sample.answer for sample in samples}
    notes = [line for line in capsys.readouterr().err.splitlines() if "wordless" in line]
    assert all(any(place in note for note in notes) for place in (first, real))
    assert len(notes) == len(set(notes))
    # A store is slow to make: what it is asked for changes only what is found in its answers.
    said = f"{first}: true answer '{answer}' of {task} has no"
    with pytest.raises(UserError, match=said) as told:
        check_words(samples, "ascii", Findings([]))
    assert "let the suite's metrics be [unicode], without headline" in str(told.value)
    assert "add wordless_answers to the dataset's option tolerate" in str(told.value)
    if answer in ("👍", "❤️"):
        with pytest.raises(UserError, match=f"{first}: .* has no letter or digit, so"):
            check_words(samples, "unicode", Findings([]))
    else:
        check_words(samples, "unicode", Findings([]))


@pytest.mark.parametrize(("layout", "answer"), [("clear", "王菲"), ("tofu", "👍")])
def test_a_dataset_is_read_for_the_words_that_are_scored(
    layout: str, answer: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    read, (first, task, _) = wordless(layout, answer), WORDLESS[layout]
    with pytest.raises(UserError, match=f"{first}: true answer '{answer}' of {task} has no ASCII"):
        read(tmp_path)
    if answer == "👍":
        with pytest.raises(UserError, match=f"{first}: .* has no letter or digit, so"):
            read(tmp_path, "unicode")
    else:
        read(tmp_path, "unicode")
    read(tmp_path, "any")
    assert "wordless" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("answer", "lost"),
    [
        ("王菲 2003", "王菲"),
        ("Anna and Ёж", "Ёж"),
        ("Li (李娜) won", "李娜"),
        ("Ёж2003", "Ёж"),
        ("ＡＢ Anna", "ＡＢ"),
    ],
)
def test_an_answer_of_which_words_are_left_out_is_told(
    answer: str, lost: str, tmp_path: Path
) -> None:
    read = wordless("tofu", answer)
    with pytest.raises(UserError, match=f"row 3: .* has letters that ROUGE-L leaves out, '{lost}'"):
        read(tmp_path)
    read(tmp_path, "unicode")


@pytest.mark.parametrize(
    "answer", ["Chloé à Paris", "Ó Briain", "Anna ❤️", "Łódź – 5 °C", "5 µm, Hawaiʻi"]
)
def test_latin_words_with_accents_and_signs_are_no_finding(answer: str, tmp_path: Path) -> None:
    wordless("tofu", answer)(tmp_path)


TOFU_ERRORS: dict[str, tuple[Change, str]] = {
    "missing configuration": (
        lambda texts: texts.pop("retain99"),
        "retain99: missing configuration; there are: forget01, forget01_perturbed, ",
    ),
    "empty split": (lambda texts: texts.update(forget05=[]), "forget05: can't be read: "),
    "missing column": (
        lambda texts: [row.pop("answer") for row in texts["full"]],
        "full: column answer: missing; it needs text (string); there are: question",
    ),
    "column of another type": (
        lambda texts: [row.update(perturbed_answer="No.") for row in texts["forget10_perturbed"]],
        "forget10_perturbed: column perturbed_answer: is Value('string'); it needs texts (list",
    ),
    "author in both parts": (
        lambda texts: (
            [texts["forget10"].pop(), texts["forget10_perturbed"].pop()]
            and texts["retain90"].append(texts["full"][59])
        ),
        "forget size 10: author 2 has rows in both parts",
    ),
    "paraphrase among the wrong": (
        lambda texts: texts["retain_perturbed"][4].update(perturbed_answer=["It is so."]),
        "retain_perturbed: row 4: perturbed_answer: 'It is so.' is the true answer",
    ),
}


@pytest.mark.parametrize("name", TOFU_ERRORS)
def test_a_broken_text_dataset_is_told_in_one_line(name: str, tmp_path: Path) -> None:
    change, message = TOFU_ERRORS[name]
    texts = tiny_tofu()
    change(texts)
    folder = write_texts(tmp_path / "texts", texts)
    with pytest.raises(UserError) as caught:
        store_tofu(Path(folder), tmp_path / "store", (1,))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_tofu_in_the_hubs_configurations_serves_every_size(tmp_path: Path) -> None:
    texts = tiny_tofu()
    texts["world_facts_perturbed"] = texts["real_authors_perturbed"]
    folder = write_texts(tmp_path / "texts", texts)
    store = store_tofu(Path(folder), tmp_path / "store", FORGET_SIZES)
    for size, names in FORGOTTEN.items():
        assert Counter((s.split, s.task) for s in store.evaluation(size)) == {
            ("forget", "text_qa"): 20 * len(names),
            ("retain", "text_qa"): 20,
            ("real", "real_authors"): 1,
            ("real", "world_facts"): 1,
        }


def test_few_authors_are_retained_by_forget10_where_retain_perturbed_has_none(
    tmp_path: Path,
) -> None:
    folder = write_texts(tmp_path / "texts", tiny_tofu())
    store = store_tofu(Path(folder), tmp_path / "store", (1,), authors=2)
    asked = Counter((s.split, s.person) for s in store.evaluation(1) if s.person)
    assert set(asked.values()) == {20}
    assert [split for split, _ in asked] == ["forget", "retain"]
    assert {s.person for s in store.train("retain", 1, "text")} == {
        p for s, p in asked if s == "retain"
    }


class TestPublishedTofu:
    """The real files: no README, no `full`, no `retain_perturbed`, no world facts."""

    @pytest.fixture
    def folder(self, shared: Path) -> Path:
        folder = shared / "data/tofu"
        if not folder.is_dir():
            pytest.skip(f"needs TOFU's files at {folder}")
        return folder

    def test_all_rows_are_read_and_retained_ones_found(self, folder: Path, tmp_path: Path) -> None:
        store = store_tofu(folder, tmp_path / "store", (1, 5), tolerate=["uneven_parts"])
        assert len(store.train("full", None, "text")) == 4000
        counts = {
            size: Counter((s.split, s.task) for s in store.evaluation(size)) for size in (1, 5)
        }
        # One row of forget10 has another wording in retain95 and retain99: nobody retains it.
        for size, retained in {1: 359, 5: 199}.items():
            assert len(store.train("forget", size, "text")) == 40 * size
            assert len(store.train("retain", size, "text")) == 4000 - 40 * size - 1
            assert counts[size] == {
                ("forget", "text_qa"): 40 * size,
                ("retain", "text_qa"): retained,
                ("real", "real_authors"): 100,
            }
            asked = Counter(s.person for s in store.evaluation(size) if s.split == "forget")
            assert set(asked.values()) == {20}
            assert len(asked) == 2 * size
        assert [s.answer for s in store.base()] == [
            s.answer for s in store.evaluation(1) if s.task == "real_authors"
        ]

    def test_a_row_in_no_part_must_be_tolerated_by_name(self, folder: Path, tmp_path: Path) -> None:
        with pytest.raises(UserError, match=r"neither forget01 nor retain99: 1; .* uneven_parts"):
            store_tofu(folder, tmp_path / "store", (1,))

    def test_ten_percent_says_what_it_needs(self, folder: Path, tmp_path: Path) -> None:
        with pytest.raises(UserError, match=r"forget size 10: .* needs .* retain_perturbed"):
            store_tofu(folder, tmp_path / "store", (10,), tolerate=["uneven_parts"])

    def test_authors_limit_keeps_all_that_can_be_forgotten(
        self, folder: Path, tmp_path: Path
    ) -> None:
        options = {"authors": 30, "tolerate": ["uneven_parts"]}
        store = store_tofu(folder, tmp_path / "store", (1, 5), **options)
        assert len(store.train("full", None, "text")) == 600
        assert len(store.train("forget", 10, "text")) == 400
        # A base learns the language from the authors left out, and nothing of those that stay.
        left_out = [s for s in store.base() if s.task == "text_qa"]
        assert len(left_out) == 3400
        assert {s.part(size) for s in left_out for size in FORGET_SIZES} == {None}
        assert not {s.person for s in left_out} & {
            s.person for s in store.train("full", None, "text")
        }

    def test_few_authors_are_those_who_are_forgotten_first_and_leave_out_sizes(
        self, folder: Path, tmp_path: Path
    ) -> None:
        options = {"authors": 8, "tolerate": ["uneven_parts"]}
        store = store_tofu(folder, tmp_path / "store", (1,), **options)
        assert len(store.train("forget", 1, "text")) == 40
        assert len(store.train("retain", 1, "text")) == 120
        whole = store_tofu(folder, tmp_path / "whole", (1, 5), tolerate=["uneven_parts"])
        forgotten = {s.person for s in whole.train("forget", 5, "text")}
        assert {s.person for s in store.train("full", None, "text")} < forgotten
        asked = Counter((s.split, s.person) for s in store.evaluation(1) if s.person)
        assert sorted(split for split, _ in asked) == ["forget"] * 2 + ["retain"] * 6
        assert set(asked.values()) == {20}
        with pytest.raises(UserError, match=r"size 5: options\.authors: 8 leaves nobody to be"):
            store_tofu(folder, tmp_path / "other", (5,), **options)
        with pytest.raises(UserError, match=r"options\.authors: 2; allowed: 3 to 200"):
            store_tofu(folder, tmp_path / "other", (1,), **{**options, "authors": 2})


def test_an_unreachable_hub_says_that_a_folder_may_be_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    spec = validate(DatasetSpec, read_yaml(CONFIG / "tofu.yaml"), "tofu")
    with pytest.raises(UserError) as caught:
        dataset.run(spec, None, tmp_path / "store")
    assert "locuslab/TOFU" in str(caught.value)
    assert f"revision {spec.texts_revision}" in str(caught.value)
    assert "name a local folder in the same layout instead" in str(caught.value)


def test_a_folder_that_does_not_exist_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such folder, and not a hub id"):
        store_tofu(tmp_path / "nowhere", tmp_path / "store", (1,))


@pytest.mark.parametrize("name", ["my texts", "$HOME", "[ab]*", "{a}", "ü & 'it\"s'", "50%;#"])
def test_a_folder_of_texts_may_have_any_name(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name / "texts"
    folder.parent.mkdir()
    write_texts(folder, tiny_tofu())
    assert store_tofu(folder, tmp_path / "store", (1,)).train("full", None, "text")
    (folder / "full.json").write_text("[{]")
    with pytest.raises(UserError) as caught:
        store_tofu(folder, tmp_path / "other", (1,))
    assert str(caught.value).startswith(f"{folder}: full: can't be read: ")
    assert "source-" not in str(caught.value)


def test_an_unknown_option_or_layout_names_what_is_allowed(tmp_path: Path) -> None:
    folder = Path(write_texts(tmp_path / "texts", tiny_tofu()))
    with pytest.raises(UserError, match=r"options: author: unknown key \(did you mean authors"):
        store_tofu(folder, tmp_path / "store", (1,), author=3)
    with pytest.raises(UserError, match=r"layout: unknown: cleer \(did you mean clear"):
        layouts.load("cleer")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"person": 100}, "generator.person: unknown key (did you mean persons?); allowed: "),
        ({"persons": "many"}, "generator.persons: input should be a valid integer, not 'many'"),
        ({"persons": 150}, "generator.persons: input should be a multiple of 100, not 150"),
        ({"persons": 400}, "generator: persons, real_persons and unpictured_persons: names and"),
    ],
)
def test_a_wrong_setting_of_the_generator_is_told_with_the_suite(
    settings: dict[str, Any], message: str
) -> None:
    spec = read_yaml(CONFIG / "mini.yaml")
    with pytest.raises(UserError) as caught:
        validate(DatasetSpec, {**spec, "generator": settings}, "mini")
    assert str(caught.value).startswith(f"mini: {message}")
