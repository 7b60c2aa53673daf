"""A suite: one configured matrix of cells, read from a file and checked against all it names."""

import filecmp
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import Field

from clearbench.config.definitions import WORDS
from clearbench.config.files import DatasetSpec, GeneralSpec, ModelSpec
from clearbench.config.packages import Package, version_of
from clearbench.config.settings import (
    Domain,
    Evaluating,
    External,
    Faces,
    Finetuning,
    Imported,
    Repeats,
    Reporting,
    Selecting,
    Training,
    Unlearning,
)
from clearbench.config.strict import ForgetSize, Strict
from clearbench.config.strict import validate as check
from clearbench.data import layouts
from clearbench.data.tasks import DECLARED, OwnTasks, Tasks, together
from clearbench.data.words import Words
from clearbench.errors import UserError
from clearbench.hub import Kind, is_named
from clearbench.stress_tests import StressTest, read_test
from clearbench.suite.sweep import KEY as SWEEP
from clearbench.suite.sweep import PLAIN, Point, Values, of_modality, points

DATA = "CLEARBENCH_DATA"
"""The environment variable of a folder with copies of datasets of the hub, as `tofu`.

No key of a suite, for where copies lie is a matter of the machine.
"""


Strength = Annotated[float, Field(ge=0, allow_inf_nan=False)]
"""A factor of an update."""


class SuiteFile(Strict):
    """The keys of a suite file."""

    description: str = Field(description="what the suite is for, in a sentence")
    dataset: str = Field(description="a file of config/datasets")
    folder: str | None = Field(
        None,
        description="a local folder to read the dataset's text part from, instead of the hub; null"
        " for what lies in the folder that CLEARBENCH_DATA names, and else the hub",
    )
    dataset_options: dict[str, Any] = Field(
        default_factory=dict, description="options of the dataset's layout that differ here"
    )
    general: GeneralSpec | None = Field(
        None, description="questions of general ability, in the place of the dataset's own, if any"
    )
    model: str = Field(description="a file of config/models")
    modalities: list[str] = Field(
        min_length=1, description="what is forgotten, of: text, visual, both"
    )
    forget_sizes: list[ForgetSize] = Field(min_length=1, description="percent of persons")
    seeds: list[int] = Field(
        min_length=1,
        description="each has its own base, where that is trained here, its own original and golds,"
        " and its own cells; rows average over them",
    )
    originals: Literal["own", "shared"] = Field(
        "own",
        description="shared: all seeds start from the original of the first, as in CLEAR, and"
        " differ in unlearning alone",
    )
    repeats: Repeats = Repeats()
    recipes: dict[str, dict[str, Any]] = Field(
        default_factory=dict,
        description="further fine-tunings by name: the keys of `finetune` that differ. Of each seed"
        " an original and a gold, for the table `meta`",
    )
    strengths: list[Strength] = Field(
        default_factory=list,
        description="each cell is evaluated with its update scaled by each of these as well; 1 is"
        " the cell itself, and 0 its original, which are evaluated anyway",
    )
    stress: dict[str, dict[str, Any]] = Field(
        default_factory=dict,
        description="stress tests of all models, by name: a kind's settings; a test is named as its"
        " kind, or names it (`small: { kind: quantise, to: [int8] }`)",
    )
    requests: list[ForgetSize] = Field(
        default_factory=list,
        description="forget in sequence: percent of persons of each request, as [5, 5, 5]; a row's"
        " cell of a request starts from that of the one before. Each of the `forget_sizes` is what"
        " some of them come to, for the table `requests` has both beside each other",
    )
    retain_modality: str = Field(
        "same", description="what is retained while forgetting: the forgotten modality, or both"
    )
    base: Training | None = Field(None, description="training of a base model that is built here")
    finetune: Finetuning = Finetuning()
    unlearn: Unlearning = Unlearning()
    reference: Literal["computed", "stored"] = Field(
        "computed",
        description="where a method's terms on the original come from: computed at every step, or"
        " stored once for all cells, which takes disk and saves forward passes",
    )
    methods: dict[str, dict[str, Any]] = Field(
        min_length=1,
        description="row: parameters of its method, and training keys that differ; a row is named"
        " as its method, or names it (`npo-strong: { method: npo, beta: 0.05 }`). A value may"
        " differ by modality (`lr: { text: 2e-3, both: 5e-4 }`). `sweep` lists values to try",
    )
    select: Selecting | None = Field(
        None,
        description="choose each swept row's values on persons apart from the forget set, and run"
        " these alone on it; without, each point of a sweep is a row",
    )
    evaluate: Evaluating = Evaluating()
    judge: Literal["original"] | None = Field(
        None,
        description="of models of words, who says how likely it finds what each model answers, for"
        " the metric `generated_probability`; it runs in each evaluation's job, after the model",
    )
    imported: dict[str, Imported] = Field(
        default_factory=dict, description="rows evaluated elsewhere, by the name of the row"
    )
    external: dict[str, External] = Field(
        default_factory=dict, description="rows of models made elsewhere, by the name of the row"
    )
    metrics: list[str] = Field(
        ["headline"],
        min_length=1,
        description="whose definitions the tables show, of: headline, tofu, official, answer_only,"
        " unicode",
    )
    packages: list[Package] = Field(
        default_factory=list,
        description="packages that are installed besides, whose metrics are computed as well:"
        " sacrebleu (`pip install 'clearbench[captions]'`) for bleu and chrf of captions",
    )
    single_domain: list[str] = Field(
        default_factory=list,
        description="suites of text or vision models that Table 2 ranks methods against, and the"
        " paper's claims compare",
    )
    holdout: int | None = Field(
        None,
        gt=0,
        le=50,
        description="percent of persons on whom no model is trained, who are asked what the"
        " forgotten are, for the table `membership`: drawn in addition where the dataset is drawn,"
        " else of the retained ones who are evaluated; of vision models see `faces`",
    )
    gradients: Literal["trained"] | None = Field(
        None,
        description="with `holdout`, the attack by the norm of the gradient of a sample's loss over"
        " the weights that training moves (all but `frozen`): a backward pass a sample, and as much"
        " memory as the weights",
    )
    fairness: str | None = Field(
        None,
        description="the grouping of persons, one of the dataset's `groups`, for the table"
        " `fairness`",
    )
    faces: Faces | None = Field(
        None, description="of the vision domain: who is held out, enrolment, shadow models"
    )
    report: Reporting = Reporting()

    @property
    def requested(self) -> list[int]:
        """How many percent of the persons are forgotten after each request."""
        return list(accumulate(self.requests))

    @property
    def scaled(self) -> list[float]:
        """The strengths that are evaluated beside the cells, ascending."""
        return sorted(set(self.strengths) - {0.0, 1.0})


@dataclass(frozen=True)
class Suite:
    """A checked suite; `name` is its file's name, `dataset` has the suite's own options applied."""

    name: str
    path: Path
    file: SuiteFile
    model: ModelSpec
    dataset: DatasetSpec

    @property
    def domain(self) -> Domain:
        """The domain of the suite's model."""
        return self.model.domain

    @property
    def draws_base(self) -> bool:
        """Whether bases depend on a seed: trained here, or with a projection of faces drawn."""
        return self.model.build is not None or self.domain == "vision"

    @property
    def layout(self) -> layouts.Layout:
        """The layout of the dataset."""
        return layouts.load(self.dataset.layout)

    @property
    def tasks(self) -> Tasks:
        """All tasks that anything here may be of."""
        return together(*self.layout.TASKS)

    @property
    def own_tasks(self) -> dict[str, Any]:
        """Those that the layout declares itself, as settings of the jobs that have to know them."""
        own = [task for name, task in self.tasks.items() if name not in DECLARED]
        if not own or self.domain == "vision":
            return {}
        return OwnTasks(tasks=own).model_dump(mode="json")

    @property
    def groups(self) -> dict[str, Any]:
        """The groups of persons that a suite asks for, as settings of the jobs that know them."""
        asked = self.file.fairness
        return {} if asked is None else {"groups": self.dataset.groups[asked]}

    @property
    def packages(self) -> dict[str, Any]:
        """The packages that a suite asks for, with their versions, as settings of scores."""
        asked = self.file.packages
        return {"packages": {name: version_of(name) for name in asked}} if asked else {}

    @property
    def sources(self) -> list[tuple[Kind, str, str | None]]:
        """The dataset's parts and the models that it reads: kind, hub id or folder, revision."""
        dataset, model = self.dataset, self.model
        sources: list[tuple[Kind, str | None, str | None]] = [
            ("dataset", dataset.images, dataset.images_revision),
            ("dataset", dataset.texts, dataset.texts_revision),
            ("model", model.hub, model.revision),
            *(("model", given.model, given.revision) for given in self.file.external.values()),
        ]
        return [(kind, name, revision) for kind, name, revision in sources if name]

    @property
    def holdout(self) -> int | None:
        """The percent of persons that no model of a vision suite is shown."""
        return None if self.file.faces is None else self.file.faces.holdout

    @property
    def persons(self) -> int | None:
        """How many persons a model of a vision suite is trained on; None for all it may be."""
        return None if self.file.faces is None else self.file.faces.persons

    @property
    def words(self) -> Words | Literal["any"]:
        """The words that ROUGE-L must find in true answers, by every definition that tables show.

        Unicode's hold all of ASCII's. `any` in vision suites, which have none.
        """
        if self.domain == "vision":
            return "any"
        shown = {WORDS[name] for name in self.file.metrics}
        return "unicode" if shown == {"unicode"} else "ascii"

    def check_sources(self) -> None:
        """Raise UserError where a folder or file that the suite names is not there."""
        for name, given in self.file.external.items():
            given.check_folder(f"{self.path}: external.{name}.model")
        logs = {
            f"imported.{name}.{key}": log
            for name, given in self.file.imported.items()
            for key, log in (("log", given.log), ("gold", given.gold))
        }
        for key, log in logs.items():
            if not Path(log).is_file():
                raise UserError(f"{self.path}: {key}: {log}: no such file")
        for name, theirs in self.file.imported.items():
            if filecmp.cmp(theirs.log, theirs.gold, shallow=False):
                raise UserError(
                    f"{self.path}: imported.{name}: log and gold have the same content; a model is"
                    " not judged against itself: gold is the log of one that never saw the forget"
                    " set"
                )
        if self.file.folder is not None and not Path(self.file.folder).is_dir():
            raise UserError(f"{self.path}: folder: {self.file.folder}: no such folder")
        files = {kind: f"{kind}s/{getattr(self.file, kind)}.yaml" for kind in ("dataset", "model")}
        for kind, name, _ in self.sources:
            if not Path(name).is_dir() and not is_named(kind, name):
                raise UserError(
                    f"config/{files[kind]}: {name}: no such folder, and no id of the hub"
                    " (owner/name)"
                )

    def method(self, row: str) -> str:
        """The method of a row."""
        named: str = self.file.methods[row].get("method", row)
        return named

    def points(self, row: str, modality: str) -> list[Point]:
        """What a row with a sweep is tried with: as it stands, then the points of the sweep."""
        known = self._points
        if (row, modality) not in known:
            known[row, modality] = self._tried(row, modality)
        return known[row, modality]

    @cached_property
    def _points(self) -> dict[tuple[str, str], list[Point]]:
        """The points of rows and modalities that have been asked for: of many, each is checked."""
        return {}

    def _tried(self, row: str, modality: str) -> list[Point]:
        if SWEEP not in self.file.methods[row]:
            return []
        where = f"{self.path}: methods.{row}.{SWEEP}"
        return [Point(PLAIN, {}), *points(self.file.methods[row][SWEEP], modality, where)]

    def point(self, row: str, modality: str, name: str) -> Point:
        """The point of a row's choice with a name."""
        return next(point for point in self.points(row, modality) if point.name == name)

    @cached_property
    def recipes(self) -> dict[str, Finetuning]:
        """The further fine-tunings by name; UserError for a key or a value that can't be."""
        plain = self.file.finetune.model_dump()
        return {
            name: check(Finetuning, {**plain, **given}, f"{self.path}: recipes.{name}")
            for name, given in self.file.recipes.items()
        }

    @cached_property
    def stress_tests(self) -> dict[str, tuple[str, StressTest]]:
        """The stress tests by name, each with its kind; UserError for what is none."""
        return {
            name: read_test(name, given, f"{self.path}: stress")
            for name, given in self.file.stress.items()
        }

    def unlearnings(self, row: str) -> Iterator[tuple[str, dict[str, Any], Unlearning]]:
        """A row's parameters and training for each modality, and for each point of its sweep.

        With the key of the file that says them.
        """
        for modality in self.file.modalities:
            yield f"methods.{row}", *self.unlearning(row, modality)
            for point in self.points(row, modality):
                if point.values:
                    yield (
                        f"methods.{row}.{SWEEP}",
                        *self.unlearning(row, modality, point.values),
                    )

    def unlearning(
        self, row: str, modality: str, values: Values = MappingProxyType({})
    ) -> tuple[dict[str, Any], Unlearning]:
        """A row's parameters of its method, as suite and model give them, and its training.

        For a modality, with the `values` of a point in place of its own.
        """
        given = {
            key: of_modality(value, modality, f"{self.path}: methods.{row}.{key}")
            for key, value in self.file.methods[row].items()
            if key not in ("method", SWEEP)
        } | dict(values)
        training = {key: value for key, value in given.items() if key in Unlearning.model_fields}
        own = {key: value for key, value in given.items() if key not in training}
        own = {**self.model.parameters.get(self.method(row), {}), **own}
        where = f"{self.path}: methods.{row}" + (f".{SWEEP}" if values else "")
        return own, check(Unlearning, {**self.file.unlearn.model_dump(), **training}, where)
