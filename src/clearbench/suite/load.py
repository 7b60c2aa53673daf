"""Reading a suite: its file, and the model and dataset that it names."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from clearbench.config.definitions import WORDS
from clearbench.config.files import DatasetSpec, ModelSpec, read_spec
from clearbench.config.plain_yaml import read_yaml
from clearbench.config.settings import Domain
from clearbench.config.strict import validate as check
from clearbench.data import layouts
from clearbench.data.store import MODALITIES
from clearbench.errors import UserError, meant
from clearbench.suite.checks import (
    check_fit,
    check_list,
    check_methods,
    check_names,
    check_parameters,
    check_recipes,
    check_requests,
    check_rows,
    check_seeds,
    check_strengths,
    check_stress,
)
from clearbench.suite.suite import DATA, Suite, SuiteFile
from clearbench.suite.sweep import KEY, rows_of
from clearbench.suite.sweep_checks import check_select

RETAIN_MODALITIES = ("same", "both")
_ENDINGS = (".yaml", ".yml")


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
    check_list(path, "modalities", file.modalities, [*MODALITIES, "both"])
    check_list(path, "seeds", file.seeds, None)
    check_list(path, "strengths", file.strengths, None)
    check_strengths(path, file.strengths)
    check_seeds(path, file.seeds)
    named = [name for name in file.single_domain if not name.endswith(_ENDINGS)]
    check_list(path, "single_domain", named, suite_names(root))
    check_list(path, "retain_modality", [file.retain_modality], RETAIN_MODALITIES)
    check_names(path, file)
    check_list(path, "metrics", file.metrics, list(WORDS))
    model = read_spec(ModelSpec, root / "config/models", file.model, f"{path}: model")
    dataset = read_spec(DatasetSpec, root / "config/datasets", file.dataset, f"{path}: dataset")
    if file.folder is None:
        file = file.model_copy(update={"folder": _copy_here(dataset, file.dataset)})
    check_parameters(root / "config/models" / f"{file.model}.yaml", model)
    dataset = _adapted(dataset, file, path, root)
    check_list(path, "forget_sizes", file.forget_sizes, dataset.forget_sizes)
    suite = Suite(path.stem, path, file, model, dataset)
    check_methods(suite)
    check_fit(suite)
    check_recipes(suite)
    check_select(suite)
    check_stress(suite)
    check_requests(suite)
    suite = replace(suite, file=_with_points(path, file))
    check_rows(suite)
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


def _with_points(path: Path, file: SuiteFile) -> SuiteFile:
    """The file with a row for each point of a sweep, where nothing is chosen among them."""
    if file.select is not None or not any(KEY in given for given in file.methods.values()):
        return file
    methods: dict[str, dict[str, Any]] = {}
    for row, given in file.methods.items():
        where = f"{path}: methods.{row}.{KEY}"
        for name, values in (rows_of(row, given, where) if KEY in given else {row: given}).items():
            if name in methods or (name != row and name in file.methods):
                raise UserError(f"{where}: {name}: a row has this name already")
            methods[name] = values
    return file.model_copy(update={"methods": methods})


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
    served = layouts.sizes_of(layout)
    check_list(written, "forget_sizes", dataset.forget_sizes, served)
    changes: dict[str, Any] = {"options": options}
    if file.general is not None:
        changes["general"] = file.general
    if file.folder:
        check_list(path, "forget_sizes", file.forget_sizes, served)
        changes.update(texts=file.folder, forget_sizes=file.forget_sizes)
    return dataset.model_copy(update=changes)
