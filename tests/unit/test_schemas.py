"""The schemas by which editors check files: they say of a file what its reader says."""

import copy
import re
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from clearbench.config import files
from clearbench.config.files import DatasetSpec, ModelSpec
from clearbench.config.plain_yaml import read_yaml
from clearbench.config.strict import validate
from clearbench.data import layouts
from clearbench.documentation.keys import FILES, describe, describe_layouts
from clearbench.documentation.schemas import schemas
from clearbench.errors import UserError
from clearbench.suite import load
from clearbench.suite.checks import check_parameters
from clearbench.suite.load import load_suite
from synthetic import ROOT

FOLDERS = {"suite": ROOT / "config", "model": ROOT / "config/models"}
FOLDERS["dataset"] = ROOT / "config/datasets"
SHIPPED = [(kind, path) for kind, folder in FOLDERS.items() for path in folder.glob("*.yaml")]
CHECKS = {
    kind: jsonschema.Draft7Validator(
        schema, format_checker=jsonschema.Draft7Validator.FORMAT_CHECKER
    )
    for kind, schema in schemas(ROOT).items()
}
WRONG: tuple[Any, ...] = (True, "text", 1.5, -1, None, {}, ["text"])
ROWS = {
    "imported": {"theirs": {"log": "log.json", "gold": "gold.json", "forget_size": 10}},
    "external": {"other": {"model": "folder", "forget_size": 10}},
    "faces": {"shadows": 2, "targets": 2},
    "dataset_options": {"questions_per_person": 8},
}
SITE = {
    "image": "image.sif",
    "partition": "gpu",
    "gpu_types": {"a40": 48},
    "cpus": 2,
    "mail": {"user": "me", "when": ["end"]},
    "options": ["--nice=5"],
    "setup": ["true"],
    "environment": {"A": "b"},
    "scratch": None,
    "binds": ["/data"],
}


@pytest.fixture
def read(tmp_path, monkeypatch):
    """Reads data as a file of a kind would be, with all its checks; gives the mistake or None."""
    shutil.copytree(ROOT / "config", tmp_path / "config")
    (new := tmp_path / "new.yaml").touch()
    # What stays the same is read once, and what is made is not written to be read.
    monkeypatch.setattr(files, "read_yaml", cache(read_yaml))

    def check(kind: str, data: Any) -> None:
        if kind == "suite":
            monkeypatch.setattr(load, "read_yaml", lambda _: data)
            load_suite(str(new), tmp_path)
        elif kind == "dataset":
            spec = validate(DatasetSpec, data, kind)
            validate(layouts.load(spec.layout).Options, spec.options, kind)
        elif kind == "model":
            check_parameters(Path(kind), validate(ModelSpec, data, kind))
        else:
            validate(FILES[kind], data, kind)

    def result(kind: str, data: Any) -> str | None:
        try:
            check(kind, data)
        except UserError as error:
            return str(error)
        return None

    return result


def places(data: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all values."""
    items = enumerate(data) if isinstance(data, list) else data.items()
    for key, value in items:
        yield (*above, key)
        if isinstance(value, dict | list):
            yield from places(value, (*above, key))


def changed(data: Any, place: tuple[Any, ...], value: Any) -> Any:
    found = copy.deepcopy(data)
    inner = found
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return found


def broken(data: dict[str, Any]) -> Iterator[tuple[tuple[Any, ...], Any, Any]]:
    """Place, value and all data of files with one other value or one other key."""
    for place in places(data):
        for value in WRONG:
            yield place, value, changed(data, place, value)
    for place in [(), *places(data)]:
        inner = data
        for key in place:
            inner = inner[key]
        if isinstance(inner, dict):
            yield place, "unknwon", changed(data, (*place, "unknwon"), 1)


@pytest.mark.parametrize(("kind", "path"), SHIPPED, ids=lambda value: getattr(value, "name", value))
def test_a_shipped_file_names_its_schema_and_passes_it(kind, path):
    first = path.read_text(encoding="utf-8").partition("\n")[0]
    named = first.removeprefix("# yaml-language-server: $schema=")
    assert (path.parent / named).resolve() == ROOT / f"docs/schemas/{kind}.json"
    assert [error.message for error in CHECKS[kind].iter_errors(read_yaml(path))] == []


def test_the_example_of_a_site_passes_its_schema_with_all_that_it_proposes():
    text = (ROOT / "slurm/site.example.yaml").read_text(encoding="utf-8")
    assert text.startswith("# yaml-language-server: $schema=../docs/schemas/site.json\n")
    proposed = [line[2:] for line in text.splitlines() if line.startswith("# ")][1:]
    data = yaml.safe_load("\n".join(line for line in proposed if line.split(":")[0].islower()))
    assert len(data) > 5
    assert [error.message for error in CHECKS["site"].iter_errors(data)] == []


# What a schema can't know: what parts of a file demand of each other.
BEYOND = (
    *("base: missing; ", "faces: missing; ", "is no vision model; leave it out"),
    *("is a vision model; allowed: ", "is a vision model; leave it out", "vision models have no"),
    *("is a text model; ", "for vision models; allowed: none", "has no images, ", ": serves "),
    *(
        "give steps or epochs",
        "does not exist; tiny-",
        "allowed: even, for half",
        "names and book titles suffice",
    ),
)
"""Words of such mistakes."""


def cases() -> Iterator[Any]:
    suite = {**read_yaml(ROOT / "config/mini.yaml"), **{k: ROWS[k] for k in ("dataset_options",)}}
    suite["stress"] = {"relearn": {"steps": [5]}, "small": {"kind": "quantise", "to": ["int8"]}}
    suite["methods"] = {"npo": {"beta": 0.1, "lr": 1.0}, "strong": {"method": "rmu", "layer": 1}}
    yield "suite", {**suite, "imported": ROWS["imported"], "external": ROWS["external"]}
    yield "suite", {**read_yaml(ROOT / "config/mini-vision.yaml"), "faces": ROWS["faces"]}
    for name in ("tiny-llava", "llava-1.5-7b"):
        yield "model", read_yaml(ROOT / f"config/models/{name}.yaml")
    for name in ("mini", "tofu"):
        yield "dataset", read_yaml(ROOT / f"config/datasets/{name}.yaml")
    yield "site", SITE


@pytest.mark.parametrize(("kind", "data"), cases())
def test_the_schema_refuses_what_the_reader_refuses_and_nothing_else(kind, data, read):
    assert read(kind, data) is None
    tried = 0
    for place, value, case in broken(data):
        told = read(kind, case)
        refused = not CHECKS[kind].is_valid(case)
        if refused != bool(told) and not (told and any(words in told for words in BEYOND)):
            pytest.fail(f"{place}: {value!r}: schema {refused}, reader {told}")
        tried += refused
    assert tried > 40


@pytest.mark.parametrize("kind", FILES)
def test_every_key_is_on_the_page_and_in_the_schema_and_means_something(kind):
    page = (ROOT / "docs/configuration.md").read_text(encoding="utf-8")
    keys = [*describe(FILES[kind]), *(describe_layouts() if kind == "dataset" else ())]
    section = page.partition(f"\n## {kind}\n")[2].partition("\n## ")[0]
    told = str(CHECKS[kind].schema)
    for key in keys:
        name = key.name.rpartition(".")[2]
        # A key inside an option of a layout is told by its whole name.
        assert re.search(rf"\| `(\w+\.)?{name}` \|", section), key
        assert key.meaning, key
        assert f"'{name}': {{" in told, key
