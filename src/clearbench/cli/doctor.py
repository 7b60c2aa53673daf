"""Whether a cluster is ready for a suite."""

from pathlib import Path

import click

from clearbench.cli.naming import of_suite, results_option


@click.command()
@of_suite()
@results_option
@click.option(
    "--profile",
    default="slurm",
    show_default=True,
    help="The profile of Snakemake that runs will have: slurm, lsf, kubernetes, or a folder.",
)
@click.option(
    "--wait",
    type=click.IntRange(min=1),
    default=300,
    show_default=True,
    help="Seconds that a job of SLURM may wait for a node.",
)
def doctor(suite: str, results: Path, profile: str, wait: int) -> None:
    """Check a cluster before the first run of a suite: one line a finding, with the remedy."""
    from clearbench.cli.prove import open_suite
    from clearbench.cluster.doctor.login import examine
    from clearbench.cluster.doctor.storage import Asked
    from clearbench.config.site import load_site
    from clearbench.provenance.plan import foresee

    graph, tree, environments = open_suite(suite, results)
    _, _, costs = foresee(graph, tree, environments)
    unknown = sum(not cost.measured for cost in costs.values())
    size = sum(cost.size for cost in costs.values())
    asked = Asked(results, len(costs), size, unknown)
    failed = 0
    for finding in examine(graph.suite, load_site(), profile, wait, asked):
        click.echo(finding.line)
        failed += finding.failed
    if failed:
        raise SystemExit(1)
