"""The stages of the workflow whose commands know more than what their `run` takes.

The others are in `plain_stages`.
"""

import json
from pathlib import Path
from typing import Any, TypeVar

import click
from pydantic import BaseModel

from clearbench.config.strict import validate
from clearbench.errors import UserError
from clearbench.suite.runs import LARGEST_SEED

_Settings = TypeVar("_Settings", bound=BaseModel)
FOLDER = click.Path(path_type=Path)

TOLD = {
    "settings": "Settings of the stage, as JSON.",
    "out": "Artifact folder to make.",
    "dataset": "Folder of the dataset stage.",
    "base": "Folder of the base stage.",
    "original": "Folder of the original model.",
    "shadows": "Folder of the job's models.",
    "number": "Of the job, from 0.",
    "method": "A method; see `clearbench methods`.",
    "forget_size": "Percent of persons to forget.",
    "validation": "Folder of the persons of a choice, who stand for the forget set.",
    "request": "Folder of the persons of a request, and of all earlier ones.",
    "holdout": "Percent of persons on whom no model is to be trained.",
}
"""What the options are that several stages have."""


def _json(text: str) -> dict[str, Any]:
    try:
        data = json.loads(text)
    except ValueError as error:
        raise UserError(f"--settings: not JSON ({error})") from None
    if not isinstance(data, dict):
        raise UserError("--settings: must be a JSON object")
    return data


def read_settings(kind: type[_Settings], text: str) -> _Settings:
    """The settings of a stage from its option."""
    return validate(kind, _json(text), "--settings")


def _folder(name: str, text: str, required: bool = True) -> Any:
    return click.option(name, type=FOLDER, required=required, help=text)


def _named_folder(name: str) -> Any:
    return _folder(f"--{name}", TOLD[name])


_settings_option = click.option("--settings", required=True, help=TOLD["settings"])
_out = _named_folder("out")
_dataset = _named_folder("dataset")
_base = _named_folder("base")
_original = _named_folder("original")
_seed = click.option("--seed", type=click.IntRange(0, LARGEST_SEED), default=0, show_default=True)
_validation = _folder("--validation", TOLD["validation"], required=False)
_request = _folder("--request", TOLD["request"], required=False)
_forget_size = click.option("--forget-size", type=int, help=TOLD["forget_size"])


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
@click.option("--holdout", type=click.IntRange(min=0), help=TOLD["holdout"])
@_out
def dataset(settings: str, source: Path | None, words: Any, holdout: int | None, out: Path) -> None:
    """Read, check and store a dataset."""
    from clearbench.config.files import DatasetSpec
    from clearbench.stages import dataset as stage

    stage.run(read_settings(DatasetSpec, settings), source, out, words, holdout)


@click.command()
@_settings_option
@click.option("--part", type=click.Choice(["full", "retain"]), required=True)
@_forget_size
@_seed
@_base
@_dataset
@_validation
@_request
@_out
def finetune(
    settings: str,
    part: str,
    forget_size: int | None,
    seed: int,
    base: Path,
    dataset: Path,
    validation: Path | None,
    request: Path | None,
    out: Path,
) -> None:
    """Fine-tune the base on everything (original) or on a retain set (gold)."""
    from clearbench.config.settings import FinetuneSettings
    from clearbench.stages import finetune as stage

    read = read_settings(FinetuneSettings, settings)
    stage.run(read, part, forget_size, seed, base, dataset, out, validation, request)


@click.command()
@_settings_option
@click.option("--method", required=True, help=TOLD["method"])
@click.option("--modality", type=click.Choice(["text", "visual", "both"]), required=True)
@_forget_size
@_seed
@_base
@_original
@_folder("--reference", "Folder of what the original says, stored.", required=False)
@_folder("--alternates", "Folder of what the original made up.", required=False)
@_folder("--gold", "Folder of the gold that the method compares with.", required=False)
@click.option(
    "--model",
    "models",
    type=FOLDER,
    multiple=True,
    help="Folder of what an earlier request has changed; each lies on the one before.",
)
@_dataset
@_validation
@_request
@_folder("--selection", "Folder of the chosen values of a sweep.", required=False)
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
    alternates: Path | None,
    gold: Path | None,
    models: tuple[Path, ...],
    dataset: Path,
    validation: Path | None,
    request: Path | None,
    selection: Path | None,
    out: Path,
) -> None:
    """Unlearn one cell."""
    from clearbench.config.settings import Cell, UnlearnSettings
    from clearbench.stages import unlearn as stage

    cell = Cell(method, modality, forget_size, seed)
    read = read_settings(UnlearnSettings, settings)
    made_of = base, original, reference, dataset
    read_too = alternates, gold, request
    stage.run(read, cell, *made_of, out, validation, selection, *read_too, models)


@click.command()
@_settings_option
@_forget_size
@_base
@click.option(
    "--model",
    "models",
    type=FOLDER,
    multiple=True,
    required=True,
    help="Folder of a model on the base; each further one is laid on the one before.",
)
@click.option("--strengths", help="Factors of what the last model changes, as `0.5,2`; each apart.")
@_dataset
@_validation
@_request
@_folder("--original", "Folder of the original, which judges what is said.", required=False)
@click.option(
    "--gradients",
    type=click.Choice(["trained"]),
    help="Also norms of those of trained weights.",
)
@_out
def evaluate(
    settings: str,
    forget_size: int,
    base: Path,
    models: tuple[Path, ...],
    strengths: str | None,
    dataset: Path,
    validation: Path | None,
    request: Path | None,
    original: Path | None,
    gradients: str | None,
    out: Path,
) -> None:
    """Write the per-sample records of a model."""
    from clearbench.config.settings import EvaluateSettings
    from clearbench.stages import evaluate as stage

    read = read_settings(EvaluateSettings, settings)
    further = strengths, validation, request, original, gradients
    stage.run(read, forget_size, base, models, dataset, out, *further)


@click.command()
@_settings_option
@_folder("--original", "Folder of the original's scores.")
@click.option(
    "--point",
    "points",
    type=FOLDER,
    multiple=True,
    required=True,
    help="Folder of a point's scores: of each point at each strength, in the settings' order.",
)
@_out
def select(settings: str, original: Path, points: tuple[Path, ...], out: Path) -> None:
    """Choose the point of a sweep that forgets most at equal retention."""
    from clearbench.config.settings import SelectSettings
    from clearbench.stages import select as stage

    read = read_settings(SelectSettings, settings)
    named = [(point.name, strength) for point in read.points for strength in read.strengths]
    if len(points) != len(named):
        raise click.UsageError(
            f"--point: {len(points)} folders; the settings name {len(read.points)} points at"
            f" {len(read.strengths)} strengths"
        )
    inputs = {"original": original}
    for (point, strength), folder in zip(named, points, strict=True):
        inputs[f"point/{point}/{strength:g}"] = folder
    stage.run(read, inputs, out)


@click.command()
@_folder("--records", "Folder of the evaluated model.", required=False)
@_folder("--gold", "Folder of its evaluated gold, for a model of words.", required=False)
@_folder("--original", "Folder of its evaluated original, where persons are held out.", False)
@click.option(
    "--shadows", type=FOLDER, multiple=True, help="Folder of an attack's records; all of them."
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
@click.option(
    "--bases",
    type=click.Choice(["other"]),
    help="Of two golds, each of a seed with a base of its own.",
)
@click.option("--strength", type=float, help="Of records at several strengths, those at this one.")
@_request
@click.option(
    "--about",
    type=click.IntRange(min=1),
    help="The number of a request, of whose persons alone the forget split then is.",
)
@click.option("--point", help="Of records under a stress test, those at this point of it.")
@click.option(
    "--settings",
    default="{}",
    help="The tasks of the dataset's own layout, and groups of persons, as JSON.",
)
@_out
def score(
    records: Path | None,
    gold: Path | None,
    original: Path | None,
    shadows: tuple[Path, ...],
    enrolment: int | None,
    targets: int | None,
    bound: str | None,
    prompts: str | None,
    bases: str | None,
    strength: float | None,
    request: Path | None,
    about: int | None,
    point: str | None,
    settings: str,
    out: Path,
) -> None:
    """Compute all metrics of a model from its records."""
    from clearbench.data.tasks import ScoreSettings
    from clearbench.stages import score as stage

    own = read_settings(ScoreSettings, settings)
    if (gold is None) == (enrolment is None) or bool(shadows) != (enrolment is not None):
        raise click.UsageError("give --gold, or of a vision model --enrolment and --shadows")
    if (records is None) == (bound is None) or (bound is not None and gold is None):
        raise click.UsageError("give --records, or --bound with --gold")
    if (request is None) != (about is None):
        raise click.UsageError("give both --request and --about, or neither")
    given = {"records": records, "gold": gold, "original": original, "request": request}
    inputs = {name: path for name, path in given.items() if path is not None}
    inputs |= {f"shadows/{number}": path for number, path in enumerate(shadows)}
    stage.run(inputs, enrolment, targets, out, bound, prompts, bases, strength, point, about, own)


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
