"""What a run would do, and runs."""

import json
import os
import sys
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

import click

from clearbench.cli.naming import of_suite, results_option
from clearbench.cli.prove import as_json_option, open_suite
from clearbench.config.choices import choice
from clearbench.errors import UserError

if TYPE_CHECKING:
    from clearbench.suite.graph import Graph


@click.command()
@of_suite()
@results_option
@click.option("--workers", type=click.IntRange(min=1), help="Jobs at a time. [default: processors]")
@click.option(
    "--profile",
    help="A profile of Snakemake, as slurm, whose jobs at a time count, as the site file does.",
)
@click.option(
    "--memory", is_flag=True, help="Tell the GPU memory of each training instead, and what fits."
)
@click.option(
    "--sample",
    nargs=3,
    type=click.IntRange(min=1),
    metavar="PROMPT ANSWER SIDE",
    help="The longest samples of --memory: tokens of a prompt without its picture and of an answer,"
    " pixels of a picture's side.  [default: 64, max_new_tokens, 1024]",
)
@as_json_option
def plan(
    suite: str,
    results: Path,
    workers: int | None,
    profile: str | None,
    memory: bool,
    sample: tuple[int, int, int] | None,
    as_json: bool,
) -> None:
    """Tell what a run would do: jobs, hours, storage and finishing time, by similar jobs before."""
    if memory:
        _plan_memory(suite, sample, as_json)
        return
    if sample:
        raise UserError("--sample: only with --memory")
    from clearbench.config.profile import read_profile
    from clearbench.config.site import Site, load_site
    from clearbench.provenance.plan import (
        finishing_time,
        foresee,
        long_answers,
        report,
        report_limits,
        report_long,
    )
    from clearbench.provenance.why import from_elsewhere

    graph, tree, environments = open_suite(suite, results)
    graph.suite.check_sources()
    # What runs here has no limits of a cluster.
    site = load_site() if profile is not None else Site()
    prospect, stages, estimates = foresee(graph, tree, environments, site)
    of = ""
    if workers is None and profile is not None:
        settings = read_profile(profile)
        workers, of = settings.jobs or max(1, len(estimates)), f", by {settings.path}"
    elif workers is None:
        workers = os.cpu_count() or 1
        of = ", as many as processors here; of a cluster tells --profile slurm"
    seconds = finishing_time(graph, estimates, workers)
    answers = long_answers(graph, prospect.tree, prospect.then[graph.bases[0]].current)
    if as_json:
        longer = None if answers is None else {size: count for size, (count, _) in answers.items()}
        given = [vars(stage) for stage in stages]
        data = {"stages": given, "taken_over": prospect.origins, "seconds": seconds}
        data["longer_answers"] = longer
        click.echo(json.dumps(data, indent=1, default=vars))
        return
    limit = graph.suite.file.evaluate.max_new_tokens
    taken = from_elsewhere(prospect.origins, "would be taken")
    told = (*report(stages, seconds, workers, of), *report_limits(graph, stages, site))
    for line in (*told, *taken, *report_long(answers, limit)):
        click.echo(line)


def _plan_memory(name: str, sample: tuple[int, int, int] | None, as_json: bool) -> None:
    from clearbench.memory.plan import needs, report, sample_size
    from clearbench.suite.load import load_suite

    suite = load_suite(name, Path.cwd())
    size = sample_size(suite, sample or None)
    if as_json:
        click.echo(json.dumps([vars(need) for need in needs(suite, size)], indent=1))
        return
    for line in report(needs(suite, size), size):
        click.echo(line)


@click.command()
@of_suite("cell", many=True)
@results_option
@click.option("--smoke", is_flag=True, help="Train a few batches of each cell; publish nothing.")
@click.option("--dry-run", is_flag=True, help="Tell which jobs would run, and run none.")
@click.option("--profile", help="A profile of Snakemake, as slurm.")
def run(
    target: tuple[str, ...],
    suite: str,
    results: Path,
    smoke: bool,
    dry_run: bool,
    profile: str | None,
) -> None:
    """Run a suite, or only some cells with all that they are made from, to their scores.

    CELL is a run as npo/text/forget10/seed0, or its beginning, as npo/text; * stands for any part.
    """
    from clearbench.jobs.artifacts import MANIFEST
    from clearbench.suite.graph import OF_SUITE, Graph
    from clearbench.suite.load import load_suite
    from clearbench.warm import run_warm

    graph = Graph(load_suite(suite, Path.cwd()))
    runs = [graph.runs[name] for pattern in target for name in _matching(pattern, graph)]
    cells = [(run.cell, graph[run.weights]) for run in runs if run.cell is not None]
    if smoke and (not runs or len(cells) < len(runs)):
        raise UserError("--smoke: name cells, as npo/text")
    wanted = [run.scores for run in runs] or [*OF_SUITE]
    if smoke:
        wanted = [source for _, weights in cells for source in weights.inputs.values()]
    root = results / graph.suite.name
    words = [sys.executable, "-m", "snakemake"]
    words += ["--dry-run"] if dry_run else []
    words += ["--profile", profile] if profile else []
    words += ["--config", choice("suite", suite), choice("results", str(results))]
    words += ["--", *(str(root / name / MANIFEST) for name in dict.fromkeys(wanted))]
    # The rules call `clearbench` by its name.
    here = str(Path(sys.executable).parent)
    os.environ["PATH"] = os.pathsep.join([here, os.environ.get("PATH", os.defpath)])
    status = run_warm(words)
    if status:
        raise SystemExit(status)
    if dry_run:
        return
    if smoke:
        from clearbench.trial.cell import smoke_test

        for run, (cell, weights) in zip(runs, cells, strict=True):
            click.echo(f"{run.name}: {smoke_test(weights, cell, root)}")
        return
    for run in runs:
        click.echo(f"{run.name}: {_scores(root / run.scores)}")


def _matching(pattern: str, graph: "Graph") -> list[str]:
    """The runs whose names begin with the parts of a pattern."""
    parts = pattern.split("/")
    names = [
        name
        for name in graph.runs
        if len(name.split("/")) >= len(parts) and all(map(fnmatchcase, name.split("/"), parts))
    ]
    if not names:
        known = ", ".join(dict.fromkeys("/".join(name.split("/")[:2]) for name in graph.runs))
        raise UserError(f"{pattern}: suite {graph.suite.name} has no such cell; it has: {known}")
    return names


def _scores(folder: Path) -> str:
    """The scores of a whole model in a line, and where all of them are."""
    from clearbench.metrics.keys import Key
    from clearbench.metrics.score import SCORES

    if not (folder / SCORES).is_file():
        return f"diverged; {folder}"
    scores = json.loads((folder / SCORES).read_text(encoding="utf-8"))
    headline = {key: value for key, value in scores.items() if key == Key.parse(key).metric}
    told = ", ".join(f"{key} {value:.3f}" for key, value in headline.items())
    return f"{told}; all in {folder / SCORES}"


@click.command()
@of_suite()
def check(suite: str) -> None:
    """Check a suite's file, and try its methods and metrics on random numbers, in seconds."""
    from clearbench.suite.load import load_suite
    from clearbench.trial.suite import try_methods, try_metrics

    chosen = load_suite(suite, Path.cwd())
    chosen.check_sources()
    scores, methods = try_metrics(chosen), try_methods(chosen)
    click.echo(
        f"suite {chosen.name}: {methods} methods and {scores} scores tried, no mistake found"
    )
