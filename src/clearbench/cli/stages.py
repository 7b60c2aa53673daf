"""The stages of the workflow, as the rules call them."""

import json
from pathlib import Path
from typing import Any, TypeVar

import click
from pydantic import BaseModel

from clearbench.config.strict import validate
from clearbench.errors import UserError
from clearbench.suite.runs import LARGEST_SEED

_Settings = TypeVar("_Settings", bound=BaseModel)
_Folder = click.Path(path_type=Path)


def _json(text: str) -> dict[str, Any]:
    try:
        data = json.loads(text)
    except ValueError as error:
        raise UserError(f"--settings: not JSON ({error})") from None
    if not isinstance(data, dict):
        raise UserError("--settings: must be a JSON object")
    return data


def _settings(kind: type[_Settings], text: str) -> _Settings:
    return validate(kind, _json(text), "--settings")


def _folder(name: str, text: str, required: bool = True) -> Any:
    return click.option(name, type=_Folder, required=required, help=text)


_settings_option = click.option("--settings", required=True, help="Settings of the stage, as JSON.")
_out = _folder("--out", "Artifact folder to make.")
_dataset = _folder("--dataset", "Folder of the dataset stage.")
_base = _folder("--base", "Folder of the base stage.")
_original = _folder("--original", "Folder of the original model.")
_seed = click.option("--seed", type=click.IntRange(0, LARGEST_SEED), default=0, show_default=True)
_forget_size = click.option("--forget-size", type=int, help="Percent of persons to forget.")
_number = click.option(
    "--number", type=click.IntRange(min=0), required=True, help="Of the job, from 0."
)


@click.command()
@_settings_option
@_out
def generate(settings: str, out: Path) -> None:
    """Generate the mini dataset in the layout of the hub."""
    from clearbench.config.generator import MiniSettings
    from clearbench.stages import generate as stage

    stage.run(_settings(MiniSettings, settings), out)


@click.command()
@_settings_option
@_folder("--source", "Folder of the generate stage, for generated datasets.", required=False)
@click.option(
    "--words",
    type=click.Choice(["ascii", "unicode", "any"]),
    default="ascii",
    show_default=True,
    help="Whose letters make the words that true answers must have.",
)
@_out
def dataset(settings: str, source: Path | None, words: Any, out: Path) -> None:
    """Read, check and store a dataset."""
    from clearbench.config.files import DatasetSpec
    from clearbench.stages import dataset as stage

    stage.run(_settings(DatasetSpec, settings), source, out, words)


@click.command()
@_settings_option
@_dataset
@_seed
@_out
def base(settings: str, dataset: Path, seed: int, out: Path) -> None:
    """Make the base model, or point to one on the hub."""
    from clearbench.config.files import BaseSettings
    from clearbench.stages import base as stage

    stage.run(_settings(BaseSettings, settings), dataset, seed, out)


@click.command()
@_settings_option
@_base
@_out
def external(settings: str, base: Path, out: Path) -> None:
    """Point to a checkpoint that was made elsewhere, and check that it fits the base."""
    from clearbench.config.settings import ExternalSettings
    from clearbench.stages import external as stage

    stage.run(_settings(ExternalSettings, settings), base, out)


@click.command()
@_settings_option
@click.option("--part", type=click.Choice(["full", "retain"]), required=True)
@_forget_size
@_seed
@_base
@_dataset
@_out
def finetune(
    settings: str,
    part: str,
    forget_size: int | None,
    seed: int,
    base: Path,
    dataset: Path,
    out: Path,
) -> None:
    """Fine-tune the base on everything (original) or on a retain set (gold)."""
    from clearbench.config.settings import FinetuneSettings
    from clearbench.stages import finetune as stage

    stage.run(_settings(FinetuneSettings, settings), part, forget_size, seed, base, dataset, out)


@click.command()
@_settings_option
@_base
@_original
@_dataset
@_out
def reference(settings: str, base: Path, original: Path, dataset: Path, out: Path) -> None:
    """Store what the original says of all training samples, for all cells."""
    from clearbench.config.settings import ReferenceSettings
    from clearbench.stages import reference as stage

    stage.run(_settings(ReferenceSettings, settings), base, original, dataset, out)


@click.command()
@_settings_option
@click.option("--method", required=True, help="A method; see `clearbench methods`.")
@click.option("--modality", type=click.Choice(["text", "visual", "both"]), required=True)
@_forget_size
@_seed
@_base
@_original
@_folder("--reference", "Folder of what the original says, stored.", required=False)
@_dataset
@_out
def unlearn(
    settings: str,
    method: str,
    modality: str,
    forget_size: int,
    seed: int,
    base: Path,
    original: Path,
    reference: Path | None,
    dataset: Path,
    out: Path,
) -> None:
    """Unlearn one cell."""
    from clearbench.config.settings import Cell, UnlearnSettings
    from clearbench.stages import unlearn as stage

    cell = Cell(method, modality, forget_size, seed)
    stage.run(_settings(UnlearnSettings, settings), cell, base, original, reference, dataset, out)


@click.command()
@_settings_option
@_forget_size
@_base
@click.option(
    "--model",
    "models",
    type=_Folder,
    multiple=True,
    required=True,
    help="Folder of a model on the base; each further one is laid on the one before.",
)
@_dataset
@_out
def evaluate(
    settings: str,
    forget_size: int,
    base: Path,
    models: tuple[Path, ...],
    dataset: Path,
    out: Path,
) -> None:
    """Write the per-sample records of a model."""
    from clearbench.config.settings import EvaluateSettings
    from clearbench.stages import evaluate as stage

    stage.run(_settings(EvaluateSettings, settings), forget_size, base, models, dataset, out)


@click.command()
@_settings_option
@_number
@_base
@_dataset
@_out
def shadows(settings: str, number: int, base: Path, dataset: Path, out: Path) -> None:
    """Train some of the models of a vision suite's membership attacks."""
    from clearbench.config.settings import ShadowSettings
    from clearbench.stages import shadows as stage

    stage.run(_settings(ShadowSettings, settings), number, base, dataset, out)


@click.command()
@_settings_option
@_number
@click.option("--method", required=True, help="A method; see `clearbench methods`.")
@click.option("--forget-size", type=int, required=True, help="Percent of persons to forget.")
@_base
@_folder("--shadows", "Folder of the job's models.")
@_dataset
@_out
def unlearn_shadows(
    settings: str,
    number: int,
    method: str,
    forget_size: int,
    base: Path,
    shadows: Path,
    dataset: Path,
    out: Path,
) -> None:
    """Unlearn the models of a membership attack, and write what they make of pictures."""
    from clearbench.config.settings import UnlearnShadowsSettings
    from clearbench.stages import unlearn_shadows as stage

    given = _settings(UnlearnShadowsSettings, settings)
    stage.run(given, number, method, forget_size, base, shadows, dataset, out)


@click.command()
@_folder("--records", "Folder of the evaluated model.", required=False)
@_folder("--gold", "Folder of its evaluated gold, for a model of words.", required=False)
@click.option(
    "--shadows", type=_Folder, multiple=True, help="Folder of an attack's records; all of them."
)
@click.option("--enrolment", type=click.IntRange(min=1), help="Pictures that enrol a person.")
@click.option(
    "--targets",
    type=click.IntRange(min=1),
    help="Number of the first model that is attacked; without it the evaluated one is.",
)
@click.option("--bound", type=click.Choice(["floor", "ceiling"]), help="Drawn from gold's records.")
@click.option(
    "--prompts",
    type=click.Choice(["other"]),
    help="Of logs whose questions are the same in other words: they are not compared.",
)
@click.option("--settings", default="{}", help="The tasks of the dataset's own layout, as JSON.")
@_out
def score(
    records: Path | None,
    gold: Path | None,
    shadows: tuple[Path, ...],
    enrolment: int | None,
    targets: int | None,
    bound: str | None,
    prompts: str | None,
    settings: str,
    out: Path,
) -> None:
    """Compute all metrics of a model from its records."""
    from clearbench.data.tasks import OwnTasks
    from clearbench.stages import score as stage

    own = _settings(OwnTasks, settings)
    if (gold is None) == (enrolment is None) or bool(shadows) != (enrolment is not None):
        raise click.UsageError("give --gold, or of a vision model --enrolment and --shadows")
    if (records is None) == (bound is None) or (bound is not None and gold is None):
        raise click.UsageError("give --records, or --bound with --gold")
    given = {"records": records, "gold": gold}
    inputs = {name: path for name, path in given.items() if path is not None}
    inputs |= {f"shadows/{number}": path for number, path in enumerate(shadows)}
    stage.run(inputs, enrolment, targets, out, bound, prompts, own)


@click.command()
@_folder("--log", "An eval_log_aggregated.json of TOFU or CLEAR, or a TOFU_EVAL.json.")
@_out
def import_logs(log: Path, out: Path) -> None:
    """Turn another group's per-sample evaluation log into records."""
    from clearbench.stages import import_logs as stage

    stage.run(log, out)


@click.command()
@click.option("--suite", "name", required=True, help="A suite's name or file.")
@_folder("--results", "Folder of the suite's results.")
@click.option("--partial", is_flag=True, help="Show missing cells instead of stopping at them.")
@_out
def tabulate(name: str, results: Path, partial: bool, out: Path) -> None:
    """Merge score files into the comparison tables."""
    from clearbench.stages import tabulate as stage
    from clearbench.suite.load import load_suite

    stage.run(load_suite(name, Path.cwd()), results, partial, out)
