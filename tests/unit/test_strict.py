"""Values of configuration files: what is read as another value than was written is a mistake."""

import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import pytest
from pydantic import BaseModel

from clearbench import methods
from clearbench.config.files import BaseSettings, DatasetSpec, ModelSpec
from clearbench.config.generator import DISGUISES, REAL_PERSONS, MiniSettings
from clearbench.config.plain_yaml import read_yaml
from clearbench.config.settings import (
    EvaluateSettings,
    ExternalSettings,
    ShadowSettings,
    UnlearnSettings,
)
from clearbench.config.site import Site
from clearbench.config.strict import specification, validate
from clearbench.data import layouts
from clearbench.data.mini.pools import REAL_LAST_NAMES
from clearbench.data.mini.portraits import WARDROBE
from clearbench.errors import UserError
from clearbench.suite.suite import SuiteFile

FILES = (
    SuiteFile,
    ModelSpec,
    DatasetSpec,
    Site,
    MiniSettings,
    *(layouts.load(key).Options for key in layouts.available()),
    *(BaseSettings, UnlearnSettings, EvaluateSettings, ShadowSettings, ExternalSettings),
)
# What a value of a type is never made of.
WRONG: dict[type, tuple[Any, ...]] = {
    int: (True, 1.0, "1", "0", None, float("inf"), float("nan")),
    float: (True, "1.0", "1e-3", None, float("inf"), float("-inf"), float("nan")),
    bool: (0, 1, 1.0, "yes", "on", "true", None),
    str: (1, 1.0, True, None),
    Path: (1, 1.0, True, None),
}


def specifications() -> list[type[BaseModel]]:
    """Every specification of the files and of those below them."""
    found: dict[type[BaseModel], None] = {}
    queue = list(FILES)
    while queue:
        kind = queue.pop(0)
        if kind not in found:
            found[kind] = None
            inner = (specification(field.annotation) for field in kind.model_fields.values())
            queue += [below for below in inner if below is not None]
    return list(found)


def parts(annotation: Any) -> Iterator[tuple[Any, Any]]:
    """A type's plain values, each with what puts a value in its place: in a list, in a mapping."""
    origin, options = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        for option in options:
            yield from parts(option)
    elif origin in (list, frozenset):
        yield from ((kind, lambda value, put=put: [put(value)]) for kind, put in parts(options[0]))
    elif origin is dict:
        for kind, put in parts(options[1]):
            yield kind, lambda value, put=put: {"name": put(value)}
        yield str, lambda value: {value: {}}
    elif origin is Literal:
        yield type(options[0]), lambda value: value
    elif hasattr(annotation, "__metadata__"):
        yield from parts(annotation.__origin__)
    elif annotation in WRONG:
        yield annotation, lambda value: value


@pytest.mark.parametrize("kind", specifications(), ids=lambda kind: kind.__qualname__)
def test_no_value_of_any_key_is_taken_for_one_of_another_type(kind):
    tried = 0
    for name, field in kind.model_fields.items():
        optional = type(None) in get_args(field.annotation)
        for plain, put in parts(field.annotation):
            if plain is type(None):
                continue
            for value in WRONG[plain]:
                data = put(value)
                if data is None and optional:
                    continue
                with pytest.raises(UserError) as caught:
                    validate(kind, {name: data}, "file")
                message = str(caught.value)
                assert message.startswith(f"file: {name}"), (name, data, message)
                assert not message.endswith("missing")
                tried += 1
    assert tried or not any(list(parts(f.annotation)) for f in kind.model_fields.values())


@pytest.mark.parametrize("key", methods.available())
def test_no_parameter_of_a_method_is_taken_for_one_of_another_type(key):
    description = methods.describe(key)
    types_by_name = {found.__name__: found for found in (int, float, bool, str)}
    for name, (kind, _) in description.parameters.items():
        for value in WRONG[types_by_name[kind]]:
            with pytest.raises(UserError, match=f"^{name}: "):
                description.check({name: value})


def test_a_typo_is_told_before_the_key_that_lacks_for_it():
    with pytest.raises(UserError) as caught:
        validate(DatasetSpec, {"domain": "text", "layout": "tofu", "forget_size": [1]}, "file")
    told = "file: forget_size: unknown key (did you mean forget_sizes?); allowed: description, "
    assert str(caught.value).startswith(told)


def test_the_generators_settings_say_what_its_pools_serve():
    assert (len(REAL_LAST_NAMES), len(WARDROBE)) == (REAL_PERSONS, DISGUISES)


@pytest.fixture
def read(tmp_path):
    """Reads a YAML text; of a mistake the message, without the file's name."""

    def result(text: str) -> Any:
        path = tmp_path / "file.yaml"
        path.write_text(text, encoding="utf-8")
        try:
            return read_yaml(path)
        except UserError as error:
            return str(error).removeprefix(f"{path}: ")

    return result


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("010", "YAML reads 8; "),
        ("0x1F", "YAML reads 31; "),
        ("0b11", "YAML reads 3; "),
        ("1_000", "YAML reads 1000; "),
        ("12:30", "YAML reads 750; "),
        ("1:30.5", "YAML reads 90.5; "),
        ("0o17", "YAML reads text; write 15, "),
        ("08", "YAML reads text; write 8, "),
        ("1e-3", "YAML reads text; write 1.0e-3, "),
        ("-5E5", "YAML reads text; write -5.0e+5, "),
        ("1.0e3", "YAML reads text; write 1.0e+3, "),
        (".inf", "not a finite number; "),
        ("-.Inf", "not a finite number; "),
        (".nan", "not a finite number; "),
        ("1.0e+400", "not a finite number; "),
    ],
)
def test_a_number_that_yaml_reads_otherwise_is_told_with_how_to_write_it(read, written, told):
    assert read(f"a: 1\nlr: {written}").startswith(f"line 2: lr: {written}: {told}")
    assert read(f"b: {{ lr: [{written}] }}").startswith(f"line 1: b.lr.0: {written}: {told}")
    assert read(f"lr: '{written}'") == {"lr": written}


@pytest.mark.parametrize("written", ["1.0e-3", "1.0e-5", ".5", "5.", "10", "0", "-3", "2.5"])
def test_what_the_remedy_writes_is_a_number(read, written):
    assert read(f"lr: {written}") == {"lr": float(written)}


def test_on_and_yes_are_words_and_a_date_is_a_text(read):
    assert read("on: yes\nat: 2024-01-01\n") == {"on": "yes", "at": "2024-01-01"}
    assert read("a: true\nb: False\nc: ~") == {"a": True, "b": False, "c": None}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: 1\na: 2", "line 2: key a stands twice"),
        ("b: {a: 1, a: 2}", "line 1: key a stands twice"),
        ("a: &x [*x]", "line 1: a.0: holds itself"),
        ('a: "\\ud800"', "line 1: a: \ud800: holds half of a character"),
        ("a: [1", "not YAML: "),
        ("a: !!python/name:os.system x", "not YAML: "),
        ("[1, 2]: 3", "not YAML: "),
        ("- a", "must hold keys and values"),
        ("", "must hold keys and values"),
    ],
)
def test_what_is_no_plain_mapping_is_one_line(read, text, told):
    assert read(text).startswith(told)


def test_a_file_that_cannot_be_read_is_one_line(tmp_path):
    with pytest.raises(UserError, match=r": can't be read: Is a directory$"):
        read_yaml(tmp_path)
    (tmp_path / "latin").write_bytes(b"a: \xfc")
    with pytest.raises(UserError, match="latin: not YAML: "):
        read_yaml(tmp_path / "latin")
