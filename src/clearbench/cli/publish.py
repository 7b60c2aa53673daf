"""Results for others."""

from pathlib import Path

import click

from clearbench.cli.naming import of_suite, results_option
from clearbench.errors import UserError

_folder = click.Path(path_type=Path)


@click.command("export-crate")
@of_suite()
@click.option("--out", type=_folder, help="Folder to make.  [default: RESULTS/SUITE-crate]")
@results_option
@click.option("--with-data", is_flag=True, help="Copy models, data and records as well.")
@click.option(
    "--with-real-persons",
    is_flag=True,
    help="With --with-data, of a dataset that is not drawn: also who is real in it.",
)
@click.option("--author", help="The name of who ran the suite.")
@click.option("--orcid", metavar="URL", help="The author's, as https://orcid.org/0000-….")
@click.option(
    "--licence",
    metavar="URL",
    default="https://spdx.org/licenses/MIT",
    show_default=True,
    help="Of the results.",
)
def export_crate(
    suite: str,
    out: Path | None,
    results: Path,
    with_data: bool,
    with_real_persons: bool,
    author: str | None,
    orcid: str | None,
    licence: str,
) -> None:
    """Write a finished suite as a Provenance Run Crate, to be published."""
    from clearbench.provenance.crate.export import Publication, export
    from clearbench.suite.load import load_suite

    chosen = load_suite(suite, Path.cwd())
    out = out or results / f"{chosen.name}-crate"
    if with_real_persons and not with_data:
        raise UserError("--with-real-persons: only with --with-data; else nobody is in a crate")
    drawn = chosen.dataset.generator is not None
    if with_data and not drawn and not with_real_persons:
        raise UserError(
            f"--with-data: {chosen.file.dataset} is not drawn here, and its texts, pictures and"
            " records may be about real persons; add --with-real-persons, or leave --with-data out"
        )
    publication = Publication(licence, author, orcid)
    export(chosen, Path.cwd(), results / chosen.name, out, publication, with_data)
    click.echo(out)
