"""Results for others."""

from pathlib import Path

import click

from clearbench.cli.naming import of_suite, results_option

_folder = click.Path(path_type=Path)


@click.command("export-crate")
@of_suite()
@click.option("--out", type=_folder, help="Folder to make.  [default: RESULTS/SUITE-crate]")
@results_option
@click.option("--with-data", is_flag=True, help="Copy models, data and records as well.")
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
    author: str | None,
    orcid: str | None,
    licence: str,
) -> None:
    """Write a finished suite as a Provenance Run Crate, to be published."""
    from clearbench.provenance.crate.export import Publication, export
    from clearbench.suite.load import load_suite

    chosen = load_suite(suite, Path.cwd())
    out = out or results / f"{chosen.name}-crate"
    publication = Publication(licence, author, orcid)
    export(chosen, Path.cwd(), results / chosen.name, out, publication, with_data)
    click.echo(out)
