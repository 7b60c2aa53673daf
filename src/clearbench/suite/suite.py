"""A suite: one configured matrix of cells, read from a file and checked against all it names."""

import filecmp
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from clearbench import methods
from clearbench.config.files import DatasetSpec, ModelSpec, read_spec
from clearbench.config.plain_yaml import read_yaml
from clearbench.config.settings import (
    Cell,
    Domain,
    Evaluation,
    External,
    Faces,
    Finetuning,
    Imported,
    Training,
    Unlearning,
)
from clearbench.config.strict import Strict
from clearbench.config.strict import validate as check
from clearbench.data import layouts
from clearbench.data.store import FORGET_SIZES, MODALITIES
from clearbench.data.words import Words
from clearbench.errors import UserError, meant, unknown
from clearbench.hub import Kind, is_id
from clearbench.metrics.definitions import DEFINITIONS
from clearbench.suite.runs import CONTROLS, LARGEST_SEED, OTHERS, cell_run

ROW_NAME = re.compile(r"\w[\w.-]*", re.ASCII)
RETAIN_MODALITIES = ("same", "both")
_ENDINGS = (".yaml", ".yml")


DATA = "CLEARBENCH_DATA"
"""The environment variable of a folder with copies of datasets of the hub, as `tofu`.

No key of a suite, for where copies lie is a matter of the machine.
"""


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
    model: str = Field(description="a file of config/models")
    modalities: list[str] = Field(
        min_length=1, description="what is forgotten, of: text, visual, both"
    )
    forget_sizes: list[int] = Field(min_length=1, description="percent of persons")
    seeds: list[int] = Field(min_length=1, description="of unlearning; each is a cell of its own")
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
        " as its method, or names it (`npo-strong: { method: npo, beta: 0.05 }`)",
    )
    evaluate: Evaluation = Evaluation()
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
    single_domain: list[str] = Field(
        default_factory=list,
        description="suites of text or vision models that Table 2 ranks methods against",
    )
    faces: Faces | None = Field(
        None, description="of the vision domain: who is held out, enrolment, shadow models"
    )


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
    def sources(self) -> list[tuple[Kind, str, str | None]]:
        """The dataset's parts and the models that it reads: kind, hub id or folder, revision."""
        dataset, model = self.dataset, self.model
        found: list[tuple[Kind, str | None, str | None]] = [
            ("dataset", dataset.images, dataset.images_revision),
            ("dataset", dataset.texts, dataset.texts_revision),
            ("model", model.hub, model.revision),
            *(("model", given.model, given.revision) for given in self.file.external.values()),
        ]
        return [(kind, name, revision) for kind, name, revision in found if name]

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
        shown = {DEFINITIONS[name].words for name in self.file.metrics}
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
            if not Path(name).is_dir() and not is_id(name):
                raise UserError(
                    f"config/{files[kind]}: {name}: no such folder, and no id of the hub"
                    " (owner/name)"
                )

    @cached_property
    def cells(self) -> dict[str, Cell]:
        """All cells by their runs, in the order of the suite file."""
        return {
            cell_run(row, modality, size, seed): Cell(self.method(row), modality, size, seed)
            for row in self.file.methods
            for modality in self.file.modalities
            for size in self.file.forget_sizes
            for seed in self.file.seeds
        }

    def method(self, row: str) -> str:
        """The method of a row."""
        named: str = self.file.methods[row].get("method", row)
        return named

    def unlearning(self, row: str) -> tuple[dict[str, Any], Unlearning]:
        """A row's parameters of its method, as suite and model give them, and its training."""
        given = {key: value for key, value in self.file.methods[row].items() if key != "method"}
        training = {key: value for key, value in given.items() if key in Unlearning.model_fields}
        own = {key: value for key, value in given.items() if key not in training}
        own = {**self.model.parameters.get(self.method(row), {}), **own}
        where = f"{self.path}: methods.{row}"
        return own, check(Unlearning, {**self.file.unlearn.model_dump(), **training}, where)


def suite_name(name: str) -> str:
    """The name of a suite that is given by its name or by the path of its file."""
    return Path(name).stem if name.endswith(_ENDINGS) else name


def load_suite(name: str, root: Path) -> Suite:
    """Read and check a suite.

    `name` is a file of `config/` below the root without its ending, or the path of a suite file.
    Raises UserError with file, key and what is allowed.
    """
    path = Path(name) if name.endswith(_ENDINGS) else root / "config" / f"{name}.yaml"
    if not path.is_file():
        known = suite_names(root)
        raise UserError(
            f"suite {name}: {path} does not exist{meant(name, known)}; suites here:"
            f" {', '.join(known)}"
        )
    file = check(SuiteFile, read_yaml(path), str(path))
    _check_list(path, "modalities", file.modalities, [*MODALITIES, "both"])
    _check_list(path, "seeds", file.seeds, None)
    _check_seeds(path, file.seeds)
    named = [name for name in file.single_domain if not name.endswith(_ENDINGS)]
    _check_list(path, "single_domain", named, suite_names(root))
    _check_list(path, "retain_modality", [file.retain_modality], RETAIN_MODALITIES)
    _check_names(path, file)
    _check_list(path, "metrics", file.metrics, list(DEFINITIONS))
    model = read_spec(ModelSpec, root / "config/models", file.model, f"{path}: model")
    dataset = read_spec(DatasetSpec, root / "config/datasets", file.dataset, f"{path}: dataset")
    if file.folder is None:
        file = file.model_copy(update={"folder": _copy_here(dataset, file.dataset)})
    served = FORGET_SIZES if file.folder else dataset.forget_sizes
    _check_list(path, "forget_sizes", file.forget_sizes, served)
    _check_parameters(root / "config/models" / f"{file.model}.yaml", model)
    suite = Suite(path.stem, path, file, model, _adapted(dataset, file, path, root))
    _check_methods(suite)
    _check_fit(suite)
    _check_rows(suite)
    return suite


def suite_names(root: Path) -> list[str]:
    """The names of the suites of `config/` below a root; UserError where there are none."""
    names = sorted(file.stem for file in (root / "config").glob("*.yaml"))
    if not names:
        raise UserError(
            f"{root}: no suites here, in no folder `config`; change to the root of the repository"
        )
    return names


def suites_of(domains: Sequence[Domain], root: Path) -> list[str]:
    """The names of the suites of `config/` below a root whose models are of some domains."""
    return [name for name in suite_names(root) if load_suite(name, root).domain in domains]


def _copy_here(dataset: DatasetSpec, name: str) -> str | None:
    """The local copy of a dataset of texts that the user has told of; None where there is none."""
    told = os.environ.get(DATA)
    if not told or dataset.domain != "text" or dataset.generator is not None:
        return None
    copy = Path(told) / name
    return str(copy) if copy.is_dir() else None


def _adapted(dataset: DatasetSpec, file: SuiteFile, path: Path, root: Path) -> DatasetSpec:
    """The dataset with the suite's own options and folder; a folder need serve no other sizes."""
    written = root / "config/datasets" / f"{file.dataset}.yaml"
    try:
        layout = layouts.load(dataset.layout)
    except UserError as error:
        raise UserError(f"{written}: {error}") from None
    check(layout.Options, dataset.options, f"{written}: options")
    options = {**dataset.options, **file.dataset_options}
    check(layout.Options, options, f"{path}: dataset_options")
    changes: dict[str, Any] = {"options": options}
    if file.folder:
        changes.update(texts=file.folder, forget_sizes=file.forget_sizes)
    return dataset.model_copy(update=changes)


def _check_list(path: Path, key: str, values: list[Any], allowed: Any) -> None:
    for value in values:
        if allowed is not None and value not in allowed:
            raise UserError(f"{path}: {key}: {unknown(str(value), allowed, f'unknown: {value}')}")
        if values.count(value) > 1:
            raise UserError(f"{path}: {key}: {value} stands twice")
        if isinstance(value, int) and value < 0:
            raise UserError(f"{path}: {key}: {value} is negative; allowed: 0 and above")


def _check_names(path: Path, file: SuiteFile) -> None:
    """The names of the rows of `methods`, and the methods that they are of."""
    known = methods.available()
    for row, given in file.methods.items():
        where = f"{path}: methods"
        method = given.get("method")
        if method is None:
            if row not in known:
                raise UserError(
                    f"{where}: {unknown(row, known, f'unknown: {row}')}; a row of another name"
                    " says whose it is, as `method: npo`"
                )
            continue
        if method not in known:
            raise UserError(
                f"{where}.{row}.method: {unknown(str(method), known, f'unknown: {method}')}"
            )
        if row in known and row != method:
            raise UserError(
                f"{where}.{row}.method: {row} is a method itself; give the row of {method} a name"
                " that none has"
            )
        if row not in known and not ROW_NAME.fullmatch(row):
            raise UserError(f"{where}.{row}: allowed in a name: letters, digits, _ . -")
        if row in (*CONTROLS, *OTHERS):
            raise UserError(f"{where}.{row}: has another meaning; choose another name")


def _check_seeds(path: Path, seeds: Sequence[int]) -> None:
    for seed in seeds:
        if seed > LARGEST_SEED:
            raise UserError(f"{path}: seeds: {seed} is too large; allowed: 0 to {LARGEST_SEED}")


def _check_parameters(path: Path, model: ModelSpec) -> None:
    """The parameters that a model's file gives to methods."""
    _check_list(path, "parameters", list(model.parameters), methods.available())
    for method, parameters in model.parameters.items():
        try:
            methods.describe(method).check(parameters)
        except UserError as error:
            raise UserError(f"{path}: parameters.{method}.{error}") from None


def _check_methods(suite: Suite) -> None:
    for row in suite.file.methods:
        try:
            description = methods.describe(suite.method(row))
            clash = sorted(set(description.parameters) & set(Unlearning.model_fields))
            if clash:
                raise UserError(f"{clash[0]}: a training key, so no parameter may have this name")
            own, _ = suite.unlearning(row)
            description.check(own)
            _check_layer(suite, description, own)
        except UserError as error:
            if str(error).startswith(str(suite.path)):
                raise
            training = ", ".join(Unlearning.model_fields)
            raise UserError(
                f"{suite.path}: methods.{row}.{error}; training keys: {training}"
            ) from None


def _check_layer(suite: Suite, method: methods.Description, own: Mapping[str, Any]) -> None:
    """The layer that a method names, against the depth of the model."""
    if method.layer is None:
        return
    depth = suite.model.layers
    layer = own.get(method.layer, method.parameters[method.layer][1])
    if depth is not None and not 0 <= layer < depth:
        raise UserError(
            f"{method.layer}: {layer} does not exist; {suite.file.model} has 0 to {depth - 1}"
        )


def _check_fit(suite: Suite) -> None:
    """What the suite's parts demand of each other."""
    file, path = suite.file, suite.path
    for row in file.methods:
        served = methods.describe(suite.method(row)).domains
        if suite.domain not in served:
            raise UserError(
                f"{path}: methods.{row}: serves {', '.join(served)}; {file.model} is a"
                f" {suite.domain} model"
            )
    if file.single_domain and suite.domain != "multimodal":
        raise UserError(
            f"{path}: single_domain: {file.model} is a {suite.domain} model; leave it out"
        )
    _check_faces(suite)
    if file.reference == "stored" and suite.domain == "vision":
        raise UserError(f"{path}: reference: {file.model} is a vision model; allowed: computed")
    if suite.domain == "text" and file.modalities != ["text"]:
        raise UserError(f"{path}: modalities: {file.model} is a text model; allowed: text")
    if suite.dataset.domain == "text" and suite.domain != "text":
        raise UserError(f"{path}: dataset: {file.dataset} has no images, {file.model} needs them")
    if suite.model.build and file.base is None:
        raise UserError(f"{path}: base: missing; {file.model} is built and trained by the workflow")
    _check_shares(suite)
    if suite.model.build is None and suite.model.hub is None:
        raise UserError(f"config/models/{file.model}.yaml: give it a `hub` id or a `build`")


def _check_shares(suite: Suite) -> None:
    """The GPUs of a job share the batches of a step, so there must be as many for each."""
    needs, model = suite.model.resources, suite.file.model
    asked = [("finetune", suite.file.finetune.accumulation, needs.finetune.gpus)]
    for row in suite.file.methods:
        accumulation = suite.unlearning(row)[1].accumulation
        asked.append((f"methods.{row}", accumulation, needs.unlearn.gpus))
    for key, accumulation, gpus in asked:
        if gpus > 1 and accumulation % gpus:
            raise UserError(
                f"{suite.path}: {key}: accumulation: {accumulation}; {model} asks for {gpus} GPUs,"
                f" which share the batches of a step; allowed: multiples of {gpus}"
            )


def _check_rows(suite: Suite) -> None:
    """The rows of models that were made or evaluated elsewhere."""
    file, path = suite.file, suite.path
    rows = {f"imported.{name}": (name, given.forget_size) for name, given in file.imported.items()}
    rows |= {f"external.{name}": (name, given.forget_size) for name, given in file.external.items()}
    taken = {**dict.fromkeys(CONTROLS, "a control"), **dict.fromkeys(file.methods, "a method")}
    for key, (name, size) in rows.items():
        if not ROW_NAME.fullmatch(name):
            raise UserError(f"{path}: {key}: allowed in a name: letters, digits, _ . -")
        if name in taken:
            raise UserError(f"{path}: {key}: is {taken[name]}; choose another name")
        taken[name] = "a row of its own already"
        if suite.domain == "vision":
            raise UserError(f"{path}: {key}: {file.model} is a vision model; leave it out")
        _check_list(path, f"{key}.forget_size", [size], file.forget_sizes)
    for name, given in file.external.items():
        if given.revision is not None and not is_id(given.model):
            where = f"{path}: external.{name}.revision"
            raise UserError(f"{where}: {given.model} is no id of the hub; leave it out")


def _check_faces(suite: Suite) -> None:
    """What the vision domain demands, and what the others have no use for."""
    file, path, faces = suite.file, suite.path, suite.file.faces
    trainings = {
        "base": file.base or Training(),
        "finetune": file.finetune,
        "unlearn": file.unlearn,
        **{f"methods.{row}": suite.unlearning(row)[1] for row in file.methods},
    }
    augmenting = [key for key, training in trainings.items() if training.augment != "none"]
    if suite.domain != "vision":
        if faces is not None:
            raise UserError(f"{path}: faces: {file.model} is no vision model; leave it out")
        if augmenting:
            raise UserError(f"{path}: {augmenting[0]}.augment: for vision models; allowed: none")
        return
    if faces is None:
        raise UserError(f"{path}: faces: missing; {file.model} is a vision model")
    for key, count in (("shadows", faces.shadows), ("targets", faces.targets)):
        if count % 2:
            raise UserError(f"{path}: faces.{key}: {count}; allowed: even, for half know a person")
    if file.modalities != ["visual"]:
        raise UserError(f"{path}: modalities: {file.model} is a vision model; allowed: visual")
    cells = ("unlearn", *(f"methods.{row}" for row in file.methods))
    for key, training in trainings.items():
        if getattr(training, "weights", "full") != "full":
            raise UserError(f"{path}: {key}.weights: vision models have no adapter; allowed: full")
        if key in cells and training.augment != "none":
            raise UserError(f"{path}: {key}.augment: for base and finetune only; allowed: none")
    if suite.model.embedding is None:
        raise UserError(f"config/models/{file.model}.yaml: embedding: missing; give its width")
    if suite.model.precision != "float32":
        raise UserError(
            f"config/models/{file.model}.yaml: precision: {suite.model.precision}; vision models"
            " are: float32"
        )
    for stage, need in dict(suite.model.resources).items():
        if need.gpus > 1:
            raise UserError(
                f"config/models/{file.model}.yaml: resources.{stage}.gpus: {need.gpus}; vision"
                " models are small; allowed: 0, 1"
            )
    for row in file.methods:
        if augmenting and methods.describe(suite.method(row)).unaugmented:
            raise UserError(
                f"{path}: methods.{row}: only valid where no training augments;"
                f" {augmenting[0]}.augment is {trainings[augmenting[0]].augment}, allowed: none"
            )
