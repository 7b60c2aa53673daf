"""What was run: a folder and an action for each artifact, from its manifest and its record."""

import json
import shlex
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from clearbench.digests import sha256
from clearbench.jobs.artifacts import MANIFEST, PROVENANCE
from clearbench.jobs.record import Record
from clearbench.jobs.takeover import TAKEN_OVER
from clearbench.provenance.crate.contents import COPIED
from clearbench.provenance.crate.entities import TERMS, Entities
from clearbench.provenance.crate.workflow import config_files, given, output, step, tool
from clearbench.results.tree import Tree
from clearbench.suite.artifact import Artifact
from clearbench.suite.graph import TABLES, Graph

_COMPLETED = "http://schema.org/CompletedActionStatus"
_FAILED = "http://schema.org/FailedActionStatus"
_PEAK_MEMORY = "https://man7.org/linux/man-pages/man2/getrusage.2.html#ru_maxrss"
_BYTE = "https://qudt.org/vocab/unit/BYTE"


class RunDescription:
    """Adds a suite's run to a crate that has its workflow.

    The files of an artifact are copied for the stages of `COPIED`, or all if `with_data`. Manifests
    and records always are, so that the chain of digests can be followed in the crate alone.
    """

    def __init__(
        self, entities: Entities, graph: Graph, tree: Tree, agent: Any | None, with_data: bool
    ):
        self._entities = entities
        self._graph = graph
        self._tree = tree
        self._agent = agent
        self._with_data = with_data
        self._roles = self._all_roles()

    def describe(self, snakemake: str) -> None:
        """Add the jobs, the run of the workflow and that of Snakemake, of the version given."""
        crate = self._entities.crate
        jobs = [self._job(artifact) for artifact in self._graph]
        run = self._whole(jobs)
        crate.root_dataset["mentions"] = [self._engine(jobs, run, snakemake), run, *jobs]
        for artifact in self._graph:
            parameters = self._entities.parameters(artifact.stage)
            crate.get(tool(artifact))["input"] = [
                parameter
                for parameter in parameters
                if parameter != output(self._entities, artifact)
            ]

    def _job(self, artifact: Artifact) -> Any:
        record = self._tree.record(artifact.name)
        manifest = self._tree.manifest(artifact.name)
        facts = record.facts
        start = datetime.fromisoformat(facts["started"])
        end = start + timedelta(seconds=facts["seconds"])
        made = self._folder(artifact)
        used = [self._folder(self._graph[name]) for name in artifact.inputs.values()]
        used += [self._entities.part(self._path(name, PROVENANCE)) for name in artifact.reads]
        used += [self._outside(artifact, record, name) for name in artifact.outside]
        used += [
            self._entities.setting(artifact.stage, name, value)
            for name, value in _leaves({**record.recipe.settings, **_environment(record)})
        ]
        job = self._entities.add(
            f"#job/{quote(artifact.name)}",
            "CreateAction",
            name=f"{artifact.stage}: {artifact.name}",
            description=shlex.join(facts["command"]),
            instrument=self._entities.crate.get(tool(artifact)),
            object=used,
            result=_with_files(made),
            startTime=start.isoformat(timespec="seconds"),
            endTime=end.isoformat(timespec="milliseconds"),
            actionStatus=_FAILED if manifest.diverged else _COMPLETED,
            error=f"diverged at optimiser step {manifest.step}" if manifest.diverged else None,
            agent=self._agent,
            containerImage=self._image(record),
            resourceUsage=self._memory(artifact, record),
        )
        self._entities.part(self._path(artifact.name, PROVENANCE))["about"] = job
        return job

    def _whole(self, jobs: list[Any]) -> Any:
        tables = self._folder(self._graph[TABLES])
        configuration = config_files(self._graph.suite).values()
        return self._entities.add(
            "#run",
            "CreateAction",
            name=f"Run of the suite {self._graph.suite.name}",
            description="From data to tables; of a job that was run again, the last time.",
            instrument=self._entities.crate.mainEntity,
            object=[self._entities.part(path) for path in configuration],
            result=_with_files(tables),
            startTime=min(job["startTime"] for job in jobs),
            endTime=max(job["endTime"] for job in jobs),
            actionStatus=_COMPLETED,
            agent=self._agent,
        )

    def _engine(self, jobs: list[Any], run: Any, snakemake: str) -> Any:
        engine = self._entities.add(
            f"https://github.com/snakemake/snakemake/releases/tag/v{snakemake}",
            "SoftwareApplication",
            name="Snakemake",
            softwareVersion=snakemake,
            url="https://snakemake.readthedocs.io",
        )
        controls = [
            self._entities.add(
                f"#control/{quote(artifact.name)}",
                "ControlAction",
                name=f"Start of the job of {artifact.name}",
                instrument=self._entities.crate.get(step(artifact)),
                object=job,
            )
            for artifact, job in zip(self._graph, jobs, strict=True)
        ]
        return self._entities.add(
            "#engine",
            "OrganizeAction",
            name=f"Snakemake on the suite {self._graph.suite.name}",
            instrument=engine,
            object=controls,
            result=run,
            startTime=run["startTime"],
            endTime=run["endTime"],
            agent=self._agent,
        )

    def _folder(self, artifact: Artifact) -> Any:
        path = self._path(artifact.name)
        folder = self._entities.part(path)
        if folder is not None:
            return folder
        copied = self._with_data or artifact.stage in COPIED
        files = list(self._files(artifact, copied))
        beside = list(self._beside(artifact))
        return self._entities.folder(
            path,
            name=artifact.name,
            description=_origin(self._tree.record(artifact.name)),
            # A part must be in the crate.
            hasPart=[*files, *beside] if copied else beside,
            mentions=[] if copied else files,
            exampleOfWork=self._roles[artifact.name],
        )

    def _files(self, artifact: Artifact, copied: bool) -> Iterator[Any]:
        folder = self._tree.root / artifact.name
        for name, entry in self._tree.manifest(artifact.name).files.items():
            yield self._entities.file(
                folder / name,
                self._path(artifact.name, name),
                copied,
                sha256=entry.sha256,
                contentSize=str(entry.size),
            )

    def _beside(self, artifact: Artifact) -> Iterator[Any]:
        """Manifest and record, which lie beside an artifact's files and are always copied."""
        folder = self._tree.root / artifact.name
        for name in (MANIFEST, PROVENANCE):
            yield self._entities.file(
                folder / name,
                self._path(artifact.name, name),
                sha256=sha256(folder / name),
                contentSize=str((folder / name).stat().st_size),
                exampleOfWork=self._roles[f"{artifact.name}/{name}"],
            )

    def _outside(self, artifact: Artifact, record: Record, name: str) -> Any:
        digest = record.recipe.inputs[name]
        return self._entities.add(
            f"#outside/{digest}",
            "Dataset",
            name=name,
            description="A folder that no job made, known by the checksum of names and contents.",
            identifier=f"sha256:{digest}",
            exampleOfWork=self._entities.parameter(artifact.stage, name, "Dataset"),
        )

    def _path(self, name: str, file: str = "") -> str:
        return f"results/{self._graph.suite.name}/{name}/{file}"

    def _all_roles(self) -> Mapping[str, list[Any]]:
        """The formal parameters that folders and records stand for, by their names."""
        parameters: dict[str, dict[str, Any]] = defaultdict(dict)

        def note(name: str, parameter: Any) -> None:
            parameters[name][parameter.id] = parameter

        for artifact in self._graph:
            note(artifact.name, output(self._entities, artifact))
            for name, source in artifact.inputs.items():
                note(source, given(self._entities, artifact, name))
            for name in artifact.reads:
                record = self._entities.parameter(artifact.stage, "record", "File")
                note(f"{name}/{PROVENANCE}", record)
        note(TABLES, self._entities.parameter("workflow", TABLES, "Dataset"))
        return defaultdict(list, {name: list(roles.values()) for name, roles in parameters.items()})

    def _image(self, record: Record) -> Any | None:
        image = record.recipe.image
        return image and self._entities.add(
            f"#image/{image}",
            "ContainerImage",
            name="Apptainer image of containers/clearbench.def",
            additionalType={"@id": f"{TERMS}SIFImage"},
            sha256=image,
        )

    def _memory(self, artifact: Artifact, record: Record) -> Any:
        return self._entities.add(
            f"#memory/{quote(artifact.name)}",
            "PropertyValue",
            name="peak memory",
            propertyID=_PEAK_MEMORY,
            unitCode=_BYTE,
            value=record.facts["peak_memory_bytes"],
        )


def _origin(record: Record) -> str | None:
    """That an artifact was taken over from the results of another suite, if it was."""
    taken = record.facts.get(TAKEN_OVER)
    if not taken:
        return None
    times = (f"{one['from']}, whose record has the sha256 {one['record']}" for one in taken)
    return f"Not made by this run: taken over from {'; then from '.join(times)}."


def _with_files(folder: Any) -> list[Any]:
    """An artifact's folder and its files, in the crate or not."""
    entities = [folder]
    for relation in ("hasPart", "mentions"):
        files = folder.get(relation, [])
        entities += files if isinstance(files, list) else [files]
    return entities


def _environment(record: Record) -> dict[str, Any]:
    """Code and packages, which a job's result depends on as it does on its settings."""
    facts = record.facts
    return {"code": facts["fingerprint"], "commit": facts["commit"], "lock": record.recipe.lock}


def _leaves(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The plain values of nested settings by dotted key, lists as JSON; null is "not given"."""
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{key}.")
        elif value is not None:
            plain = isinstance(value, bool | int | float | str)
            yield f"{prefix}{key}", value if plain else json.dumps(value)
