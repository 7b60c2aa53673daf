"""Runs beside each other, and figures for papers."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from clearbench.cli.naming import NewFile, of_suite, results_option
from clearbench.errors import UserError, unknown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from clearbench.figures.base import Format

Command = Callable[..., Any]


def _out(help: str) -> Callable[[Command], Command]:
    """The option that names a file of a figure."""
    return click.option("--out", type=NewFile(), metavar="FILE", help=help)


@click.command()
@click.argument("one", metavar="A")
@click.argument("other", metavar="B")
@results_option
@_out("Draw the differences as well, into a file .pdf or .svg.")
def compare(one: str, other: str, results: Path, out: Path | None) -> None:
    """Print what differs between two runs, of their numbers beyond the noise.

    A and B are suites, folders of results (results/mini), or crates. Rows are the same by their
    names.
    """
    from clearbench.cli.ask import window
    from clearbench.cli.layout import coloured, fit
    from clearbench.provenance.compare.numbers import compare as compare_numbers
    from clearbench.provenance.compare.numbers import rows_of
    from clearbench.provenance.compare.settings import settings_apart
    from clearbench.provenance.compare.side import open_side
    from clearbench.provenance.compare.words import written

    if out is not None:
        _format(out)
    first, second = (open_side(name, results, Path.cwd()) for name in (one, other))
    names = (Path(one).stem, Path(other).stem)
    if names[0] == names[1]:
        names = (one, other)
    compared = compare_numbers(first, second)
    rows = [list(rows_of(side)) for side in (first, second)]
    text = written(names, rows, list(settings_apart(first, second)), compared)
    click.echo(coloured(fit(text, window())))
    if out is not None:
        from clearbench.provenance.compare.picture import draw

        _write(draw(compared, names), out)


@click.command()
@of_suite("name")
@results_option
@_out("The file to write, .pdf or .svg.")
def figure(target: str | None, suite: str, results: Path, out: Path | None) -> None:
    """Draw a figure of a suite for a paper, from its scores as they are now; or list them.

    NAME is one of the figures beside the tables. What is drawn are vectors with their fonts; the
    results stay as they are.
    """
    from clearbench.cli.prove import open_suite
    from clearbench.figures import drawers
    from clearbench.provenance.compare.side import check_finished
    from clearbench.results.read import read_results

    graph, tree, environments = open_suite(suite, results)
    known = drawers(graph.suite.domain)
    if target is None:
        click.echo("\n".join(known), nl=bool(known))
        return
    if target not in known:
        raise UserError(
            f"{target}: {unknown(target, known, 'neither a suite nor a figure of one')}"
        )
    if out is None:
        raise UserError(f"{target}: where to? name a file .pdf or .svg with --out")
    _format(out)
    read = read_results(graph, tree, environments=environments)
    check_finished(graph.suite.name, tree.root, read, "draw")
    lacking = [run for run in read.runs.values() if run.state not in ("ok", "diverged")]
    if lacking:
        click.echo(
            f"drawn without {len(lacking)} of {len(read.runs)} models ({lacking[0].reason});"
            f" clearbench why --suite {graph.suite.name}",
            err=True,
        )
    drawn = known[target](read)
    if drawn is None:
        raise UserError(f"{target}: suite {graph.suite.name} has nothing to draw in it")
    _write(drawn, out)


def _format(out: Path) -> "Format":
    """The format that a file's ending names; UserError for another."""
    from clearbench.figures.base import FORMATS

    for known in FORMATS:
        if out.suffix == f".{known}":
            return known
    raise UserError(f"--out {out}: allowed endings: {', '.join(f'.{known}' for known in FORMATS)}")


def _write(figure: "Figure", out: Path) -> None:
    from clearbench.figures.base import written

    out.write_bytes(written(figure)[_format(out)])
    click.echo(out)
