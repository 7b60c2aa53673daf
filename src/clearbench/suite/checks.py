"""Checks of a suite against all that it names; each raises UserError for the first mistake."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from clearbench import methods
from clearbench.config.files import ModelSpec
from clearbench.config.packages import version_of
from clearbench.config.points import ANY
from clearbench.config.settings import Finetuning, Training, Unlearning
from clearbench.data.requests import told
from clearbench.errors import UserError, unknown
from clearbench.hub import is_id
from clearbench.stress_tests import StressTest
from clearbench.suite.rows import taken
from clearbench.suite.runs import LARGEST_SEED
from clearbench.suite.suite import Suite, SuiteFile
from clearbench.suite.sweep_checks import check_sweep

ROW_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
RECIPE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


def check_list(path: Path, key: str, values: list[Any], allowed: Any) -> None:
    """Values that are allowed, none twice, no number negative; any, where `allowed` is None."""
    for value in values:
        if allowed is not None and value not in allowed:
            raise UserError(f"{path}: {key}: {unknown(str(value), allowed, f'unknown: {value}')}")
        if values.count(value) > 1:
            raise UserError(f"{path}: {key}: {value} stands twice")
        if isinstance(value, int) and value < 0:
            raise UserError(f"{path}: {key}: {value} is negative; allowed: 0 and above")


def check_names(path: Path, file: SuiteFile) -> None:
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
        if row in taken():
            raise UserError(f"{where}.{row}: has another meaning; choose another name")


def check_recipes(suite: Suite) -> None:
    """The names of further fine-tunings, which are parts of those of models, and their keys."""
    for name in suite.recipes:
        where = f"{suite.path}: recipes.{name}"
        if not RECIPE_NAME.fullmatch(name):
            raise UserError(f"{where}: allowed in a name: letters, digits, _ -, a letter first")
        _check_answers_in_words(suite, f"recipes.{name}")


def check_seeds(path: Path, seeds: Sequence[int]) -> None:
    """Seeds that every generator of random numbers takes."""
    for seed in seeds:
        if seed > LARGEST_SEED:
            raise UserError(f"{path}: seeds: {seed} is too large; allowed: 0 to {LARGEST_SEED}")


def check_strengths(path: Path, strengths: Sequence[float]) -> None:
    """Strengths that are told apart by their names."""
    for strength in strengths:
        if float(f"{strength:g}") != strength:
            raise UserError(f"{path}: strengths: {strength}; allowed: at most six digits")


def check_parameters(path: Path, model: ModelSpec) -> None:
    """The parameters that a model's file gives to methods."""
    check_list(path, "parameters", list(model.parameters), methods.available())
    for method, parameters in model.parameters.items():
        try:
            methods.describe(method).check(parameters)
        except UserError as error:
            raise UserError(f"{path}: parameters.{method}.{error}") from None


def check_methods(suite: Suite) -> None:
    """Each row's parameters and training keys, by the file of its method."""
    for row in suite.file.methods:
        where = f"methods.{row}"
        try:
            description = methods.describe(suite.method(row))
            clash = sorted(set(description.parameters) & set(Unlearning.model_fields))
            if clash:
                raise UserError(f"{clash[0]}: a training key, so no parameter may have this name")
            check_sweep(suite, row, [*description.parameters, *Unlearning.model_fields])
            for key, own, trained in suite.unlearnings(row):
                where = key
                description.check(own)
                _check_weights(suite, description, key, trained)
                _check_layer(suite, description, own)
        except UserError as error:
            if str(error).startswith(str(suite.path)):
                raise
            keys = ", ".join(Unlearning.model_fields)
            raise UserError(f"{suite.path}: {where}.{error}; training keys: {keys}") from None


def _check_weights(
    suite: Suite, method: methods.Description, key: str, trained: Unlearning
) -> None:
    """The weights that a row trains; vision models have no other than all of them."""
    try:
        method.check_weights(trained.weights)
    except UserError as error:
        if suite.domain != "vision":
            raise UserError(f"{suite.path}: {key}.{error}") from None


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


def check_fit(suite: Suite) -> None:
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
    if file.fairness is not None:
        _check_fairness(suite, file.fairness)
    if file.holdout is not None and suite.domain == "vision":
        raise UserError(
            f"{path}: holdout: {file.model} is a vision model, whose faces.holdout says it; leave"
            " it out"
        )
    general = suite.dataset.general
    if general is not None and suite.domain != "multimodal":
        raise UserError(
            f"{path}: general: {file.model} is a {suite.domain} model, and these are questions"
            " about pictures; leave it out"
        )
    if general is not None and not Path(general.folder).is_dir():
        raise UserError(f"{path}: general: folder: {general.folder}: no folder here")
    check_list(path, "packages", list(file.packages), None)
    for name in file.packages:
        _check_answers_in_words(suite, "packages")
        try:
            version_of(name)
        except UserError as error:
            raise UserError(f"{path}: packages: {error}") from None
    if file.gradients is not None and file.holdout is None:
        raise UserError(f"{path}: gradients: are of an attack on membership; give holdout as well")
    if file.judge is not None:
        _check_answers_in_words(suite, "judge")
    if file.reference == "stored" and suite.domain == "vision":
        raise UserError(f"{path}: reference: {file.model} is a vision model; allowed: computed")
    if suite.domain == "text" and file.modalities != ["text"]:
        raise UserError(f"{path}: modalities: {file.model} is a text model; allowed: text")
    if suite.dataset.domain == "text" and suite.domain != "text":
        raise UserError(f"{path}: dataset: {file.dataset} has no images, {file.model} needs them")
    if suite.model.build and file.base is None:
        raise UserError(f"{path}: base: missing; {file.model} is built and trained by the workflow")
    _check_shares(suite)
    if suite.model.shard:
        _check_divided(suite)
    if suite.model.build is None and suite.model.hub is None:
        raise UserError(f"config/models/{file.model}.yaml: give it a `hub` id or a `build`")


def _check_fairness(suite: Suite, asked: str) -> None:
    """The grouping of persons that a suite asks for, by texts about them."""
    where, known = f"{suite.path}: fairness", suite.dataset.groups
    if suite.domain == "vision":
        raise UserError(
            f"{where}: {suite.file.model} is a vision model, of which no text is asked; leave it"
            " out"
        )
    if asked not in known:
        grouping = f"unknown: {asked}; {suite.file.dataset} has none of this name"
        raise UserError(f"{where}: {unknown(asked, known, grouping)}")
    if len(known[asked]) < 2:
        raise UserError(
            f"config/datasets/{suite.file.dataset}.yaml: groups.{asked}: {len(known[asked])}"
            " groups; fairness compares two or more"
        )


def check_stress(suite: Suite) -> None:
    """The stress tests of a suite: names, settings, and whether its model takes them."""
    for name, (kind, test) in suite.stress_tests.items():
        where = f"{suite.path}: stress.{name}"
        if not ROW_NAME.fullmatch(name):
            raise UserError(f"{where}: allowed in a name: letters, digits, _ . -")
        if suite.domain not in test.DOMAINS:
            raise UserError(
                f"{where}: {kind} serves {', '.join(test.DOMAINS)}; {suite.file.model} is a"
                f" {suite.domain} model; leave it out"
            )
        if ANY in test.points:
            raise UserError(
                f"{where}: a point is named {ANY}, which is what all of them are told by"
            )
        try:
            test.check(suite.model)
        except UserError as error:
            raise UserError(f"{where}.{error}") from None


def check_requests(suite: Suite) -> None:
    """The requests of a suite: how many persons they come to, and what they can't go with."""
    file, where = suite.file, f"{suite.path}: requests"
    if not file.requests:
        return
    if suite.domain == "vision":
        raise UserError(
            f"{where}: {file.model} is a vision model, whose attacks know of no requests; leave it"
            " out"
        )
    if file.requested[-1] > 99:
        raise UserError(
            f"{where}: {told(file.requests)} are {file.requested[-1]} of 100; allowed: 99 in all,"
            " for somebody must be retained"
        )
    for size in file.forget_sizes:
        if size not in file.requested:
            reached = ", ".join(map(str, file.requested))
            raise UserError(
                f"{suite.path}: forget_sizes: {size}; the requests {told(file.requests)} come to"
                f" {reached}; allowed beside them: these"
            )
    if file.reference == "stored":
        raise UserError(
            f"{suite.path}: reference: stored is of the original, and a request starts from the"
            " model of the one before; allowed beside requests: computed"
        )
    if file.select is not None:
        raise UserError(
            f"{suite.path}: select: values are chosen for a forget size, and not for a request;"
            " leave one of the two out"
        )
    for row in file.methods:
        method = methods.describe(suite.method(row))
        for alone, what in (
            (method.takes_alternates, "trains on what the original makes up"),
            (method.compares_with == "gold", "compares with gold, which never met the forgotten"),
        ):
            if alone:
                raise UserError(
                    f"{suite.path}: methods.{row}: {what}, and a request starts from the model of"
                    " the one before; leave it out beside requests"
                )


def _check_shares(suite: Suite) -> None:
    """The GPUs of a job share the batches of a step, so there must be as many for each.

    Those that share a model share each batch.
    """
    if suite.model.shard:
        return
    needs, model = suite.model.resources, suite.file.model
    asked = [("finetune", suite.file.finetune.accumulation, needs.finetune.gpus)]
    for name, recipe in suite.recipes.items():
        asked.append((f"recipes.{name}", recipe.accumulation, needs.finetune.gpus))
    for row in suite.file.methods:
        for where, _, training in suite.unlearnings(row):
            asked.append((where, training.accumulation, needs.unlearn.gpus))
    for key, accumulation, gpus in asked:
        if gpus > 1 and accumulation % gpus:
            raise UserError(
                f"{suite.path}: {key}: accumulation: {accumulation}; {model} asks for {gpus} GPUs,"
                f" which share the batches of a step; allowed: multiples of {gpus}"
            )


def _check_divided(suite: Suite) -> None:
    """What can't be of a model that several GPUs share: what looks at its weights one by one."""
    file, path = suite.file, suite.path
    divided = f"{file.model} is divided among GPUs (shard: true)"
    if suite.domain == "vision":
        raise UserError(
            f"config/models/{file.model}.yaml: shard: vision models are small; allowed: false"
        )
    if file.gradients is not None:
        raise UserError(f"{path}: gradients: {divided}; leave it out")
    for row in file.methods:
        try:
            methods.describe(suite.method(row)).check_divided()
        except UserError as error:
            raise UserError(f"{path}: methods.{row}: {error}") from None
    trainings: dict[str, Finetuning | Unlearning] = {"finetune": file.finetune}
    trainings |= {f"recipes.{name}": recipe for name, recipe in suite.recipes.items()}
    for row in file.methods:
        trainings |= {where: training for where, _, training in suite.unlearnings(row)}
    for where, training in trainings.items():
        if training.optimizer == "adamw_8bit" and training.weights == "full":
            raise UserError(
                f"{path}: {where}.optimizer: adamw_8bit; {divided}; allowed for weights: full:"
                " adamw, sgd"
            )
    for name, (kind, test) in suite.stress_tests.items():
        if test.LAYER or type(test).change is not StressTest.change:
            raise UserError(
                f"{path}: stress.{name}: {kind} changes the model, and {divided}; leave it out"
            )


def _check_answers_in_words(suite: Suite, key: str) -> None:
    """Refuse a key that vision models have no use for."""
    if suite.domain == "vision":
        raise UserError(f"{suite.path}: {key}: {suite.file.model} is a vision model; leave it out")


def check_rows(suite: Suite) -> None:
    """The rows of models that were made or evaluated elsewhere."""
    file, path = suite.file, suite.path
    rows = {f"imported.{name}": (name, given.forget_size) for name, given in file.imported.items()}
    rows |= {f"external.{name}": (name, given.forget_size) for name, given in file.external.items()}
    meant = {**dict.fromkeys(taken(), "a control"), **dict.fromkeys(file.methods, "a method")}
    for key, (name, size) in rows.items():
        if not ROW_NAME.fullmatch(name):
            raise UserError(f"{path}: {key}: allowed in a name: letters, digits, _ . -")
        if name in meant:
            raise UserError(f"{path}: {key}: is {meant[name]}; choose another name")
        meant[name] = "a row of its own already"
        _check_answers_in_words(suite, key)
        check_list(path, f"{key}.forget_size", [size], file.forget_sizes)
    for name, given in file.external.items():
        if given.revision is not None and not is_id(given.model):
            where = f"{path}: external.{name}.revision"
            raise UserError(f"{where}: {given.model} is no id of the hub; leave it out")


def _check_faces(suite: Suite) -> None:
    """What the vision domain demands, and what the others have no use for."""
    file, path, faces = suite.file, suite.path, suite.file.faces
    trainings: dict[str, Training] = {
        "base": file.base or Training(),
        "finetune": file.finetune,
        "unlearn": file.unlearn,
    }
    cells = ["unlearn"]
    for row in file.methods:
        for where, _, unlearning in suite.unlearnings(row):
            # Of all modalities and points, the one that augments is told.
            if trainings.get(where, Training()).augment == "none":
                trainings[where] = unlearning
            cells.append(where)
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
