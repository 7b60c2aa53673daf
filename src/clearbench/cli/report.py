"""The page of a suite: of a finished run, or of what is done so far."""

from pathlib import Path

import click

from clearbench.cli.naming import of_suite, results_option

WITH_REAL_PERSONS = "report-with-real-persons"
"""The folder of the page that has them, which is no artifact, below the suite's results."""


@click.command()
@of_suite()
@results_option
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Artifact folder to make, of a finished run; as the workflow asks for it.",
)
@click.option(
    "--with-real-persons",
    is_flag=True,
    help="Show samples about the dataset's real persons and things as well.",
)
@click.option("--open", "opened", is_flag=True, help="Open the page in the browser.")
def report(
    suite: str, results: Path, out: Path | None, with_real_persons: bool, opened: bool
) -> None:
    """Tell where the page of a suite lies, of an unfinished run one of what is done so far."""
    from clearbench.report.document import PAGE
    from clearbench.stages import report as stage
    from clearbench.suite.load import load_suite

    chosen = load_suite(suite, Path.cwd())
    root = results / chosen.name
    if out is not None:
        stage.run(chosen, root, False, with_real_persons, out)
        return
    folder = root / "report"
    if with_real_persons or not _current(suite, results):
        folder = root / (WITH_REAL_PERSONS if with_real_persons else stage.SO_FAR)
        stage.run(chosen, root, True, with_real_persons, folder)
    click.echo(folder / PAGE)
    if opened:
        click.launch(str(folder / PAGE))


def _current(suite: str, results: Path) -> bool:
    """Whether the page that the workflow makes is there, and of what lies here now."""
    from clearbench.cli.prove import open_suite
    from clearbench.results.currency import assess
    from clearbench.suite.graph import REPORT

    graph, tree, environments = open_suite(suite, results)
    return assess(graph, tree, environments)[REPORT].current
