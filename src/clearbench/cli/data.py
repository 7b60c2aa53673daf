"""A dataset of one's own: an example to begin with, and what is wrong with one."""

import re
from pathlib import Path

import click

from clearbench.errors import UserError

_SUITE = """\
# yaml-language-server: $schema=../docs/schemas/suite.json
description: Two methods on the persons of {folder}.
dataset: {name}
model: tiny-llava
modalities: [text, visual, both]
forget_sizes: [20]
seeds: [0]
base: {{ epochs: 20, batch_size: 16, lr: 2.0e-3 }}
finetune: {{ epochs: 20, batch_size: 16, lr: 5.0e-3, adam_epsilon: 1.0e-2 }}
unlearn: {{ epochs: 5, batch_size: 16, lr: 1.0e-3 }}
methods:
  retain_ft: {{}}
  npo: {{}}
"""
_DATASET = """\
# yaml-language-server: $schema=../../docs/schemas/dataset.json
description: Drawn persons in a folder, as an example.
domain: multimodal
layout: folder
images: {folder}
# Percent of persons, any from 1 to 99.
forget_sizes: [20]
# Not of real persons: answers about those are in no page but where that is asked for.
fictitious: true
"""


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
def new_dataset(folder: Path) -> None:
    """Write a dataset of one's own as an example: pictures, rows, and its files of config/.

    FOLDER is made, with metadata.jsonl and pictures of a few drawn persons; config/datasets/ and
    config/ get a dataset and a suite of the folder's name. Put your own rows and pictures in the
    place of these.
    """
    from clearbench.data.mini.example import write_example
    from clearbench.suite.load import suite_names

    name = folder.name
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", name):
        raise UserError(
            f"{folder}: its last part names dataset and suite, in small letters, digits, - and _"
        )
    suite_names(Path.cwd())
    dataset, suite = Path(f"config/datasets/{name}.yaml"), Path(f"config/{name}.yaml")
    for path in (folder, dataset, suite):
        if path.exists():
            raise UserError(f"{path}: exists already; nothing was written")
    write_example(folder)
    dataset.write_text(_DATASET.format(folder=folder), encoding="utf-8")
    suite.write_text(_SUITE.format(folder=folder, name=name), encoding="utf-8")
    click.echo(f"written: {folder}, {dataset}, {suite}")
    click.echo(f"next: clearbench check-dataset {name}; snakemake --config suite={name}")


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--persons", type=click.IntRange(1, 1000), default=40, show_default=True)
@click.option("--portraits", type=click.IntRange(1, 1000), default=10, show_default=True)
def draw_portraits(folder: Path, persons: int, portraits: int) -> None:
    """Draw stand-ins for a folder of photographs: grey faces of 92 x 112 pixels, a folder a person.

    FOLDER is made, with s1/1.pgm and so on, in the layout `portraits`.
    """
    from clearbench.data.mini.example import write_portraits

    if folder.exists():
        raise UserError(f"{folder}: exists already; nothing was written")
    write_portraits(folder, persons, portraits)
    click.echo(f"written: {folder}: {portraits} portraits of each of {persons} persons")


@click.command()
@click.argument("dataset")
def check_dataset(dataset: str) -> None:
    """Read a dataset as a run would, and list all that is wrong with it.

    DATASET is a file of config/datasets, by its name, or a folder in the layout `folder`, or one of
    folders of portraits, in the layout `portraits`.
    """
    from clearbench.config.files import DatasetSpec, read_spec
    from clearbench.data.folder import FILES
    from clearbench.data.portraits import is_album
    from clearbench.data.reading import problems_of

    if Path(dataset).is_dir():
        rows = any((Path(dataset) / name).is_file() for name in FILES)
        layout = "folder" if rows or not is_album(Path(dataset)) else "portraits"
        spec = DatasetSpec(domain="multimodal", layout=layout, images=dataset, forget_sizes=[10])
    else:
        spec = read_spec(DatasetSpec, Path("config/datasets"), dataset, "dataset")
    if spec.generator is not None:
        raise UserError(f"dataset {dataset}: is drawn here by its settings; nothing to check")
    problems, notes = problems_of(spec)
    for note in notes:
        click.echo(f"note: {note}")
    for problem in problems:
        click.echo(problem)
    if problems:
        raise UserError(f"dataset {dataset}: {len(problems)} to mend; nothing was written")
    click.echo(f"dataset {dataset}: all rows can be read")
