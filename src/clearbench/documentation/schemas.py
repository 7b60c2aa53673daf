"""JSON schemas of the configuration files, by which an editor completes and checks them.

They are written from the specifications that check the files, with the names that are known here:
of methods and their parameters, metrics' definitions, layouts and the files of `config/`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from clearbench import methods, stress_tests
from clearbench.config.files import DatasetSpec, read_spec
from clearbench.config.sbatch import FORM, Option
from clearbench.config.settings import Unlearning
from clearbench.config.strict import Day, Expression
from clearbench.data import layouts
from clearbench.documentation.keys import ALLOWED, FILES
from clearbench.suite.checks import ROW_NAME
from clearbench.suite.load import suite_names
from clearbench.suite.rows import taken
from clearbench.suite.runs import LARGEST_SEED
from clearbench.suite.sweep import DRAWS, KEY, KINDS, RANGE, SEED

Schema = dict[str, Any]

# A version that all editors know.
_VERSION = "http://json-schema.org/draft-07/schema#"
_TYPES = {"int": "integer", "float": "number", "bool": "boolean", "str": "string"}
_BOUNDS = {"gt": "exclusiveMinimum", "ge": "minimum", "lt": "exclusiveMaximum", "le": "maximum"}
_CHECKED = {
    get_args(Day)[1].func: {"format": "date", "pattern": r"^\d{4}-\d\d-\d\d$"},
    get_args(Expression)[1].func: {"format": "regex"},
    get_args(Option)[1].func: {"pattern": FORM},
}
"""What a schema says of the values that a function of ours checks."""

_DRAWS = {"type": "integer", "minimum": 1, "description": "how many points at random"}
_SEED = {"type": "integer", "minimum": 0, "default": 0, "description": "of the draws"}


def schemas(root: Path) -> dict[str, Schema]:
    """The schema of each kind of file, with the names of the files of `config/` below a root."""
    by_kind = {name: _of_class(kind) for name, kind in FILES.items()}
    datasets, models = (_names(root / "config" / kind) for kind in ("datasets", "models"))
    _tell_suite(by_kind["suite"], root, datasets, models)
    _tell_model(by_kind["model"]["properties"])
    _tell_dataset(by_kind["dataset"])
    for name, schema in by_kind.items():
        schema["title"] = f"clearbench: {name} file"
        schema["$schema"] = _VERSION
    return by_kind


class _Generator(GenerateJsonSchema):
    """Pydantic's, with what functions check and what keys hold whose type allows more."""

    def model_schema(self, schema: Any) -> Schema:
        json_schema = super().model_schema(schema)
        for key, allowed in ALLOWED.get(schema["cls"], {}).items():
            held = json_schema["properties"][key]
            if held["type"] == "array":
                _tell_list(held, enum=allowed)
            else:
                held["enum"] = allowed
        return json_schema

    def function_before_schema(self, schema: Any) -> Schema:
        return super().function_before_schema(schema) | _said(schema)

    def function_after_schema(self, schema: Any) -> Schema:
        return super().function_after_schema(schema) | _said(schema)


def _said(schema: Any) -> Schema:
    return _CHECKED.get(schema["function"]["function"], {})


def _of_class(kind: type[BaseModel]) -> Schema:
    """The schema of a specification in one piece."""
    schema = kind.model_json_schema(schema_generator=_Generator)
    definitions = schema.pop("$defs", {})
    whole: Schema = _plain(schema, definitions)
    return whole


def _plain(part: Any, definitions: Mapping[str, Any]) -> Any:
    """A part of a schema with what it refers to, without what is said elsewhere or to nobody."""
    if isinstance(part, list):
        return [_plain(item, definitions) for item in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        part = {**definitions[part["$ref"].rpartition("/")[2]], **part}
    plain: Schema = {}
    for key, value in part.items():
        if key == "properties":
            plain[key] = {name: _plain(inner, definitions) for name, inner in value.items()}
        elif key == "description":
            # Of a docstring the sentence; a key's own description is one.
            plain[key] = value.partition("\n")[0]
        elif key == "anyOf" and value[1:] == [{"type": "null"}]:
            # In one, so that an editor tells what is wrong inside.
            inner = _plain(value[0], definitions)
            plain |= {**inner, "type": [inner["type"], "null"]}
        elif key == "default":
            # An editor would write a mapping out, and its keys have their own.
            plain |= {} if isinstance(value, dict) and value else {key: value}
        elif key not in ("$ref", "title") and (key, value) != ("format", "path"):
            plain[key] = _plain(value, definitions)
    return plain


def _tell_suite(schema: Schema, root: Path, datasets: list[str], models: list[str]) -> None:
    keys = schema["properties"]
    keys["dataset"]["enum"] = datasets
    keys["model"]["enum"] = models
    _tell_list(keys["seeds"], minimum=0, maximum=LARGEST_SEED)
    suites = [{"enum": suite_names(root)}, {"pattern": r"\.ya?ml$"}]
    _tell_list(keys["single_domain"], anyOf=suites)
    known = methods.available()
    free = {"not": {"enum": [*known, *taken()]}, "pattern": f"^{ROW_NAME.pattern}$"}
    for kind in ("imported", "external"):
        keys[kind]["propertyNames"] = free
    keys["methods"].update(
        properties={method: _reference(method) for method in known},
        additionalProperties=_reference("row"),
        propertyNames={"anyOf": [{"enum": known}, free]},
    )
    kinds = stress_tests.available()
    keys["stress"].update(
        properties={kind: _reference(f"stress test {kind}") for kind in kinds},
        additionalProperties=_chosen(
            stress_tests.KIND,
            kinds,
            {kind: _reference(f"stress test {kind}") for kind in kinds},
            required=[stress_tests.KIND],
            description="a test of another name than its kind's",
        ),
        propertyNames={"pattern": f"^{ROW_NAME.pattern}$"},
    )
    training = {
        key: {"$ref": f"#/properties/unlearn/properties/{key}"} for key in Unlearning.model_fields
    }
    schema["definitions"] = {
        "row": _chosen(
            "method",
            known,
            {method: _reference(method) for method in known},
            required=["method"],
            description="a row of another name than its method's",
        ),
        "tried": _tried(),
        "by_modality": _by_modality({"type": ["number", "string", "boolean"]}),
        **{method: _row(method, training) for method in known},
        **{f"stress test {kind}": _stress_test(kind) for kind in kinds},
    }
    of_dataset = {
        name: read_spec(DatasetSpec, root / "config/datasets", name, "").layout for name in datasets
    }
    options = {
        name: {"properties": {"dataset_options": _options(layout)}}
        for name, layout in of_dataset.items()
    }
    schema.update(_chosen("dataset", datasets, options, keys=keys))


def _tell_model(keys: Schema) -> None:
    known = methods.available()
    keys["parameters"].update(
        properties={method: _mapping(_parameters(method)) for method in known},
        additionalProperties=False,
    )


def _tell_dataset(schema: Schema) -> None:
    known = layouts.available()
    options = {layout: {"properties": {"options": _options(layout)}} for layout in known}
    schema.update(_chosen("layout", known, options, keys=schema["properties"]))


def _chosen(
    key: str,
    allowed: list[str],
    then: Mapping[str, Schema],
    keys: Mapping[str, Schema] | None = None,
    **more: Any,
) -> Schema:
    """A mapping in which a key's value, one of those allowed, says which schema it has besides."""
    properties = {**(keys or {}), key: {**(keys or {}).get(key, {}), "enum": allowed}}
    chosen = [
        {"if": {"properties": {key: {"const": value}}, "required": [key]}, "then": schema}
        for value, schema in then.items()
    ]
    return {"type": "object", "properties": properties, "allOf": chosen, **more}


def _row(method: str, training: Schema) -> Schema:
    """A row of a method, which may name its method or not."""
    values = {**_parameters(method), **training}
    swept = {**dict.fromkeys(values, _reference("tried")), DRAWS: _DRAWS, SEED: _SEED}
    keys: Schema = {"method": {"const": method}, KEY: {**_mapping(swept), "minProperties": 1}}
    keys |= {name: {"anyOf": [told, _reference("by_modality")]} for name, told in values.items()}
    doc = methods.describe(method).doc.partition("\n")[0]
    return {**_mapping(keys), "description": doc}


def _stress_test(kind: str) -> Schema:
    """A test of a kind, which may name its kind or not."""
    schema = _of_class(stress_tests.kind_of(kind))
    for key in schema["properties"].values():
        if key.get("type") == "array":
            key["uniqueItems"] = True
    schema["properties"][stress_tests.KIND] = {"const": kind}
    return schema


def _tried() -> Schema:
    """What tries values of a key: a list, or a range to draw from; for a modality, or for all."""
    listed: Schema = {"type": "array", "minItems": 1, "uniqueItems": True}
    end = {"type": "number", "exclusiveMinimum": 0}
    ranged = {**_mapping(dict.fromkeys(RANGE, end)), "required": [*RANGE]}
    return {"anyOf": [listed, ranged, _by_modality({"anyOf": [listed, ranged]})]}


def _by_modality(value: Schema) -> Schema:
    return {**_mapping(dict.fromkeys(KINDS, value)), "minProperties": 1}


def _parameters(method: str) -> Schema:
    described = methods.describe(method)
    return {
        name: {
            "type": _TYPES[kind],
            **{_BOUNDS[sign]: bound for sign, bound in described.ranges[name].bounds.items()},
            **({"enum": [*choices]} if (choices := described.ranges[name].choices) else {}),
            "default": default,
        }
        for name, (kind, default) in described.parameters.items()
    }


def _options(layout: str) -> Schema:
    return _of_class(layouts.load(layout).Options)


def _mapping(keys: Schema) -> Schema:
    return {"type": "object", "properties": keys, "additionalProperties": False}


def _tell_list(schema: Schema, **item: Any) -> None:
    schema["items"].update(item)
    schema["uniqueItems"] = True


def _reference(name: str) -> Schema:
    return {"$ref": f"#/definitions/{name}"}


def _names(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob("*.yaml"))
