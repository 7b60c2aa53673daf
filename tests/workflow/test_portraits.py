"""Portraits of real persons: both domains from a folder to tables, and nobody shown unasked."""

import json
import re

import pytest
import yaml

from clearbench.cli.report import WITH_REAL_PERSONS
from clearbench.data.mini.example import write_portraits
from clearbench.data.store import Store
from clearbench.report.page import data_of

from .bench import FACES, SUITE, Bench

NAMES = [f"Wyxbert Qu{chr(97 + n // 26)}{chr(97 + n % 26)}llim" for n in range(40)]
"""Of nobody, and in no word that the package writes."""

QUICK = {"epochs": 2, "batch_size": 64, "lr": 2.0e-3}
VISION = {
    **FACES,
    "dataset": "photographs",
    "base": {**FACES["base"], "epochs": 1},
    "finetune": {**FACES["finetune"], "epochs": 3},
    "methods": {"rmu": FACES["methods"]["rmu"]},
    "faces": {**FACES["faces"], "shadows": 4, "targets": 4, "together": 4},
}
WORDS = {
    **SUITE,
    "dataset": "photographs",
    "modalities": ["visual"],
    "finetune": QUICK,
    "methods": {"npo": {}},
}


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """Both domains on forty persons with ten grey portraits each, from nothing to their pages."""
    bench = Bench(tmp_path_factory.mktemp("ran")).fill()
    folder = bench.folder / "data/photographs"
    write_portraits(folder)
    for number, name in enumerate(NAMES, start=1):
        (folder / f"s{number}").rename(folder / name.replace(" ", "_"))
    dataset = yaml.safe_load((bench.folder / "config/datasets/portraits.yaml").read_text())
    dataset["images"] = "data/photographs"
    dataset["options"].update(names="folder", retained=4)
    (bench.folder / "config/datasets/photographs.yaml").write_text(yaml.safe_dump(dataset))
    bench.write("words", WORDS)
    bench.write("vision", VISION)
    for suite in ("words", "vision"):
        done = bench.snakemake(suite=suite)
        assert done.status == 0, done.output
    return bench


def texts_of(folder):
    """What the files of a folder show: as they are, and the data of a page as well."""
    for path in folder.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            yield path, data.decode("utf-8", "replace")
            if path.suffix == ".html":
                yield path, json.dumps(data_of(data.decode()), ensure_ascii=False)


def named_in(folder):
    """The files of a folder that name a person or have a picture of one, by what they show."""
    shown = set()
    for path, text in texts_of(folder):
        if any(name in text or name.replace(" ", "_") in text for name in NAMES):
            shown.add((path.relative_to(folder).as_posix(), "name"))
        if re.search(r"data:image/jpeg", text):
            shown.add((path.relative_to(folder).as_posix(), "picture"))
    return shown


def page_of(bench, suite, *options):
    done = bench.clearbench("report", *options, suite=suite)
    assert done.status == 0, done.output
    where = WITH_REAL_PERSONS if options else "report"
    (page,) = (bench.results(suite) / where).glob("*.html")
    return data_of(page.read_text(encoding="utf-8"))


@pytest.mark.parametrize("suite", ["words", "vision"])
def test_every_row_has_its_numbers_and_they_are_proven(ran, suite):
    name = {"words": "comparison", "vision": "table5"}[suite]
    frame = ran.table(name, suite)
    methods = set(frame[frame.status == "ok"].method)
    assert {"original", "gold", *{"words": ["npo"], "vision": ["rmu"]}[suite]} <= methods
    done = ran.clearbench("audit", suite=suite)
    assert done.status == 0, done.output


@pytest.mark.parametrize("suite", ["words", "vision"])
def test_no_page_table_or_crate_shows_a_person_unless_asked(ran, suite, tmp_path):
    root = ran.results(suite)
    assert named_in(root / "report") == set()
    assert named_in(root / "tables") == set()
    done = ran.clearbench("export-crate", "--out", str(tmp_path / "crate"), suite=suite)
    assert done.status == 0, done.output
    assert len(list((tmp_path / "crate").rglob("*.json"))) > 5
    assert named_in(tmp_path / "crate") == set()
    done = ran.clearbench(
        "export-crate", "--with-data", "--out", str(tmp_path / "data"), suite=suite
    )
    assert done.status == 1
    assert "photographs is not drawn here" in done.output
    assert not (tmp_path / "data").exists()


def test_a_page_that_is_asked_for_shows_names_and_pictures(ran):
    hidden, shown = page_of(ran, "words")["answers"], None
    assert (hidden["samples"], hidden["pictures"]) == ([], [])
    shown = page_of(ran, "words", "--with-real-persons")["answers"]
    assert {sample["person"] for sample in shown["samples"] if "person" in sample} <= {*NAMES}
    assert {sample["split"] for sample in shown["samples"]} >= {"forget", "retain", "real"}
    assert shown["pictures"]
    assert named_in(ran.results("words") / WITH_REAL_PERSONS)


@pytest.mark.parametrize("suite", ["words", "vision"])
def test_a_crate_that_is_asked_for_has_the_pictures_and_who_is_on_them(ran, suite, tmp_path):
    done = ran.clearbench(
        *("export-crate", "--with-data", "--with-real-persons"),
        *("--out", str(tmp_path / "crate")),
        suite=suite,
    )
    assert done.status == 0, done.output
    (images,) = (tmp_path / "crate").rglob("images.parquet")
    store = Store(images.parent)
    assert {sample.person for sample in store.train("full", None, "visual")} == {*NAMES}
    assert store.image_size(0) == (92, 112)


def test_held_back_pictures_of_the_forgotten_are_asked_in_every_evaluation(ran):
    for row in ("original/forget10/seed0", "gold/forget10/seed0", "npo/visual/forget10/seed0"):
        scores = json.loads((ran.results("words") / "score" / row / "scores.json").read_text())
        assert "other_pictures/face_naming/accuracy" in scores, sorted(scores)[:20]
