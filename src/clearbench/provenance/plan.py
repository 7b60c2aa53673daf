"""What a run would do: its jobs, their time and storage by similar jobs before or by limits."""

import contextlib
import heapq
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

from tabulate import tabulate

from clearbench import methods
from clearbench.config.settings import Population
from clearbench.config.site import SITE, Site
from clearbench.errors import UserError
from clearbench.evaluation.limit import longer, told
from clearbench.jobs.artifacts import PROVENANCE
from clearbench.jobs.environment import Accepted
from clearbench.results.currency import Status
from clearbench.results.siblings import Prospect, look_ahead
from clearbench.results.tree import Tree
from clearbench.stress_tests import test_of
from clearbench.suite.artifact import Artifact
from clearbench.suite.graph import Graph
from clearbench.suite.rows.cells import REFERENCE


@dataclass(frozen=True)
class Cost:
    """What a job takes: wall seconds, bytes of its artifact, and how many GPUs it has.

    `machines` are those that it was measured on, a GPU's name or a host's. Without any it is a
    bound, the time limit that the job gets, and its size is not known.
    """

    seconds: float
    size: float
    gpus: int
    machines: tuple[str, ...] = ()

    @property
    def measured(self) -> bool:
        """Whether jobs like it are on record."""
        return bool(self.machines)


@dataclass(frozen=True)
class _Job:
    """A job on record: its cost, the seconds that grow with its work, and how much work it was."""

    cost: Cost
    training: float
    work: float

    def scaled(self, work: float) -> Cost:
        """What as much work as given would cost: loading takes as long, training in proportion."""
        grown = work / self.work if self.work else 1.0
        seconds = self.cost.seconds + self.training * (grown - 1)
        return Cost(seconds, self.cost.size, self.cost.gpus, self.cost.machines)


@dataclass(frozen=True)
class StagePlan:
    """The jobs of a stage that a run would start.

    `certain` of the `jobs` are known to work; the others end at once if their inputs turn out
    unchanged. `costs` are those of all jobs.
    """

    stage: str
    jobs: int
    certain: int
    costs: list[Cost]

    @property
    def unknown(self) -> int:
        """Jobs with nothing like them on record, whose costs are bounds."""
        return sum(not cost.measured for cost in self.costs)


class Experience:
    """What jobs took so far, from the provenance records of some results trees.

    One cell on record tells the others of its model: an unlearning takes as long as its epochs,
    forget size and passes a step ask. Text and images are taken to cost alike, and both of them the
    two together. The models of a membership attack are told by those of their own jobs, and before
    there are any by the original and the cells.
    """

    def __init__(self, trees: Iterable[Tree], site: Site | None = None):
        self._jobs: dict[tuple[str, ...], list[_Job]] = defaultdict(list)
        self._site = site or Site()
        for tree in trees:
            basis = _basis_of(tree)
            for path in tree.root.rglob(PROVENANCE):
                name = path.parent.relative_to(tree.root).as_posix()
                # Hidden folders are of jobs at work.
                if "/." not in f"/{name}":
                    self._learn(tree, name, basis)

    def _learn(self, tree: Tree, name: str, basis: "Basis") -> None:
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
        machine = facts["gpu"] or facts["host"]
        job = _Job(Cost(facts["seconds"], size, gpus, (machine,)), training, work)
        for kind in _kinds(stage, settings, basis, gpus > 0):
            self._jobs[kind].append(job)

    def estimate(self, artifact: Artifact, graph: Graph) -> Cost:
        """The mean over the most similar jobs; where no job was similar, the limit of its time.

        Similar are jobs on the same dataset and base model alone, and with a GPU where this one
        asks for one.
        """
        need = graph.suite.model.need(artifact.stage)
        mean = self._mean(artifact, Basis.of(graph), need.gpus > 0)
        times = _evaluations(artifact)
        if mean is None and times:
            # As that many plain evaluations.
            options = {k: v for k, v in artifact.options.items() if k != "strengths"}
            asked = replace(
                artifact, options=options, settings={**artifact.settings, "stress": None}
            )
            plain = self._mean(asked, Basis.of(graph), need.gpus > 0)
            mean = plain and replace(plain, seconds=times * plain.seconds, size=times * plain.size)
        return mean or Cost(60.0 * self._site.minutes(need.minutes), 0.0, need.gpus)

    def _mean(self, artifact: Artifact, basis: "Basis", on_gpu: bool) -> Cost | None:
        asked = [True] if on_gpu else [False, True]
        stages = dict.fromkeys((artifact.stage, _ALIKE.get(artifact.stage, artifact.stage)))
        for kind in (
            kind
            for stage in stages
            for gpu in asked
            for kind in _kinds(stage, artifact.resolved, basis, gpu)
        ):
            work = _work(artifact.stage, artifact.resolved, REFERENCE in artifact.inputs)
            # What trained nothing tells nothing of how long training takes.
            jobs = [job for job in self._jobs.get(kind, ()) if job.work or not work]
            if jobs:
                costs = [job.scaled(work) for job in jobs]
                # Of the models of an attack, trained as others are, all are kept or none.
                like = artifact.stage == kind[0]
                copies = 1 if like else _models(artifact.resolved) * (artifact.stage == "shadows")
                return Cost(
                    fmean(cost.seconds for cost in costs),
                    copies * fmean(cost.size for cost in costs),
                    max(cost.gpus for cost in costs),
                    tuple(sorted({machine for cost in costs for machine in cost.machines})),
                )
        return None


_ALIKE = {"shadows": "finetune", "unlearn_shadows": "unlearn"}
"""What stages do for many models that others do for one."""


def _strengths(stage: str, settings: Mapping[str, Any]) -> int:
    """At how many strengths a job evaluates a model; 0 where it evaluates the model as it is.

    And 0 of one that unlearns models first, of whose time their evaluation is a small part.
    """
    if stage != "evaluate" or "strengths" not in settings:
        return 0
    return len(str(settings["strengths"]).split(","))


def _evaluations(artifact: Artifact) -> int:
    """How many evaluations of its model a job makes in place of the plain one; 0 where none."""
    stress = artifact.settings.get("stress")
    if artifact.stage == "evaluate" and stress is not None:
        return len(test_of(stress).points)
    return _strengths(artifact.stage, artifact.resolved)


def _models(settings: Mapping[str, Any]) -> int:
    """How many models a job trains."""
    population = settings.get("population")
    if population is None:
        return 1
    return len(Population(**population).numbers(settings["number"]))


@dataclass(frozen=True)
class Basis:
    """What the jobs of a tree are about: the settings of its data and where its base comes from.

    What a stage is told of its model or its data does not say which ones they are. None where the
    tree has no record of it.
    """

    data: Any
    base: Any

    @classmethod
    def of(cls, graph: Graph) -> "Basis":
        """The basis of a suite."""
        return cls(graph[_DATA].resolved, graph[graph.bases[0]].resolved["model"])


_DATA = "dataset"


def _basis_of(tree: Tree) -> Basis:
    settings = {}
    # The bases of all seeds are alike.
    for name in (_DATA, *(f"base/{path.name}" for path in tree.root.glob("base/*"))):
        with contextlib.suppress(UserError):
            settings[name.partition("/")[0]] = tree.record(name).recipe.settings
    return Basis(settings.get(_DATA), settings.get("base", {}).get("model"))


def _kinds(
    stage: str, settings: Mapping[str, Any], basis: Basis, on_gpu: bool
) -> Iterator[tuple[str, ...]]:
    """What a job is like, the narrowest kind first."""
    base = None if stage in ("generate", "dataset") else basis.base
    data = settings if stage in ("generate", "dataset") else basis.data
    model, strengths = settings.get("model"), _strengths(stage, settings)
    stress = settings.get("stress")
    about = json.dumps([on_gpu, data, base, model, strengths, stress], sort_keys=True)
    training = json.dumps(settings.get("training"), sort_keys=True)
    parts = [str(settings.get(key)) for key in ("method", "modality", "forget_size")]
    for length in range(len(parts), -1, -1):
        yield (stage, about, training, *parts[:length])
    yield (stage, about)


def _work(stage: str, settings: Mapping[str, Any], stored: bool) -> float:
    """How much a job computes, in units that jobs of its stage and model have in common.

    A backward pass of an adapter costs a forward pass, one of all weights two; a step's passes go
    over batches of one size, and there are as many steps as the epochs and the forget set make.
    That prompts are run once for all their answers is left out: how much it saves is the images'.
    """
    training = settings.get("training")
    stage = _ALIKE.get(stage, stage)
    if stage not in ("finetune", "unlearn") or training is None:
        return 1.0
    models = _models(settings)
    if stage == "finetune":
        return float(models * training["epochs"])
    student, reference, surveyed, size = 1, 0, 0, settings["forget_size"]
    # A method on record may no longer be here.
    if settings["method"] in methods.available():
        method = methods.describe(settings["method"])
        student, reference = method.passes(settings["parameters"], stored, (100 - size) // size)
        surveyed = method.surveyed(size)
    passes = student * (3 if training["weights"] == "full" else 2) + reference
    modalities = 2 if settings.get("modality") == "both" else 1
    return float(models * modalities * (training["epochs"] * size * passes + surveyed))


def make_plan(
    graph: Graph, statuses: Mapping[str, Status], experience: Experience
) -> tuple[list[StagePlan], dict[str, Cost]]:
    """The jobs of a run by stage, in the flow's order, and the cost of each by its artifact."""
    estimates = {
        name: experience.estimate(status.artifact, graph)
        for name, status in statuses.items()
        if not status.current
    }
    stages: dict[str, list[str]] = defaultdict(list)
    for name in estimates:
        stages[graph[name].rule].append(name)
    plans = []
    for stage, names in stages.items():
        certain = sum(bool(statuses[name].causes) for name in names)
        costs = [estimates[name] for name in names]
        plans.append(StagePlan(stage, len(names), certain, costs))
    return plans, estimates


def foresee(
    graph: Graph, tree: Tree, environments: Accepted, site: Site | None = None
) -> tuple[Prospect, list[StagePlan], dict[str, Cost]]:
    """What a run would take over, and its plan by what all results trees beside this one tell.

    `site` is the cluster whose limits the jobs have; None where they have none but their own.
    """
    prospect = look_ahead(graph, tree, environments)
    beside = sorted(tree.root.parent.glob("*/"))
    others = [Tree(root) for root in beside if root != tree.root]
    return prospect, *make_plan(graph, prospect.then, Experience([tree, *others], site))


def finishing_time(graph: Graph, estimates: Mapping[str, Cost], workers: int) -> float:
    """Seconds until the last job ends if `workers` run at a time."""
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
            heapq.heappush(running, (now + cost.seconds, number))
        now, number = heapq.heappop(running)
        for user in users[names[number]]:
            waiting[user].discard(names[number])
            if not waiting[user]:
                heapq.heappush(ready, order[user])
    return now


def report(
    stages: Iterable[StagePlan], seconds: float, workers: int, of: str = ""
) -> Iterator[str]:
    """The plan as lines for people; `of` says where the number of workers is from."""
    stages = list(stages)
    if not stages:
        yield "nothing to do"
        return
    rows = [_row(stage.stage, [stage]) for stage in stages]
    rows.append([*_row("all", stages)[:-1], ""])
    headers = ["stage", "jobs", "certain", "unknown", "GPU time", "CPU time", "storage", "based on"]
    alignment = ("left", *["right"] * 6, "left")
    yield tabulate(rows, headers, disable_numparse=True, colalign=alignment)
    unknown = sum(stage.unknown for stage in stages)
    most = "at most " if unknown else ""
    yield f"finished after {most}{_duration(seconds)} with {workers} jobs at a time{of}"
    yield "certain: has a cause of its own; the others end at once if their inputs stay the same"
    if unknown:
        yield (
            f"unknown: nothing like these {unknown} jobs is on record, with this data, model and"
            " kind of machine; ≤ counts the time limits that they get by the model's file, GPUs ×"
            " minutes, and not their storage"
        )


def report_limits(graph: Graph, stages: Iterable[StagePlan], site: Site) -> Iterator[str]:
    """What jobs get less of on a cluster than the model's file asks for, as lines for people."""
    stage_of = {artifact.rule: artifact.stage for artifact in graph}
    for stage in dict.fromkeys(stage_of[plan.stage] for plan in stages):
        need = graph.suite.model.need(stage)
        lacks = [
            f"{granted} of {asked} {unit} ({key} in {SITE})"
            for key, unit, asked, granted in (
                ("max_minutes", "minutes", need.minutes, site.minutes(need.minutes)),
                ("max_mem_mb", "MB", need.mem_mb, site.mem_mb(need.mem_mb)),
            )
            if granted < asked
        ]
        if lacks:
            longer = "; what takes longer goes on in its next attempt"
            yield f"{stage}: a job gets {', '.join(lacks)}{longer if 'minutes' in lacks[0] else ''}"


def long_answers(graph: Graph, tree: Tree, current: bool) -> dict[int, tuple[int, int]] | None:
    """How many true answers are longer than greedy ones may be, and of how many, by forget size.

    A base's record tells, whose job has data and tokenizer; None before the first is `current`.
    A vision suite has no answers.
    """
    file = graph.suite.file
    if graph.suite.domain == "vision":
        return {}
    known = None
    if current:
        known = tree.record(graph.bases[0]).facts["measures"].get("answer_tokens")
    if known is None:
        return None
    return {
        size: (longer(lengths, file.evaluate.max_new_tokens), sum(lengths.values()))
        for size, lengths in ((size, known[str(size)]) for size in file.forget_sizes)
    }


def report_long(answers: Mapping[int, tuple[int, int]] | None, limit: int) -> Iterator[str]:
    """What `long_answers` gives, as lines for people; none where no answer is that long."""
    if answers is None:
        yield (
            f"how many true answers are longer than max_new_tokens ({limit}) is known once the base"
            " is made: it takes the data and the model's tokenizer"
        )
        return
    for size, (count, of) in answers.items():
        if count:
            yield told(size, count, of, limit)


def _row(name: str, stages: list[StagePlan]) -> list[str]:
    costs = [cost for stage in stages for cost in stage.costs]
    jobs = sum(stage.jobs for stage in stages)
    certain, unknown = sum(s.certain for s in stages), sum(s.unknown for s in stages)
    on_gpu = [cost for cost in costs if cost.gpus]
    on_cpu = [cost for cost in costs if not cost.gpus]
    measured = [cost for cost in costs if cost.measured]
    size = _size(sum(cost.size for cost in measured)) if measured else "?"
    figures = [_time(on_gpu), _time(on_cpu), size]
    machines = sorted({machine for cost in costs for machine in cost.machines})
    basis = [f"{len(measured)} as before on {', '.join(machines)}"] if measured else []
    basis += [f"{unknown} by time limits"] if unknown else []
    return [name, str(jobs), str(certain), str(unknown), *figures, "; ".join(basis)]


def _time(costs: list[Cost]) -> str:
    """The sum of processors' or GPUs' time, marked where it is a bound."""
    seconds = sum(cost.seconds * max(1, cost.gpus) for cost in costs)
    return ("" if all(cost.measured for cost in costs) else "≤ ") + _duration(seconds)


def _duration(seconds: float) -> str:
    if seconds >= 3600:
        return f"{seconds / 3600:,.1f} h"
    return f"{seconds / 60:.1f} min" if seconds >= 60 else f"{seconds:.0f} s"


def _size(size: float) -> str:
    return f"{size / 2**30:.2f} GiB" if size >= 2**30 else f"{size / 2**20:.1f} MiB"
