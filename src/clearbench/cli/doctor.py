"""Whether a cluster is ready for a suite."""

from pathlib import Path

import click

from clearbench.cli.naming import of_suite


@click.command()
@of_suite()
@click.option(
    "--wait",
    type=click.IntRange(min=1),
    default=300,
    show_default=True,
    help="Seconds a job may wait for a node.",
)
def doctor(suite: str, wait: int) -> None:
    """Check a cluster before the first run of a suite: one line a finding, with the remedy."""
    from clearbench.cluster.doctor.login import examine
    from clearbench.config.site import load_site
    from clearbench.suite.load import load_suite

    failed = 0
    for finding in examine(load_suite(suite, Path.cwd()), load_site(), wait):
        click.echo(finding.line)
        failed += finding.remedy is not None
    if failed:
        raise SystemExit(1)
