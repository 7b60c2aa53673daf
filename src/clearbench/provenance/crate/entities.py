"""Entities of a crate, each added once and found again by its `@id`."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

from rocrate.model import ContextEntity
from rocrate.rocrate import ROCrate

from clearbench.digests import sha256
from clearbench.jobs.record import digest

TERMS = "https://w3id.org/ro/terms/workflow-run#"
CONTEXT = {
    **{
        term: f"{TERMS}{term}"
        for term in (
            "ParameterConnection",
            "connection",
            "sourceParameter",
            "targetParameter",
            "resourceUsage",
            "ContainerImage",
            "containerImage",
            "sha256",
        )
    },
    "buildInstructions": "https://codemeta.github.io/terms/buildInstructions",
}
"""Terms of the profiles that RO-Crate's own context lacks.

They stand in the crate itself, so that it is read without asking for a second context.
"""

_FORMATS = {
    ".csv": "text/csv",
    ".json": "application/json",
    ".jsonl": "application/jsonl",
    ".md": "text/markdown",
    ".parquet": "application/vnd.apache.parquet",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".tex": "application/x-tex",
    ".yaml": "application/yaml",
}
_TEXTS = (".jinja", ".lock", ".smk", ".txt", "")
_UNKNOWN = "application/octet-stream"
_LONG = 40  # A chat template is no identifier.
_TYPES = {bool: "Boolean", int: "Integer", float: "Float", str: "Text"}


class Entities:
    """Adds entities to a crate of RO-Crate 1.1, the version that the profiles extend."""

    def __init__(self) -> None:
        self.crate = ROCrate(version="1.1")
        self.crate.metadata.extra_terms.update(CONTEXT)

    def add(self, identifier: str, kind: str, /, **properties: Any) -> Any:
        """An entity that is no file or folder of the crate; the one there is, if there is one."""
        entity = self.crate.get(identifier)
        if entity is not None:
            return entity
        properties = {"@type": kind, **_compact(properties)}
        return self.crate.add(ContextEntity(self.crate, identifier, properties))

    def file(self, source: Path, path: str, copied: bool = True, **properties: Any) -> Any:
        """A file; one that is not `copied` is described, and cannot be mistaken for a part."""
        ending = Path(path).suffix
        encoding = _FORMATS.get(ending, "text/plain" if ending in _TEXTS else _UNKNOWN)
        properties = {"name": Path(path).name, "encodingFormat": encoding, **properties}
        if copied:
            properties.setdefault("sha256", sha256(source))
            return self.crate.add_file(source, path, properties=_compact(properties))
        note = "Not part of the crate; known by its checksum."
        return self.add(f"#{quote(path)}", "File", description=note, **properties)

    def part(self, path: str) -> Any:
        """The file or folder of a path in the crate; None where there is none."""
        return self.crate.get(quote(path))

    def folder(self, path: str, **properties: Any) -> Any:
        """A folder of the crate; its files are added one by one."""
        return self.crate.add_dataset(dest_path=path, properties=_compact(properties))

    def parameter(self, owner: str, name: str, kind: str) -> Any:
        """A formal parameter of the workflow or of a tool."""
        identifier = f"#parameter/{owner}/{quote(name)}"
        return self.add(identifier, "FormalParameter", additionalType=kind, name=name)

    def connection(self, source: Any, target: Any) -> Any:
        """The flow from one formal parameter into another."""
        return self.add(
            f"#connection/{source.id[1:]}/{target.id[1:]}",
            "ParameterConnection",
            sourceParameter=source,
            targetParameter=target,
        )

    def parameters(self, owner: str) -> list[Any]:
        """The formal parameters that an owner has got so far."""
        parameters = self.crate.get_by_type("FormalParameter")
        return [entity for entity in parameters if entity.id.startswith(f"#parameter/{owner}/")]

    def setting(self, owner: str, name: str, value: Any) -> Any:
        """A value of a tool's setting; jobs with the same value share it."""
        parameter = self.parameter(f"{owner}/settings", name, _TYPES[type(value)])
        text = json.dumps(value)
        key = quote(text, safe="") if len(text) < _LONG else digest(text.encode())
        identifier = f"#setting/{owner}/{quote(name)}/{key}"
        return self.add(
            identifier, "PropertyValue", name=name, value=value, exampleOfWork=parameter
        )


def _compact(properties: dict[str, Any]) -> dict[str, Any]:
    """Properties as compacted JSON-LD has them: no empty ones, and no list of one."""
    compacted = {}
    for name, value in properties.items():
        if isinstance(value, list) and len(value) == 1:
            (value,) = value
        if value not in (None, []):
            compacted[name] = value
    return compacted
