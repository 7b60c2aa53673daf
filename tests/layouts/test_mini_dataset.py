import io
import random
from collections import Counter
from itertools import combinations
from pathlib import Path

import datasets
import numpy as np
import pytest
import yaml
from PIL import Image

from clearbench.config.files import ModelSpec
from clearbench.config.generator import MiniSettings
from clearbench.config.plain_yaml import read_yaml
from clearbench.data.mini.pools import LAST_NAMES, TITLE_ADJECTIVES, TITLE_NOUNS
from clearbench.data.mini.portraits import EXTRAS, draw_portrait, random_face, random_scene
from clearbench.data.mini.pretrain import TEXTS_PER_FACT, pretrain_rows
from clearbench.data.mini.world import FACE_DISTANCE, build_world
from clearbench.data.mini.write import generate
from clearbench.data.parts import FORGET_SIZES
from clearbench.data.store import Store, TrainSample, write_store
from clearbench.domains.language.base import tokenizer_texts
from clearbench.models.build import build_tokenizer
from synthetic import ROOT

# All fictitious persons, and little of the rest.
SETTINGS = MiniSettings(real_portraits=9, strangers=90, things=60)
PERSONS = {1: 2, 5: 10, 10: 20}
CAPTIONED = ["image", "caption", "name"]
PERTURBED = [*CAPTIONED, "perturbed_captions", "paraphrased_caption", "perturbed_names"]
WITH_TOFU = ["image", "caption", "question", "answer"]
PAIR = ["question", "answer"]
PERTURBED_PAIR = [*PAIR, "paraphrased_answer", "perturbed_answer", "paraphrased_question"]


class Hub:
    """The generated folders, read the way a hub repository is read."""

    def __init__(self, folder: Path, cache: Path):
        self.folder, self.cache = folder, cache

    def clear(self, name: str) -> datasets.Dataset:
        return self._load("clear", name)

    def tofu(self, name: str) -> datasets.Dataset:
        return self._load("tofu", name)

    def configurations(self, layout: str) -> list[str]:
        header = (self.folder / layout / "README.md").read_text().split("---")[1]
        return [entry["config_name"] for entry in yaml.safe_load(header)["configs"]]

    def _load(self, layout: str, name: str) -> datasets.Dataset:
        path = str(self.folder / layout)
        return datasets.load_dataset(path, name=name, split="train", cache_dir=str(self.cache))


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mini")
    generate(folder, SETTINGS)
    return Hub(folder, tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def world():
    return build_world(SETTINGS)


def test_clear_has_the_configurations_columns_and_sizes_of_the_hub(hub):
    expected = {
        "default": (800, CAPTIONED),
        "full": (800, CAPTIONED),
        "full+tofu": (2400, WITH_TOFU),
    }
    for percent, persons in PERSONS.items():
        for part, rows in (f"forget{percent:02d}", 4 * persons), (f"retain{100 - percent}", None):
            rows = rows or 800 - 4 * persons
            expected[part] = (rows, CAPTIONED)
            expected[f"{part}+tofu"] = (3 * rows, WITH_TOFU)
        expected[f"forget{percent:02d}_perturbed"] = (4 * persons, PERTURBED)
        expected[f"validation{percent:02d}_perturbed"] = (4 * persons, PERTURBED)
    expected["retain_perturbed"] = (80, PERTURBED)
    expected["real_faces"] = (72, ["image", "answer", "options"])
    expected["real_world"] = (72, ["image", "question", "answer", "options"])
    assert len(expected) == 24
    pretrain = 24 * 9 + 90 + 60 + (24 + 160) * 4 * TEXTS_PER_FACT
    expected["pretrain"] = (pretrain, ["image", "question", "answer"])

    found = {name: hub.clear(name) for name in hub.configurations("clear")}
    assert {name: (len(rows), rows.column_names) for name, rows in found.items()} == expected


def test_tofu_has_the_configurations_columns_and_sizes_of_the_hub(hub):
    expected = {"full": (1600, PAIR), "retain_perturbed": (160, PERTURBED_PAIR)}
    for percent, persons in PERSONS.items():
        expected[f"forget{percent:02d}"] = (8 * persons, PAIR)
        expected[f"retain{100 - percent}"] = (1600 - 8 * persons, PAIR)
        expected[f"forget{percent:02d}_perturbed"] = (8 * persons, PERTURBED_PAIR)
        expected[f"validation{percent:02d}_perturbed"] = (8 * persons, PERTURBED_PAIR)

    found = {name: hub.tofu(name) for name in hub.configurations("tofu")}
    assert {name: (len(rows), rows.column_names) for name, rows in found.items()} == expected


def test_images_decode_as_pictures_of_the_size_asked_for(hub):
    for name in ("full", "forget10_perturbed", "real_faces", "real_world", "pretrain"):
        picture = hub.clear(name)[0]["image"]
        assert (picture.format, picture.mode, picture.size) == ("JPEG", "RGB", (64, 64))


def test_text_rows_have_no_image_and_image_rows_no_question(hub):
    rows = hub.clear("forget10+tofu")
    assert {tuple(row[c] is None for c in WITH_TOFU) for row in rows} == {
        (False, False, True, True),
        (True, True, False, False),
    }
    text = [(row["question"], row["answer"]) for row in rows if row["image"] is None]
    assert text == [(row["question"], row["answer"]) for row in hub.tofu("forget10")]


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(tmp_path):
    small = MiniSettings(
        persons=100, portraits=1, real_portraits=3, unpictured_persons=10, strangers=9, things=9
    )

    def files(name, settings):
        generate(tmp_path / name, settings)
        paths = sorted(p for p in (tmp_path / name).rglob("*") if p.is_file())
        return {p.relative_to(tmp_path / name): p.read_bytes() for p in paths}

    first = files("first", small)
    assert files("second", small) == first
    other = files("other", small.model_copy(update={"seed": 1}))
    assert other.keys() == first.keys()
    assert {path.name for path in first if first[path] == other[path]} == {"README.md"}


def test_forget_sets_are_nested_and_split_no_person(hub):
    def content(layout, name):
        column = "caption" if layout == "clear" else "answer"
        rows = getattr(hub, layout)(name)
        return Counter(rows[column])

    for layout in ("clear", "tofu"):
        full = content(layout, "full")
        sets = [content(layout, f"forget{percent:02d}") for percent in FORGET_SIZES]
        assert sets[0] < sets[1] < sets[2] < full
        for percent, forget in zip(FORGET_SIZES, sets, strict=True):
            assert content(layout, f"retain{100 - percent}") + forget == full
    for percent, persons in PERSONS.items():
        forget = set(hub.clear(f"forget{percent:02d}")["name"])
        assert len(forget) == persons
        assert not forget & set(hub.clear(f"retain{100 - percent}")["name"])


def test_every_forget_set_has_as_many_men_as_women(world):
    for percent in FORGET_SIZES:
        genders = Counter(person.gender for person in world.forget(percent))
        assert genders["male"] == genders["female"]


def test_no_name_or_title_is_shared_and_last_names_are_equally_often(world):
    everyone = (*world.fictitious, *world.real, *world.unpictured)
    names = [p.name for p in everyone] + [n for pool in world.unused_names.values() for n in pool]
    titles = [p.book for p in everyone] + list(world.unused_books)
    assert len(set(names)) == len(names)
    assert len(set(titles)) == len(titles)
    assert len({p.name.split()[0] for p in everyone}) == len(everyone)
    assert set(Counter(p.name.split()[1] for p in world.fictitious).values()) == {5}


@pytest.mark.parametrize("fact", ["birthplace", "father", "mother", "genre"])
def test_a_model_that_knows_the_frequencies_of_a_fact_guesses_no_better(world, fact):
    # Equally often in what is forgotten and in what is retained, so at 10 % in both.
    for persons in (world.forget(10), world.retain(10)):
        counts = Counter(getattr(person, fact) for person in persons)
        assert len(set(counts.values())) == 1
        assert counts.keys() == Counter(getattr(p, fact) for p in world.fictitious).keys()


def test_the_base_model_meets_no_fictitious_person(hub, world):
    rows = hub.clear("pretrain").cast_column("image", datasets.Image(decode=False))
    text = "\n".join(f"{row['question']} {row['answer']}" for row in rows)
    pictures = {row["image"]["bytes"] for row in rows if row["image"]}
    for person in world.fictitious:
        assert person.name not in text
        assert person.book not in text
    full = hub.clear("full").cast_column("image", datasets.Image(decode=False))
    assert not pictures & {row["image"]["bytes"] for row in full}


def test_the_base_model_learns_every_word_of_the_fictitious_world_but_first_names(hub, world):
    def words(*columns):
        return {word.strip(".,?") for column in columns for cell in column for word in cell.split()}

    pretrain = hub.clear("pretrain")
    known = words(pretrain["question"], pretrain["answer"])
    tofu, clear = hub.tofu("full"), hub.clear("full")
    used = words(tofu["question"], tofu["answer"], clear["caption"], clear["name"])
    # First names come with the strangers, of whom this small world has too few for all of them.
    assert used - known < {person.name.split()[0] for person in world.fictitious}
    assert set(LAST_NAMES) | set(TITLE_ADJECTIVES) | set(TITLE_NOUNS) <= known


def test_real_faces_are_seen_in_training_only_in_other_pictures(hub):
    faces = hub.clear("real_faces").cast_column("image", datasets.Image(decode=False))
    pretrain = hub.clear("pretrain").cast_column("image", datasets.Image(decode=False))
    seen = {row["image"]["bytes"] for row in pretrain if row["image"]}
    assert not seen & {row["image"]["bytes"] for row in faces}
    assert set(faces["answer"]) <= set(pretrain["answer"])


@pytest.mark.parametrize("name", ["real_faces", "real_world"])
def test_options_are_four_different_ones_with_the_answer_anywhere(hub, name):
    rows = hub.clear(name)
    assert all(len(set(row["options"])) == 4 for row in rows)
    assert {row["options"].index(row["answer"]) for row in rows} == {0, 1, 2, 3}


@pytest.mark.parametrize("name", ["forget01", "forget05", "forget10", "retain"])
def test_perturbed_captions_differ_from_the_paraphrase_in_the_name_only(hub, name):
    for row in hub.clear(f"{name}_perturbed"):
        assert row["paraphrased_caption"] != row["caption"]
        assert len(set(row["perturbed_names"])) == 5
        assert row["perturbed_captions"] == [
            row["paraphrased_caption"].replace(row["name"], name) for name in row["perturbed_names"]
        ]
        assert row["name"] not in row["perturbed_names"]


@pytest.mark.parametrize("name", ["forget01", "forget05", "forget10", "retain"])
def test_perturbed_answers_differ_from_the_paraphrase_in_one_fact_only(hub, world, name):
    people = {person.name: person for person in world.fictitious}
    for row in hub.tofu(f"{name}_perturbed"):
        truth, false = row["paraphrased_answer"], row["perturbed_answer"]
        assert truth != row["answer"]
        assert row["question"] != row["paraphrased_question"]
        assert len({truth, *false}) == 6
        person = next(people[n] for n in people if n in truth)
        facts = [
            f for f in (person.birthplace, person.father, person.genre, person.book) if f in truth
        ]
        assert len(facts) == 1
        before, after = truth.split(facts[0], maxsplit=1)
        assert all(a.startswith(before) and a.endswith(after) for a in false)


def test_questions_name_the_person_and_not_the_fact(hub, world):
    people = {person.name: person for person in world.fictitious}
    for row in hub.tofu("full"):
        name = next(name for name in people if name in row["question"])
        person = people[name]
        told = row["question"].replace(name, "")
        for fact in (person.birthplace, person.father, person.mother, person.genre, person.book):
            assert fact not in told


@pytest.mark.parametrize("percent", FORGET_SIZES)
def test_who_stands_for_the_forgotten_in_a_choice_is_retained_and_judges_no_retention(
    world, percent
):
    chosen = world.validation(percent)
    assert len(chosen) == len(world.forget(percent))
    assert Counter(person.gender for person in chosen).keys() == {"male", "female"}
    assert {*chosen} <= {*world.retain(max(FORGET_SIZES))} - {*world.asked_of_retained()}


@pytest.mark.parametrize("percent", FORGET_SIZES)
@pytest.mark.parametrize("split", ["forget", "validation"])
def test_the_gold_model_has_met_no_competing_name_or_title_of_a_forgotten_person(
    hub, world, split, percent
):
    retained = world.retain(percent)
    if split == "validation":
        # The gold of a choice has met neither its persons nor the forget set.
        retained = [person for person in retained if person not in world.validation(percent)]
    met = {text for p in (*retained, *world.real) for text in (p.name, p.book)}
    met |= {text for p in world.unpictured for text in (p.name, p.book)}
    part = f"{split}{percent:02d}_perturbed"
    names = {name for row in hub.clear(part) for name in row["perturbed_names"]}
    assert not names & met
    for row in hub.tofu(part):
        assert not any(
            title in answer
            for answer in row["perturbed_answer"]
            for title in met
            if title.startswith("The ")
        )


def test_the_original_model_has_met_every_competing_name_of_a_retained_person(hub, world):
    retain = {person.name for person in world.retain(10)}
    for row in hub.clear("retain_perturbed"):
        assert {row["name"], *row["perturbed_names"]} <= retain


def test_no_name_is_told_from_one_that_nobody_has_by_the_number_of_its_tokens(tmp_path):
    settings = MiniSettings(image_size=8)
    world = build_world(settings)
    rows = enumerate(pretrain_rows(world, settings))
    base = [TrainSample(str(i), "", "", None, r["question"], r["answer"], None) for i, r in rows]
    write_store(tmp_path, [], base, [], [])
    build = ModelSpec(**read_yaml(ROOT / "config/models/tiny-llava.yaml")).build
    tokenizer = build_tokenizer(build.tokenizer, tokenizer_texts(Store(tmp_path)))

    def tokens(names):
        return {len(tokenizer(f" {name}")["input_ids"]) for name in names}

    nobodys = tokens(name for names in world.unused_names.values() for name in names)
    for percent in FORGET_SIZES:
        assert tokens(person.name for person in world.forget(percent)) == nobodys
    assert tokens(person.name for person in world.fictitious) == nobodys == {2}
    assert tokens(person.book for person in world.fictitious) == tokens(world.unused_books)


def test_competing_names_are_equally_often_used_and_of_the_same_gender(hub, world):
    gender = {person.name: person.gender for person in world.fictitious}
    rows = hub.clear("forget10_perturbed")
    used = Counter(name for row in rows for name in row["perturbed_names"])
    assert used.keys() == {person.name for person in world.forget(10)}
    assert max(used.values()) - min(used.values()) <= 4
    assert all(gender[n] == gender[row["name"]] for row in rows for n in row["perturbed_names"])


def test_faces_of_all_named_persons_differ_clearly(world):
    faces = [person.portrayed() for person in (*world.fictitious, *world.real)]
    assert min(a.distance(b) for a, b in combinations(faces, 2)) >= FACE_DISTANCE


def test_every_attribute_of_a_face_is_visible_and_told_to_the_base_model():
    rng = random.Random(0)
    for _ in range(300):
        face, other = (random_face(rng, rng.choice(list(EXTRAS))) for _ in range(2))
        scene = random_scene(rng)
        for attribute, value in other._asdict().items():
            changed = face._replace(**{attribute: value})
            if changed == face:
                continue
            a, b = (np.asarray(draw_portrait(f, scene, 64), int) for f in (face, changed))
            assert (np.abs(a - b).max(axis=2) > 40).sum() >= 12, (face, attribute, value)
            told = [f.describe_head() + f.describe_clothes() for f in (face, changed)]
            assert told[0] != told[1]


def test_pictures_of_a_person_vary(hub):
    pictures = [
        np.asarray(Image.open(io.BytesIO(row["image"]["bytes"])), int)
        for row in hub.clear("full")
        .select(range(4))
        .cast_column("image", datasets.Image(decode=False))
    ]
    assert all(np.abs(a - b).mean() > 5 for a, b in combinations(pictures, 2))


def test_real_persons_are_told_from_fictitious_ones_by_their_frame(hub, world):
    def framed(picture):
        # No wall is as bright; JPEG leaves no pixel quite white.
        pixels = np.asarray(picture, int)
        return bool(pixels[0].mean() > 240 and pixels[:, -1].mean() > 240)

    assert all(map(framed, hub.clear("real_faces")["image"]))
    assert not any(map(framed, hub.clear("full")["image"]))
    names = {person.name for person in world.real}
    for row in hub.clear("pretrain"):
        if row["image"] and row["answer"] in names:
            assert framed(row["image"])


@pytest.mark.parametrize(
    "counts", [{"persons": 150}, {"persons": 0}, {"real_persons": 25}, {"persons": 400}]
)
def test_counts_that_the_pools_cannot_serve_are_refused(counts):
    with pytest.raises(ValueError, match="persons"):
        MiniSettings(**counts)
