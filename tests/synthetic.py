"""A whole results tree of a suite without any training: what a finished run leaves, in seconds.

Manifests, provenance records and failure notes are what jobs with the same recipes would write
here, so that `assess` finds all of it current; the files themselves are a few words each. Nothing
is flushed to disk.
"""

import json
import random
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import yaml
from snakemake.settings.types import DeploymentSettings

from clearbench.config.points import ANY
from clearbench.digests import folder_digest
from clearbench.evaluation.bounds import draw_bound
from clearbench.evaluation.records import RECORDS, Likelihood, Record, fields_of
from clearbench.figures.documents import pictures
from clearbench.jobs import environment
from clearbench.jobs.artifacts import (
    FAILURE,
    MANIFEST,
    PROVENANCE,
    FileEntry,
    Manifest,
    manifest_text,
    part_folder,
    publish,
    take_stock,
)
from clearbench.jobs.fingerprint import code_of
from clearbench.jobs.record import Recipe, digest
from clearbench.jobs.record import Record as Provenance
from clearbench.metrics import model_metrics, task_metrics
from clearbench.metrics.recovered import score_tries
from clearbench.metrics.score import SCORES, score_with_draws
from clearbench.results.read import read_results
from clearbench.results.scoring import files_of
from clearbench.results.tree import Tree
from clearbench.stress_tests import test_of
from clearbench.suite.artifact import Artifact
from clearbench.suite.graph import Graph
from clearbench.suite.load import load_suite
from clearbench.suite.suite import Suite
from clearbench.tables.documents import documents
from clearbench.workflow import Workflow

ROOT = Path(__file__).resolve().parents[1]
SPLITS, TASKS, SAMPLES = ("forget", "retain", "real"), ("captions", "text_qa"), 3
KEYS = (
    *(f"{split}/{task}/accuracy" for split in ("forget", "retain") for task in TASKS),
    *("real", "retain", "forget", "forget_quality_js", "forget_quality_ks_log10"),
    "forget_quality_paired",
)
"""The keys of the scores that no record stands behind."""

MEASURES: Mapping[str, Mapping[str, float]] = {
    "unlearn": {
        "steps": 3,
        "first_loss": 2.5,
        "last_loss": 0.5,
        "samples_per_second": 8.0,
        "stored_bytes": 2**21,
    },
    "finetune": {"steps": 9, "samples_per_second": 16.0, "stored_bytes": 2**23},
    "evaluate": {"samples": len(SPLITS) * len(TASKS) * SAMPLES, "samples_per_second": 32.0},
}


@dataclass(frozen=True)
class Made:
    """An artifact that is there; `files` are those of its stage where none are given.

    `facts` are further keys of its record. A diverged one has no files unless some are given.
    """

    files: Mapping[str, str | bytes] | None = None
    status: str = "ok"
    step: int | None = None
    measures: Mapping[str, Any] | None = None
    seconds: float = 2.5
    gpu: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Failed:
    """An artifact whose job failed with an error."""

    message: str
    error: str = "RuntimeError"


@dataclass(frozen=True)
class LeftOut:
    """An artifact that no job has made."""


State = Made | Failed | LeftOut


class SyntheticTree:
    """The results tree of a suite below `root`.

    With `records`, records are real and scores are computed from them; without, both are made up.
    """

    def __init__(self, suite: Suite, root: Path, records: bool = False):
        self.suite = suite
        self.graph = Graph(suite)
        self.root = root
        self._records = records
        self._lock = environment.lock()
        self._facts = {
            "started": "2026-01-02T03:04:05+00:00",
            "peak_memory_bytes": 2**30,
            "invalidations": [],
            **environment.describe(),
        }
        self._manifests: dict[str, Manifest] = {}
        self._digests: dict[str, str] = {}
        """Of manifests by artifact, and of provenance records by their paths."""
        self._answers: dict[str, list[Record]] = {}

    def build(self, states: Mapping[str, State] | None = None) -> "SyntheticTree":
        """Make all artifacts, in the flow's order; `states` are those of single ones, by name.

        As in a run, what needs a failed or absent artifact is absent, and what is made from a
        diverged one is diverged.
        """
        states = states or {}
        unknown = states.keys() - self.graph.artifacts.keys()
        assert not unknown, f"not of the suite: {unknown}"
        for artifact in self.graph:
            self.put(artifact.name, states.get(artifact.name, Made()))
        return self

    def put(self, name: str, state: State | None = None) -> None:
        """Make one artifact as it would be made now, in place of what is there; no other."""
        artifact, state = self.graph[name], state or Made()
        folder = self.root / name
        if name in self._manifests or folder.exists():
            shutil.rmtree(folder, ignore_errors=True)
        self._forget(name)
        if isinstance(state, Failed):
            note = {"stage": artifact.stage, "invalidations": [], **vars(state)}
            _write(folder / FAILURE, json.dumps(note, indent=1, sort_keys=True) + "\n")
        elif isinstance(state, Made) and self._manifests.keys() >= set(artifact.inputs.values()):
            self._make(artifact, state)

    def manifest_digest(self, name: str) -> str:
        """The sha256 of an artifact's manifest, as it was made last."""
        return self._digests[name]

    def records(self, run: str) -> list[Record]:
        """The records of a run; they differ from run to run and are the same at every call."""
        if run not in self._answers:
            self._answers[run] = draw_records(run, self.suite.domain)
        return self._answers[run]

    def _make(self, artifact: Artifact, made: Made) -> None:
        sources = [self._manifests[source] for source in artifact.inputs.values()]
        diverged = next((source for source in sources if source.diverged), None)
        status, step = made.status, made.step
        # Tables and the report tell of what diverged.
        tells = artifact.stage in ("tabulate", "report")
        if diverged is not None and made.files is None and not tells:
            status, step = diverged.status, diverged.step
        files = made.files
        if files is None:
            files = {} if status == "diverged" else self._files(artifact)
        folder = self.root / artifact.name
        folder.mkdir(parents=True)
        entries, times = {}, {}
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            _write(folder / name, data)
            entries[name] = FileEntry(len(data), digest(data))
            times[name] = (folder / name).stat().st_mtime_ns
        # Sorted as a job's are.
        manifest = Manifest(artifact.stage, dict(sorted(entries.items())), status, step)
        text = manifest_text(manifest).encode()
        _write(folder / MANIFEST, text)
        self._manifests[artifact.name] = manifest
        self._digests[artifact.name] = digest(text)
        record = self._record(artifact, made, manifest, times).text().encode()
        _write(folder / PROVENANCE, record)
        self._digests[f"{artifact.name}/{PROVENANCE}"] = digest(record)

    def _record(
        self, artifact: Artifact, made: Made, manifest: Manifest, times: Mapping[str, int]
    ) -> Provenance:
        inputs = {name: self._digests[source] for name, source in artifact.inputs.items()}
        paths = {name: str(self.root / source) for name, source in artifact.inputs.items()}
        for source in artifact.reads:
            name = f"{source}/{PROVENANCE}"
            inputs[name], paths[name] = self._digests[name], str(self.root / name)
        for name, path in artifact.outside.items():
            inputs[name], paths[name] = folder_digest(path), str(path)
        settings = artifact.resolved
        code = code_of(artifact.stage, settings)
        recipe = Recipe(artifact.stage, settings, inputs, code, self._lock, None)
        measures = MEASURES.get(artifact.stage, {}) if made.measures is None else made.measures
        facts = {
            **self._facts,
            "status": manifest.status,
            "step": manifest.step,
            "command": ["clearbench", artifact.stage, "--out", str(self.root / artifact.name)],
            "seconds": made.seconds,
            "measures": {} if manifest.diverged else dict(measures),
            "gpu": made.gpu,
            **made.facts,
        }
        return Provenance(recipe, paths, self._digests[artifact.name], times, facts)

    def _files(self, artifact: Artifact) -> Mapping[str, str | bytes]:
        """The files that an artifact of its stage has."""
        stage, name = artifact.stage, artifact.name
        run = name.partition("/")[2]
        if stage == "evaluate":
            text = f"records of {run}\n"
            points = str(artifact.options.get("strengths", "")).split(",")
            if artifact.settings["stress"]:
                points = test_of(artifact.settings["stress"]).points
            if points != [""]:
                return {
                    f"{point}/{RECORDS}": self._lines(f"{run}/{point}") if self._records else text
                    for point in points
                }
            return {RECORDS: self._lines(run) if self._records else text}
        if stage == "score":
            if not self._records:
                return {SCORES: json.dumps(draw_scores(run), indent=1) + "\n"}
            asked, compared = (
                artifact.inputs.get(key, "").partition("/")[2] for key in ("records", "gold")
            )
            if "strength" in artifact.options:
                asked += f"/{artifact.options['strength']:g}"
            if artifact.options.get("point") == ANY:
                assert artifact.run is not None
                assert artifact.run.stress is not None
                _, test = self.suite.stress_tests[artifact.run.stress]
                tries = [self.records(f"{asked}/{point}") for point in test.points]
                return files_of(score_tries(tries))
            if "point" in artifact.options:
                asked, compared = (f"{of}/{artifact.options['point']}" for of in (asked, compared))
            gold = self.records(compared)
            bound = artifact.options.get("bound")
            own = draw_bound(bound, gold) if bound else self.records(asked)
            return _scores(tuple(own), tuple(gold), (*task_metrics(), *model_metrics()))
        if stage == "tabulate":
            read = read_results(self.graph, Tree(self.root))
            return {**documents(read), **pictures(read)}
        weights = {"unlearn": "adapter_model.safetensors", "base": "model.safetensors"}
        weights["finetune"] = weights["base"]
        return {weights.get(stage, "data/rows.txt"): f"{stage} {name}\n"}

    def _lines(self, run: str) -> str:
        return "".join(json.dumps(fields_of(record)) + "\n" for record in self.records(run))

    def _forget(self, name: str) -> None:
        self._manifests.pop(name, None)
        for key in (name, f"{name}/{PROVENANCE}"):
            self._digests.pop(key, None)


def fill(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """The part folder of an artifact with its files and its manifest, as a job publishes it."""
    part = part_folder(folder)
    part.mkdir(parents=True)
    for name, text in files.items():
        _write(part / name, text)
    _write(part / MANIFEST, manifest_text(take_stock(part, Manifest("any"))))
    return part


def put_artifact(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """Publish an artifact without provenance record, for a job that takes it as an input."""
    publish(fill(folder, files), folder)
    return folder


def names(folder: Path) -> set[str]:
    """The files below a folder, by path from there."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def rules_see(config: Mapping[str, str]) -> Workflow:
    """What the rules see of a suite when Snakemake reads them, which has laid out no jobs yet."""
    return Workflow(config, SimpleNamespace(deployment_settings=DeploymentSettings()))


def write_suite(folder: Path, name: str = "small", **changes: Any) -> Suite:
    """Write a suite file of two methods, two modalities and three seeds, except for the changes."""
    suite = {
        "description": "small",
        "dataset": "mini",
        "model": "tiny-llava",
        "base": {},
        "modalities": ["text", "visual"],
        "forget_sizes": [10],
        "seeds": [0, 1, 2],
        "methods": {"retain_ft": {}, "ga": {}},
    }
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump({**suite, **changes}, sort_keys=False), encoding="utf-8")
    return load_suite(str(path), ROOT)


def draw_records(run: str, domain: str = "multimodal", samples: int = SAMPLES) -> list[Record]:
    """Records of all splits, drawn from a run's name."""
    draw = random.Random(run)
    likelihood = partial(_likelihood, draw)
    return [
        Record.measured(
            [likelihood() for _ in range(5)],
            split=split,
            task=task,
            id=f"{split}/{task}/{number}",
            answer="a red hat",
            generated=draw.choice(["a red hat", "a dog"]),
        )
        for split in SPLITS
        for task in (TASKS if domain == "multimodal" else TASKS[1:])
        for number in range(samples)
    ]


@cache
def _scores(
    own: tuple[Record, ...], gold: tuple[Record, ...], known: tuple[str, ...]
) -> Mapping[str, str]:
    """The files of some records' scores by the known metrics; trees have many records in common."""
    return files_of(score_with_draws(own, gold))


def _likelihood(draw: random.Random) -> Likelihood:
    return Likelihood(-draw.uniform(0.3, 9), 3, -draw.uniform(0.1, 3))


def draw_scores(run: str) -> dict[str, float]:
    """Scores that differ from run to run and key to key, and are the same at every call."""
    draw = random.Random(run)
    return {key: draw.random() for key in KEYS}


def _write(path: Path, content: str | bytes) -> None:
    data = content.encode() if isinstance(content, str) else content
    try:
        path.write_bytes(data)
    except FileNotFoundError:
        path.parent.mkdir(parents=True)
        path.write_bytes(data)
