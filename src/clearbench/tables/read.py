"""Reading a suite's results tree: the one file of the tables that reads files."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from clearbench.artifacts import FAILURE, MANIFEST, PROVENANCE, Manifest
from clearbench.errors import UserError
from clearbench.layout import GOLD_SEEDS, RECORDS, SCORES, Layout, gold_run
from clearbench.suite import Suite
from clearbench.tables.results import Document, DocumentName, Group, Results, Run, Source, plan


def read_results(suite: Suite, layout: Layout, scores: Mapping[str, Manifest]) -> Results:
    """Read what there is of a suite's runs; `scores` are the manifests of their scores.

    A run is failed where a stage that it needs left a note of its failure, and missing where one
    has not finished, even if the run has scores: these are left over from before. Raises UserError
    for a damaged file.
    """
    groups = plan(suite)
    # Most runs need the same few artifacts, and a look at a network disk is slow.
    obstacle = cache(_obstacle)
    runs: dict[str, Run] = {}
    weights: dict[str, Path] = {}
    for group in groups:
        for name in group.runs:
            weights[name] = _weights(layout, group, name)
            needed = _needed(suite, layout, group, name)
            obstacles = filter(None, (obstacle(layout, folder) for folder in needed))
            runs[name] = next(obstacles, None) or _read_run(
                layout, name, weights[name], scores[name]
            )
    finished = {name: weights[name] for name, run in runs.items() if run.state == "ok"}
    return Results(suite, groups, runs, _twins(layout, finished))


def _weights(layout: Layout, group: Group, run: str) -> Path:
    """The folder of a run's own weights."""
    if not group.control:
        return layout.unlearned(run)
    return layout.original if group.method == "original" else layout.root / run


def _needed(suite: Suite, layout: Layout, group: Group, run: str) -> list[Path]:
    """The artifacts that a run's scores are made of, in the flow's order, and the scores."""
    gold = gold_run(group.forget_size, GOLD_SEEDS[0])
    is_gold = group.control and group.method != "original"
    return [
        *([layout.generated] if suite.dataset.generator is not None else []),
        layout.dataset,
        layout.base,
        *([] if is_gold else [layout.original]),
        layout.root / gold,
        layout.evaluated(gold),
        _weights(layout, group, run),
        layout.evaluated(run),
        layout.scored(run),
    ]


def _obstacle(layout: Layout, folder: Path) -> Run | None:
    """What a run that needs an artifact is, if the artifact is not there."""
    path = folder / FAILURE
    if path.is_file():
        note = _read_json(path)
        reason = f"{note['stage']} failed: {note['error']}: {note['message']}"
        proof = Source(_below(layout, path), "message")
        return Run("failed", detail=note["stage"], reason=reason, proof=proof)
    if not (folder / MANIFEST).is_file():
        return Run("missing", reason=f"{folder.relative_to(layout.root).parts[0]} not finished")
    return None


def _read_run(layout: Layout, run: str, weights: Path, manifest: Manifest) -> Run:
    scored = layout.scored(run)
    if manifest.diverged:
        when = "evaluation" if manifest.step is None else f"step {manifest.step}"
        proof = Source(_below(layout, scored / MANIFEST), "status")
        return Run("diverged", detail=when, reason=f"diverged ({when})", proof=proof)
    documents: dict[DocumentName, Document] = {
        "score": Document(_below(layout, scored / SCORES), _read_json(scored / SCORES))
    }
    costs: dict[DocumentName, Path] = {"train": weights, "evaluate": layout.evaluated(run)}
    for name, folder in costs.items():
        path = folder / PROVENANCE
        if path.is_file():
            documents[name] = Document(_below(layout, path), _figures(_read_json(path)))
    return Run(documents=documents)


def _figures(provenance: dict[str, Any]) -> dict[str, float]:
    """The numbers of a provenance record, those of its measures as `measures/NAME`."""
    measures = {f"measures/{key}": value for key, value in provenance["measures"].items()}
    figures = {**provenance, **measures}
    return {key: value for key, value in figures.items() if isinstance(value, int | float)}


def _twins(layout: Layout, weights: Mapping[str, Path]) -> tuple[tuple[str, ...], ...]:
    """The runs with the same records, or the same unlearned weights; `weights` are their folders.

    Both are compared: where evaluation is not bit-exact, equal weights give unequal records.
    """
    same: dict[tuple[str, ...], list[str]] = {}
    for run, folder in weights.items():
        evaluated = _digests(layout.evaluated(run))
        unlearned = _digests(folder) if folder == layout.unlearned(run) else {}
        for files in (
            [digest for name, digest in evaluated.items() if name == RECORDS],
            [digest for name, digest in unlearned.items() if name.endswith(".safetensors")],
        ):
            if files:
                same.setdefault(tuple(files), []).append(run)
    return tuple(dict.fromkeys(tuple(runs) for runs in same.values() if len(runs) > 1))


def _digests(folder: Path) -> dict[str, str]:
    """The digests of an artifact's files by its manifest; the files themselves may be gone."""
    path = folder / MANIFEST
    if not path.is_file():
        return {}
    return {name: entry["sha256"] for name, entry in _read_json(path)["files"].items()}


def _below(layout: Layout, path: Path) -> str:
    return path.relative_to(layout.root).as_posix()


def _read_json(path: Path) -> dict[str, Any]:
    try:
        data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({error}); remove its folder and rerun") from None
    return data
