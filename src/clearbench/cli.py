"""The command line: one subcommand a stage, used by the rules and by people alike.

Each stage is imported when it runs, so that `clearbench --help` needs neither torch nor pandas.
"""

import errno
import json
import sys
from pathlib import Path
from typing import Any, TypeVar

import click
from pydantic import BaseModel

from clearbench.errors import UserError
from clearbench.strict import validate

_Settings = TypeVar("_Settings", bound=BaseModel)
_Folder = click.Path(path_type=Path)


def main() -> None:
    """Run the command line; a user's mistake or a full disk ends in one line and exit status 1."""
    try:
        cli(standalone_mode=False)
    except UserError as error:
        _fail(str(error))
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES):
            raise
        _fail(f"{error.filename or 'output'}: {error.strerror}; nothing was published")
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except click.Abort:
        _fail("interrupted")


def _fail(message: str) -> None:
    click.echo(f"clearbench: {message}", err=True)
    sys.exit(1)


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
_seed = click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
_forget_size = click.option("--forget-size", type=int, help="Percent of persons to forget.")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="clearbench")
def cli() -> None:
    """Multimodal machine unlearning: the CLEAR benchmark from data to tables."""


@cli.command()
@_settings_option
@_out
def generate(settings: str, out: Path) -> None:
    """Generate the mini dataset in the layout of the hub."""
    from clearbench.stages import generate as stage

    stage.run(_json(settings), out)


@cli.command()
@_settings_option
@_folder("--source", "Folder of the generate stage, for generated datasets.", required=False)
@_out
def dataset(settings: str, source: Path | None, out: Path) -> None:
    """Read, check and store a dataset."""
    from clearbench.config import DatasetSpec
    from clearbench.stages import dataset as stage

    stage.run(_settings(DatasetSpec, settings), source, out)


@cli.command()
@_settings_option
@_dataset
@_seed
@_out
def base(settings: str, dataset: Path, seed: int, out: Path) -> None:
    """Make the base model, or point to one on the hub."""
    from clearbench.config import BaseSettings
    from clearbench.stages import base as stage

    stage.run(_settings(BaseSettings, settings), dataset, seed, out)


@cli.command()
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
    from clearbench.settings import FinetuneSettings
    from clearbench.stages import finetune as stage

    stage.run(_settings(FinetuneSettings, settings), part, forget_size, seed, base, dataset, out)


@cli.command()
@_settings_option
@click.option("--method", required=True, help="A method; see `clearbench methods`.")
@click.option("--modality", type=click.Choice(["text", "visual", "both"]), required=True)
@_forget_size
@_seed
@_base
@_folder("--original", "Folder of the original model.")
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
    dataset: Path,
    out: Path,
) -> None:
    """Unlearn one cell."""
    from clearbench.settings import Cell, UnlearnSettings
    from clearbench.stages import unlearn as stage

    cell = Cell(method, modality, forget_size, seed)
    stage.run(_settings(UnlearnSettings, settings), cell, base, original, dataset, out)


@cli.command()
@_settings_option
@_forget_size
@_base
@_folder("--finetuned", "Folder of an original or gold model.")
@_folder("--unlearned", "Folder of a cell that was unlearned from it.", required=False)
@_dataset
@_out
def evaluate(
    settings: str,
    forget_size: int,
    base: Path,
    finetuned: Path,
    unlearned: Path | None,
    dataset: Path,
    out: Path,
) -> None:
    """Write the per-sample records of a model."""
    from clearbench.settings import EvaluateSettings
    from clearbench.stages import evaluate as stage

    stage.run(
        _settings(EvaluateSettings, settings), forget_size, base, finetuned, unlearned, dataset, out
    )


@cli.command()
@_folder("--records", "Folder of the evaluated model.")
@_folder("--gold", "Folder of its evaluated gold.")
@_out
def score(records: Path, gold: Path, out: Path) -> None:
    """Compute all metrics of a model from its records."""
    from clearbench.stages import score as stage

    stage.run(records, gold, out)


@cli.command()
@click.option("--suite", "name", required=True, help="A suite's name or file.")
@_folder("--results", "Folder of the suite's results.")
@click.option("--partial", is_flag=True, help="Show missing cells instead of stopping at them.")
@_out
def tabulate(name: str, results: Path, partial: bool, out: Path) -> None:
    """Merge score files into the comparison tables."""
    from clearbench.stages import tabulate as stage
    from clearbench.suite import load_suite

    stage.run(load_suite(name, Path.cwd()), results, partial, out)


@cli.command()
@click.argument("name", metavar="SUITE")
def show(name: str) -> None:
    """Print a suite's main table and the paths of all its tables."""
    from clearbench.layout import Layout
    from clearbench.suite import load_suite

    tables = Layout(Path("results") / load_suite(name, Path.cwd()).name).tables
    main_table = tables / "comparison.md"
    if not main_table.exists():
        raise UserError(f"{main_table}: missing; run snakemake --config suite={name} first")
    click.echo(main_table.read_text(encoding="utf-8"))
    click.echo("All tables:")
    for path in sorted(tables.iterdir()):
        if path.suffix in (".csv", ".md", ".tex"):
            click.echo(f"  {path}")


@cli.command()
@click.argument("method", required=False)
def methods(method: str | None) -> None:
    """List the methods, or show one with its parameters, formula and source."""
    from clearbench import methods as registry

    known = registry.available()
    if method is not None and method not in known:
        raise UserError(f"{method}: unknown method; allowed: {', '.join(known)}")
    for key in known if method is None else [method]:
        description = registry.describe(key)
        click.echo(f"{key:<12}{description.doc.splitlines()[0]}")
        if method is not None:
            click.echo(f"\n{description.doc}\n")
            for name, (kind, default) in description.parameters.items():
                click.echo(f"  {name}: {kind} = {default}")


@cli.command()
@click.argument("file", type=click.Choice(["suite", "model", "dataset"]), default="suite")
def options(file: str) -> None:
    """List the keys of a suite file, or of a model's or dataset's file."""
    from tabulate import tabulate

    from clearbench.config import DatasetSpec, ModelSpec
    from clearbench.options import describe
    from clearbench.suite import SuiteFile

    kinds: dict[str, type[BaseModel]] = {
        "suite": SuiteFile,
        "model": ModelSpec,
        "dataset": DatasetSpec,
    }
    headers = ["key", "type", "default", "meaning"]
    click.echo(tabulate(describe(kinds[file]), headers, disable_numparse=True))
