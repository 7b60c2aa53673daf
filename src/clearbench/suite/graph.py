"""A suite's artifacts: what each is made of and how. Rules, tables and audits read it off here."""

import json
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from clearbench.jobs.artifacts import folders
from clearbench.suite.artifact import Artifact
from clearbench.suite.evaluation import evaluated, scored
from clearbench.suite.rows import artifacts_of, runs_of
from clearbench.suite.rows.shadows import attack_on
from clearbench.suite.runs import Run, records_of
from clearbench.suite.suite import Suite

TABLES = "tables"
SHARED_OUT = ("finetune", "unlearn", "evaluate")
"""The stages whose work several processes of a job can share."""


class Graph:
    """The artifacts of a suite by name, each after those that it is made from."""

    def __init__(self, suite: Suite):
        self.suite = suite
        self.artifacts = {artifact.name: artifact for artifact in self._all()}

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
        """Those of them that are cells."""
        return {name: run for name, run in self.runs.items() if run.cell is not None}

    def command(self, name: str, root: Path, out: Path | None = None) -> list[str]:
        """The words that make an artifact from the results below `root`: of its rule, and again.

        Into its place there, or into `out`. With several GPUs, a stage that can share its work
        among processes starts one for each.
        """
        artifact = self[name]
        gpus = self.suite.model.needs()[artifact.stage].gpus
        words = ["clearbench"]
        if artifact.stage in SHARED_OUT and gpus > 1:
            words += ["--processes", str(gpus)]
        words.append(artifact.stage.replace("_", "-"))
        if artifact.settings:
            words += ["--settings", json.dumps(artifact.settings, sort_keys=True)]
        if name == TABLES:
            given: dict[str, Any] = {"suite": self.suite.path, "results": root}
        else:
            given = {key: value for key, value in artifact.options.items() if value is not None}
            # Of the many shadow models, the number is not part of the option's name.
            given |= {key: root / source for key, source in artifact.inputs.items()}
        for key, value in {**given, "out": out or root / name}.items():
            words += [f"--{key.partition('/')[0].replace('_', '-')}", str(value)]
        return words

    def ancestors(self, name: str) -> list[Artifact]:
        """An artifact after all that it is made from, in the flow's order."""
        found: dict[str, Artifact] = {}

        def visit(name: str) -> None:
            if name not in found:
                for source in self[name].inputs.values():
                    visit(source)
                found[name] = self[name]

        visit(name)
        return list(found.values())

    def descendants(self, *names: str) -> list[Artifact]:
        """Some artifacts and all that are made from them, in the flow's order."""
        found = set(names)
        for artifact in self:
            if not found.isdisjoint(artifact.inputs.values()):
                found.add(artifact.name)
        return [artifact for artifact in self if artifact.name in found]

    def _all(self) -> Iterator[Artifact]:
        yield from self._data()
        yield from artifacts_of(self.suite)
        for run in self.runs.values():
            # Other records are a log's or, of a bound, a gold's.
            if run.records == records_of(run.name):
                yield evaluated(self.suite, run.records, run.stack, run.forget_size, run)
        faces = self.suite.file.faces
        for run in self.runs.values():
            attack = {} if faces is None else attack_on(run, faces.jobs)
            yield scored(self.suite, run, attack)
        yield self._tables()

    def _data(self) -> Iterator[Artifact]:
        dataset, words = self.suite.dataset, self.suite.words
        inputs = {}
        if dataset.generator is not None:
            yield Artifact("generate", "generate", dataset.generator.model_dump())
            inputs["source"] = "generate"
        outside = folders(images=dataset.images, texts=dataset.texts)
        options = {} if words == "ascii" else {"words": words}
        yield Artifact("dataset", "dataset", dataset.model_dump(), options, inputs, (), outside)

<<<<<<< HEAD
=======
    def _shared_models(self) -> Iterator[Artifact]:
        file, model = self.suite.file, self.suite.model
        base = BaseSettings(model=model.source, training=file.base).model_dump()
        outside = folders(hub=model.hub)
        yield Artifact("base", "base", base, {"seed": 0}, {"dataset": "dataset"}, (), outside)
        finetuning = FinetuneSettings(
            model=model.use,
            training=file.finetune,
            holdout=self.suite.holdout,
            persons=self.suite.persons,
        )
        training = finetuning.model_dump()
        inputs = {"base": "base", "dataset": "dataset"}
        options = {"part": "full", "forget_size": None, "seed": 0}
        yield Artifact("original", "finetune", training, options, inputs)
        for size in file.forget_sizes:
            for seed in GOLD_SEEDS:
                options = {"part": "retain", "forget_size": size, "seed": seed}
                yield Artifact(gold_run(size, seed), "finetune", training, options, inputs)

    def _reference(self) -> Iterator[Artifact]:
        """What the original says of all samples, where cells read it."""
        if any(map(self._reads_reference, map(self.suite.method, self.suite.file.methods))):
            settings = ReferenceSettings(
                model=self.suite.model.use, batch_size=self.suite.file.evaluate.batch_size
            )
            inputs = {"base": "base", "original": "original", "dataset": "dataset"}
            yield Artifact(REFERENCE, REFERENCE, settings.model_dump(), inputs=inputs)

    def _reads_reference(self, method: str) -> bool:
        stored = self.suite.file.reference == "stored"
        return stored and methods.describe(method).takes_stored_reference

    def _unlearning(self, row: str) -> UnlearnSettings:
        """How a row's method is trained in this suite."""
        given, training = self.suite.unlearning(row)
        known = methods.describe(self.suite.method(row)).parameters
        return UnlearnSettings(
            model=self.suite.model.use,
            parameters={name: default for name, (_, default) in known.items()} | given,
            training=training,
            retain_modality=self.suite.file.retain_modality,
            holdout=self.suite.holdout,
            persons=self.suite.persons,
        )

    def _unlearned(self, run: str, cell: Cell) -> Artifact:
        settings = self._unlearning(row_of(run))
        inputs = {"base": "base", "original": "original", "dataset": "dataset"}
        if self._reads_reference(cell.method):
            inputs[REFERENCE] = REFERENCE
        options = vars(cell)
        name = f"unlearn/{run}"
        return Artifact(name, "unlearn", settings.model_dump(), options, inputs, cell=cell)

    def _evaluated(self, run: Run) -> Artifact:
        inputs = {"base": "base", "finetuned": run.weights, "dataset": "dataset"}
        if run.on == "original":
            inputs.update(finetuned="original", unlearned=run.weights)
        options = {"forget_size": run.forget_size}
        return Artifact(run.records, "evaluate", self._evaluation, options, inputs, cell=run.cell)

    def _imported(self) -> Iterator[Artifact]:
        """The logs of other groups, as records."""
        for name, given in self.suite.file.imported.items():
            for part, log in (("model", given.log), ("gold", given.gold)):
                yield Artifact(
                    f"import/{name}/{part}",
                    "import_logs",
                    options={"log": log},
                    outside={"log": Path(log)},
                )

    def _external(self) -> Iterator[Artifact]:
        """Pointers to the models that were made elsewhere."""
        for name, given in self.suite.file.external.items():
            settings = ExternalSettings(
                model=given.model,
                revision=given.revision,
                trained_on=given.trained_on,
                domain=self.suite.domain,
            )
            yield Artifact(
                external_run(name),
                "external",
                settings.model_dump(),
                inputs={"base": "base"},
                outside={} if given.folder is None else {"model": given.folder},
            )

    @property
    def _evaluation(self) -> dict[str, Any]:
        file, suite = self.suite.file, self.suite
        return EvaluateSettings(
            model=suite.model.use,
            evaluation=file.evaluate,
            holdout=suite.holdout,
            persons=suite.persons,
        ).model_dump()

    def _shadows(self) -> Iterator[Artifact]:
        """The models of a vision suite's membership attacks, some a job, and their records.

        One set of models serves all methods, forget sizes and seeds; it is unlearned by each method
        at each size.
        """
        file, faces = self.suite.file, self.suite.file.faces
        if faces is None:
            return
        settings = ShadowSettings(
            model=self.suite.model.use,
            training=file.finetune,
            holdout=faces.holdout,
            persons=faces.persons,
            population=faces.population,
            forget_sizes=sorted(file.forget_sizes),
        ).model_dump()
        inputs = {"base": "base", "dataset": "dataset"}
        for number in range(faces.jobs):
            name = shadow_run(number)
            yield Artifact(name, "shadows", settings, {"number": number}, inputs)
            yield Artifact(
                f"evaluate/{name}",
                "evaluate",
                self._evaluation,
                # Of the largest size: the smaller forget sets lie in it.
                {"forget_size": max(file.forget_sizes)},
                {**inputs, "finetuned": name},
            )
        for row in file.methods:
            unlearning = UnlearnShadowsSettings(
                **self._unlearning(row).model_dump(),
                population=faces.population,
                evaluation=file.evaluate,
            ).model_dump()
            for size in file.forget_sizes:
                for number in range(faces.jobs):
                    yield Artifact(
                        unlearned_shadows(row, size, number),
                        "unlearn_shadows",
                        unlearning,
                        {"number": number, "method": self.suite.method(row), "forget_size": size},
                        {**inputs, "shadows": shadow_run(number)},
                    )

    def _scored(self, run: Run) -> Artifact:
        faces = self.suite.file.faces
        inputs = {"records": run.records}
        options: dict[str, Any] = {}
        if faces is None:
            suites = f"evaluate/{gold_run(run.forget_size, GOLD_SEEDS[0])}"
            inputs["gold"] = run.gold or suites
            if run.bound is not None:
                inputs = {"gold": run.records}
                options["bound"] = run.bound
            if run.prompts == "other":
                options["prompts"] = run.prompts
        else:
            options["enrolment"] = faces.enrolment
            if run.weights == "original" or run.cell is not None:
                options["targets"] = faces.shadows
            for number in range(faces.jobs):
                name = shadow_run(number)
                inputs[name] = f"evaluate/{name}"
                if run.cell is not None:
                    inputs[name] = unlearned_shadows(row_of(run.name), run.forget_size, number)
        name = f"score/{run.name}"
        return Artifact(name, "score", options=options, inputs=inputs, cell=run.cell)

>>>>>>> 40c0aba (Let a method declare once what it reads, inherit from another and come from another package, and two small classes answer its batches)
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


def shown(suite: Suite) -> dict[str, Any]:
    """What the tables show of a suite besides its scores."""
    file = suite.file
    return {
        "suite": suite.name,
        "model": file.model,
        "dataset": file.dataset,
        "methods": list(file.methods),
        "modalities": file.modalities,
        "forget_sizes": file.forget_sizes,
        "seeds": file.seeds,
        "metrics": file.metrics,
        "imported": {name: given.model_dump() for name, given in file.imported.items()},
        "external": {name: given.model_dump() for name, given in file.external.items()},
    }
