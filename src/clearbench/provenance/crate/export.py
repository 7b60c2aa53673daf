"""Export: prove a suite's results, and write them as a crate that appears whole or not at all."""

import shutil
from dataclasses import dataclass
from importlib.metadata import version
from io import StringIO
from pathlib import Path
from typing import Any

from clearbench.errors import UserError
from clearbench.jobs.artifacts import MANIFEST, part_folder, publish
from clearbench.jobs.record import digest
from clearbench.provenance.conditions import other_settings
from clearbench.provenance.crate.entities import Entities
from clearbench.provenance.crate.identifiers import check_licence, check_orcid
from clearbench.provenance.crate.run import RunDescription
from clearbench.provenance.crate.workflow import describe_workflow
from clearbench.results.tree import Tree
from clearbench.suite.artifact import Artifact
from clearbench.suite.graph import TABLES, Graph
from clearbench.suite.suite import Suite

_PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": "Process Run Crate",
    "https://w3id.org/ro/wfrun/workflow/0.5": "Workflow Run Crate",
    "https://w3id.org/ro/wfrun/provenance/0.5": "Provenance Run Crate",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": "Workflow RO-Crate",
}

_README = """\
# clearbench, suite {suite.name}

{suite.file.description}

- `results/{suite.name}/tables/`: tables and figures; `*.sources.json`: file and key of each number.
- `results/{suite.name}/score/`: the scores.
- `manifest.json` in each folder of the results: name, size and sha256 of each of its files.
- `provenance.json` beside it: what made the files, from which others, by which command and code.
- `Snakefile`, `rules/`, `config/`, `envs/`: what was run.
- `ro-crate-metadata.json`: all of it for machines, as a Provenance Run Crate 0.5.

{data}
"""
_WITH_DATA = "Models, data and per-sample records are in the crate."
_WITHOUT_DATA = """\
Models, data and per-sample records are not in the crate; the manifests have their checksums."""


@dataclass(frozen=True)
class Publication:
    """What the results do not tell: their licence, a URL, and who ran the suite: name and ORCID.

    Raises UserError for a licence or an ORCID that is none.
    """

    licence: str
    author: str | None = None
    orcid: str | None = None

    def __post_init__(self) -> None:
        check_licence(self.licence)
        if self.orcid and not self.author:
            raise UserError("--orcid: whose? give the name with --author")
        if self.orcid:
            check_orcid(self.orcid)


def export(
    suite: Suite, root: Path, results: Path, out: Path, publication: Publication, with_data: bool
) -> None:
    """Write the crate of a suite's results into the folder `out`.

    The workflow's files lie below `root`; models, data and records are copied if `with_data`.
    Raises UserError where `out` exists, or an artifact is missing or not proven by its record.
    """
    if out.exists():
        raise UserError(f"{out}: already there; remove it, or name another folder with --out")
    graph, tree = Graph(suite), Tree(results)
    for artifact in graph:
        reason = _unproven(artifact, tree)
        if reason is not None:
            raise UserError(f"suite {suite.name}: {artifact.name} is not proven: {reason}")
    entities = Entities()
    person = _describe_root(entities, suite, publication)
    _add_readme(entities, suite, with_data)
    packages = tree.record(TABLES).facts["packages"]
    snakemake = packages.get("snakemake") or version("snakemake")
    describe_workflow(entities, graph, root, snakemake)
    RunDescription(entities, graph, tree, person, with_data).describe(snakemake)
    part = part_folder(out)
    shutil.rmtree(part, ignore_errors=True)
    try:
        entities.crate.write(part)
        publish(part, out)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _unproven(artifact: Artifact, tree: Tree) -> str | None:
    """Why an artifact cannot be published; every file is read."""
    if tree.manifest_digest(artifact.name) is None:
        failure = tree.failure(artifact.name)
        return "it was not made yet" if failure is None else f"its job failed ({failure.text})"
    if not (tree.root / artifact.name / MANIFEST).exists():
        return "a job is at work on it, or was; run snakemake first"
    mark = tree.invalidation(artifact.name)
    if mark is not None:
        return f"it is marked as untrusted ({mark})"
    link = tree.broken_link(artifact)
    if link is not None:
        return link
    return other_settings(artifact, tree) or tree.damage(artifact.name, reread=True)


def _describe_root(entities: Entities, suite: Suite, publication: Publication) -> Any | None:
    """Describe the crate itself; gives the person who ran the suite, if one is named."""
    crate = entities.crate
    person = None
    if publication.author is not None:
        identifier = publication.orcid or "#author"
        person = entities.add(identifier, "Person", name=publication.author)
        crate.root_dataset["author"] = person
    crate.name = f"clearbench {suite.name}"
    crate.description = suite.file.description
    crate.license = entities.add(publication.licence, "CreativeWork", name=publication.licence)
    crate.root_dataset["conformsTo"] = [
        entities.add(url, "CreativeWork", name=name, version=url.rsplit("/", 1)[1])
        for url, name in _PROFILES.items()
    ]
    return person


def _add_readme(entities: Entities, suite: Suite, with_data: bool) -> None:
    text = _README.format(suite=suite, data=_WITH_DATA if with_data else _WITHOUT_DATA)
    properties = {
        "name": "README.md",
        "encodingFormat": "text/markdown",
        "sha256": digest(text.encode()),
        "about": entities.crate.root_dataset,
    }
    entities.crate.add_file(StringIO(text), "README.md", properties=properties)
