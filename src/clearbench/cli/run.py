"""What a run would do, and runs."""

import json
import os
from pathlib import Path

import click

from clearbench.cli.naming import of_suite, results_option
from clearbench.cli.prove import as_json_option, open_suite


@click.command()
@of_suite()
@results_option
@click.option("--workers", type=click.IntRange(min=1), help="Jobs at a time. [default: processors]")
@as_json_option
def plan(suite: str, results: Path, workers: int | None, as_json: bool) -> None:
    """Tell what a run would do: jobs, hours, storage and finishing time, by similar jobs before."""
    from clearbench.provenance.currency import assess
    from clearbench.provenance.plan import Experience, finishing_time, make_plan, report
    from clearbench.provenance.tree import Tree

    graph, tree, environments = open_suite(suite, results)
    graph.suite.check_sources()
    statuses = assess(graph, tree, environments)
    others = [Tree(root) for root in sorted(results.glob("*/")) if root != tree.root]
    stages, estimates = make_plan(graph, statuses, Experience([tree, *others]))
    workers = workers or os.cpu_count() or 1
    seconds = finishing_time(graph, estimates, workers)
    if as_json:
        data = {"stages": [vars(stage) for stage in stages], "seconds": seconds}
        click.echo(json.dumps(data, indent=1, default=vars))
        return
    for line in report(stages, seconds, workers):
        click.echo(line)
