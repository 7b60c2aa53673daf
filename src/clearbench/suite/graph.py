"""A suite's artifacts: what each is made of and how. Rules, tables and audits read it off here."""

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from clearbench.jobs.artifacts import folders
from clearbench.stress_tests import StressTest, settings_of
from clearbench.suite.artifact import SHARED_OUT, Artifact
from clearbench.suite.evaluation import evaluated, scored
from clearbench.suite.rows import artifacts_of, runs_of
from clearbench.suite.rows.shadows import attack_on
from clearbench.suite.runs import Run, having_records
from clearbench.suite.suite import Suite

TABLES = "tables"
REPORT = "report"
OF_SUITE = (TABLES, REPORT)
"""What tells of its own suite: made by the suite's name, and never another's."""

MODELS = 80
"""The most rows whose answers the report shows, of each of which one model is asked."""


class Graph:
    """The artifacts of a suite by name, each after those that it is made from."""

    def __init__(self, suite: Suite):
        self.suite = suite
        made = {artifact.name: artifact for artifact in self._all()}
        made[REPORT] = self._report(made)
        self.artifacts = _in_order(made, made)

    def __getitem__(self, name: str) -> Artifact:
        return self.artifacts[name]

    def __iter__(self) -> Iterator[Artifact]:
        return iter(self.artifacts.values())

    def __contains__(self, name: object) -> bool:
        return name in self.artifacts

    @cached_property
    def runs(self) -> dict[str, Run]:
        """All evaluated models by name, in the order of the tables."""
        return {run.name: run for run in runs_of(self.suite)}

    @cached_property
    def cells(self) -> dict[str, Run]:
        """The runs that are cells, by name, in the order of the tables."""
        return {name: run for name, run in self.runs.items() if run.cell is not None and run.plain}

    @cached_property
    def bases(self) -> list[str]:
        """The bases that fine-tunings start from, those of the seeds in their order first."""
        return [artifact.name for artifact in self if artifact.stage == "base"]

    def command(self, name: str, root: Path, out: Path | None = None) -> list[str]:
        """The words that make an artifact from the results below `root`: of its rule, and again.

        Into its place there, or into `out`. With several GPUs, a stage that can share its work
        among processes starts one for each.
        """
        artifact = self[name]
        gpus = self.suite.model.need(artifact.stage).gpus
        words = ["clearbench"]
        if artifact.stage in SHARED_OUT and gpus > 1:
            words += ["--processes", str(gpus)]
        words.append(artifact.stage.replace("_", "-"))
        if artifact.settings:
            words += ["--settings", json.dumps(artifact.settings, sort_keys=True)]
        if name == TABLES:
            given: dict[str, Any] = {"suite": self.suite.path, "results": root}
        elif name == REPORT:
            # People call this one too, and name the folder of all results.
            given = {"suite": self.suite.path, "results": root.parent}
        else:
            given = {key: value for key, value in artifact.options.items() if value is not None}
            # Of the many shadow models, the number is not part of the option's name.
            given |= {key: root / source for key, source in artifact.inputs.items()}
        for key, value in {**given, "out": out or root / name}.items():
            words += [f"--{key.partition('/')[0].replace('_', '-')}", str(value)]
        return words

    def ancestors(self, name: str) -> list[Artifact]:
        """An artifact after all that it is made from, in the flow's order."""
        return list(_in_order(self.artifacts, [name]).values())

    def descendants(self, *names: str) -> list[Artifact]:
        """Some artifacts and all that are made from them, in the flow's order."""
        reached = set(names)
        for artifact in self:
            if not reached.isdisjoint(artifact.inputs.values()):
                reached.add(artifact.name)
        return [artifact for artifact in self if artifact.name in reached]

    def _all(self) -> Iterator[Artifact]:
        yield from self._data()
        yield from artifacts_of(self.suite)
        for run in having_records(self.runs.values()):
            # Other groups' records are their logs.
            if run.base is not None:
                size = run.forget_size
                yield evaluated(self.suite, run.records, run.base, run.stack, size, run)
        for run in self.runs.values():
            yield scored(self.suite, run, attack_on(self.suite, run))
        yield self._tables()

    def _data(self) -> Iterator[Artifact]:
        dataset, words = self.suite.dataset, self.suite.words
        percent = self.suite.file.holdout
        holdout: dict[str, Any] = {} if percent is None else {"holdout": percent}
        inputs = {}
        if dataset.generator is not None:
            drawn = dataset.generator.model_dump()
            yield Artifact("generate", "generate", drawn, holdout)
            inputs["source"] = "generate"
        outside = folders(
            images=dataset.images, texts=dataset.texts, general=dataset.general_folder
        )
        options = holdout | ({} if words == "ascii" else {"words": words})
        yield Artifact("dataset", "dataset", dataset.model_dump(), options, inputs, (), outside)

    def _tables(self) -> Artifact:
        reads = {run.records for run in self.runs.values()}
        reads |= {run.weights for run in self.runs.values() if run.trained}
        return Artifact(
            TABLES,
            "tabulate",
            options=shown(self.suite),
            inputs={run.scores: run.scores for run in self.runs.values()},
            reads=tuple(sorted(reads)),
        )

    def _report(self, made: Iterable[str]) -> Artifact:
        """The page: of the scores, of what one model of each row says, and how all was made."""
        scores = {run.scores: run.scores for run in self.runs.values()}
        told = {f"records/{run.name}": run.records for run in self._asked()}
        return Artifact(
            REPORT,
            "report",
            options={
                **shown(self.suite),
                "description": self.suite.file.description,
                "fictitious": self.suite.dataset.made_up,
                # What is left as it is enters no recipe.
                **self.suite.file.report.model_dump(exclude_defaults=True),
            },
            inputs={**scores, **told, "dataset": "dataset"},
            reads=tuple(sorted(name for name in made if name != TABLES)),
        )

    def _asked(self) -> list[Run]:
        """The models whose answers a report shows: of the first rows, the first of each."""
        if self.suite.domain == "vision":
            return []
        first: dict[str, Run] = {}
        for run in having_records(self.runs.values()):
            if run.in_row and run.bound is None:
                first.setdefault(run.group, run)
        return list(first.values())[:MODELS]


def _in_order(artifacts: Mapping[str, Artifact], names: Iterable[str]) -> dict[str, Artifact]:
    """Some artifacts and all that they are made from, each after these, and else as named."""
    placed: dict[str, Artifact] = {}

    def place(name: str) -> None:
        if name not in placed:
            for source in artifacts[name].inputs.values():
                place(source)
            placed[name] = artifacts[name]

    for name in names:
        place(name)
    return placed


def shown(suite: Suite) -> dict[str, Any]:
    """What the tables show of a suite besides its scores."""
    file = suite.file

    def told(kind: str, test: StressTest) -> dict[str, Any]:
        return {
            **settings_of(kind, test),
            "points": list(test.points),
            "reading": test.READING,
            "variants": test.VARIANTS,
        }

    return {
        "suite": suite.name,
        "model": file.model,
        "dataset": file.dataset,
        "methods": list(file.methods),
        "select": None if file.select is None else file.select.model_dump(),
        "modalities": file.modalities,
        "forget_sizes": file.forget_sizes,
        "seeds": file.seeds,
        "originals": file.originals,
        "repeats": file.repeats.model_dump(),
        # What few suites ask for enters the recipes of these alone.
        **({"recipes": file.recipes} if file.recipes else {}),
        "metrics": file.metrics,
        "holdout": file.holdout,
        "stress": {name: told(*entry) for name, entry in suite.stress_tests.items()},
        "imported": {name: given.model_dump() for name, given in file.imported.items()},
        "external": {name: given.model_dump() for name, given in file.external.items()},
        "fairness": file.fairness,
        # What is left as it is enters no recipe.
        **({"requests": file.requests} if file.requests else {}),
        **suite.own_tasks,
        **suite.groups,
    }
