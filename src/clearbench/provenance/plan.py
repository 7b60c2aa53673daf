"""What a run would do: its jobs, and their time and storage by those of similar jobs before."""

import heapq
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from tabulate import tabulate

from clearbench import methods
from clearbench.errors import UserError
from clearbench.graph import REFERENCE, Artifact, Graph
from clearbench.provenance.artifacts import PROVENANCE
from clearbench.provenance.currency import Status
from clearbench.provenance.tree import Tree


@dataclass(frozen=True)
class Cost:
    """What a job takes: wall seconds, bytes of its artifact, and how many GPUs it has."""

    seconds: float
    size: float
    gpus: int


@dataclass(frozen=True)
class _Job:
    """A job on record: its cost, the seconds that grow with its work, and how much work it was."""

    cost: Cost
    training: float
    work: float

    def scaled(self, work: float) -> Cost:
        """What as much work as given would cost: loading takes as long, training in proportion."""
        seconds = self.cost.seconds + self.training * (work / self.work - 1)
        return Cost(seconds, self.cost.size, self.cost.gpus)


@dataclass(frozen=True)
class StagePlan:
    """The jobs of a stage that a run would start.

    Of `jobs`, `certain` are known to work; the others end at once if their inputs turn out
    unchanged. `costs` are the estimates of those that have one.
    """

    stage: str
    jobs: int
    certain: int
    costs: list[Cost]

    @property
    def unknown(self) -> int:
        """Jobs with nothing like them on record."""
        return self.jobs - len(self.costs)


class Experience:
    """What jobs took so far, from the provenance records of some results trees.

    One cell on record tells the others of its model: an unlearning takes as long as its epochs,
    forget size and passes a step ask. Text and images are taken to cost alike, and both of them the
    two together.
    """

    def __init__(self, trees: Iterable[Tree]):
        self._jobs: dict[tuple[str, ...], list[_Job]] = defaultdict(list)
        for tree in trees:
            base = _base_of(tree)
            for path in tree.root.rglob(PROVENANCE):
                self._learn(tree, path.parent.relative_to(tree.root).as_posix(), base)

    def _learn(self, tree: Tree, name: str, base: Any) -> None:
        try:
            record, manifest = tree.record(name), tree.manifest(name)
        except UserError:
            # What is damaged teaches nothing; `audit` complains of it.
            return
        if manifest.diverged:
            return
        size = sum(entry.size for entry in manifest.files.values())
        facts, stage, settings = record.facts, record.recipe.stage, record.recipe.settings
        gpus = facts.get("processes", 1) if facts["gpu"] is not None else 0
        training = facts["measures"].get("training_seconds", 0.0)
        work = _work(stage, settings, REFERENCE in record.recipe.inputs)
        job = _Job(Cost(facts["seconds"], size, gpus), training, work)
        for kind in _kinds(stage, settings, base):
            self._jobs[kind].append(job)

    def estimate(self, artifact: Artifact, base: Any) -> Cost | None:
        """The mean over the most similar jobs; None if no job was similar.

        `base` says where the suite's base model comes from, as the settings of its job do.
        """
        for kind in _kinds(artifact.stage, artifact.resolved, base):
            jobs = self._jobs.get(kind)
            if jobs:
                stored = REFERENCE in artifact.inputs
                work = _work(artifact.stage, artifact.resolved, stored)
                costs = [job.scaled(work) for job in jobs]
                return Cost(
                    fmean(cost.seconds for cost in costs),
                    fmean(cost.size for cost in costs),
                    max(cost.gpus for cost in costs),
                )
        return None


def _base_of(tree: Tree) -> Any:
    """Where the base model of a tree comes from, by its record; None without one."""
    try:
        return tree.record("base").recipe.settings["model"]
    except UserError:
        return None


def _kinds(stage: str, settings: Mapping[str, Any], base: Any) -> Iterator[tuple[str, ...]]:
    """What a job is like, the narrowest kind first; a job with a model is like none of another."""
    # What a stage is told of its model does not say which one it is; the base's origin does.
    model = json.dumps([settings["model"], base] if "model" in settings else None, sort_keys=True)
    training = json.dumps(settings.get("training"), sort_keys=True)
    parts = [str(settings.get(key)) for key in ("method", "modality", "forget_size")]
    for length in range(len(parts), -1, -1):
        yield (stage, model, training, *parts[:length])
    yield (stage, model)


def _work(stage: str, settings: Mapping[str, Any], stored: bool) -> float:
    """How much a job computes, in units that jobs of its stage and model have in common.

    A backward pass of an adapter costs a forward pass, one of all weights two; a step's passes go
    over batches of one size, and there are as many steps as the epochs and the forget set make.
    That prompts are run once for all their answers is left out: how much it saves is the images'.
    """
    training = settings.get("training")
    if stage not in ("finetune", "unlearn") or training is None:
        return 1.0
    if stage == "finetune":
        return float(training["epochs"])
    try:
        student, reference = methods.passes(settings["method"], settings["parameters"], stored)
    except FileNotFoundError:
        # A method on record that is no longer here.
        student, reference = 1, 0
    passes = student * (3 if training["weights"] == "full" else 2) + reference
    modalities = 2 if settings["modality"] == "both" else 1
    return float(training["epochs"] * settings["forget_size"] * modalities * passes)


def make_plan(
    statuses: Mapping[str, Status], experience: Experience
) -> tuple[list[StagePlan], dict[str, Cost | None]]:
    """The jobs of a run by stage, in the flow's order, and the estimate of each by its artifact."""
    base = statuses["base"].artifact.resolved["model"]
    estimates = {
        name: experience.estimate(status.artifact, base)
        for name, status in statuses.items()
        if not status.current
    }
    stages: dict[str, list[str]] = defaultdict(list)
    for name in estimates:
        stages[name.partition("/")[0]].append(name)
    found = []
    for stage, names in stages.items():
        certain = sum(bool(statuses[name].causes) for name in names)
        costs = [cost for cost in map(estimates.get, names) if cost is not None]
        found.append(StagePlan(stage, len(names), certain, costs))
    return found, estimates


def finishing_time(graph: Graph, estimates: Mapping[str, Cost | None], workers: int) -> float:
    """Seconds until the last job ends if `workers` run at a time; unknown ones count as nothing."""
    waiting = {
        name: {source for source in graph[name].inputs.values() if source in estimates}
        for name in estimates
    }
    users: dict[str, list[str]] = defaultdict(list)
    for name, sources in waiting.items():
        for source in sources:
            users[source].append(name)
    order = {name: number for number, name in enumerate(estimates)}
    ready = [order[name] for name, sources in waiting.items() if not sources]
    names = list(estimates)
    heapq.heapify(ready)
    running: list[tuple[float, int]] = []
    now = 0.0
    while ready or running:
        while ready and len(running) < workers:
            number = heapq.heappop(ready)
            cost = estimates[names[number]]
            heapq.heappush(running, (now + (cost.seconds if cost else 0.0), number))
        now, number = heapq.heappop(running)
        for user in users[names[number]]:
            waiting[user].discard(names[number])
            if not waiting[user]:
                heapq.heappush(ready, order[user])
    return now


def report(stages: Iterable[StagePlan], seconds: float, workers: int) -> Iterator[str]:
    """The plan as lines for people."""
    stages = list(stages)
    if not stages:
        yield "nothing to do"
        return
    rows = [_row(stage.stage, [stage]) for stage in stages]
    rows.append(_row("all", stages))
    headers = ["stage", "jobs", "certain", "unknown", "GPU time", "CPU time", "storage"]
    yield tabulate(rows, headers, disable_numparse=True, colalign=("left", *["right"] * 6))
    unknown = sum(stage.unknown for stage in stages)
    least = "at least " if unknown else ""
    yield f"finished after {least}{_duration(seconds)} with {workers} jobs at a time"
    yield "certain: has a cause of its own; the others end at once if their inputs stay the same"
    if unknown:
        yield f"unknown: nothing like these {unknown} jobs is on record, they count as nothing"


def _row(name: str, stages: list[StagePlan]) -> list[str]:
    costs = [cost for stage in stages for cost in stage.costs]
    jobs = sum(stage.jobs for stage in stages)
    if not costs:
        figures = ["?", "?", "?"]
    else:
        gpu = sum(cost.seconds * cost.gpus for cost in costs)
        cpu = sum(cost.seconds for cost in costs if not cost.gpus)
        figures = [_duration(gpu), _duration(cpu), _size(sum(cost.size for cost in costs))]
    certain, unknown = sum(s.certain for s in stages), sum(s.unknown for s in stages)
    return [name, str(jobs), str(certain), str(unknown), *figures]


def _duration(seconds: float) -> str:
    if seconds >= 3600:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 60:.1f} min" if seconds >= 60 else f"{seconds:.0f} s"


def _size(size: float) -> str:
    return f"{size / 2**30:.2f} GiB" if size >= 2**30 else f"{size / 2**20:.1f} MiB"
