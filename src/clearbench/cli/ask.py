"""What is there: methods, keys of configuration files, tables."""

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from clearbench.cli.naming import DEFAULT, of_suite, results_option
from clearbench.errors import UserError

if TYPE_CHECKING:
    from clearbench.results.runs import Results


@click.command()
@of_suite("table")
@results_option
def show(target: str | None, suite: str, results: Path) -> None:
    """Print a suite's main table and the paths of all tables and figures, or one TABLE by name."""
    from clearbench.cli.layout import coloured, fit
    from clearbench.cli.prove import open_suite
    from clearbench.digests import visible_files
    from clearbench.provenance.why import not_current
    from clearbench.results.currency import assess
    from clearbench.suite.graph import TABLES
    from clearbench.suite.load import suite_names

    graph, tree, environments = open_suite(suite, results)
    chosen, tables = graph.suite, tree.root / TABLES
    main = "table5" if chosen.domain == "vision" else "comparison"
    files = (path for path in visible_files(tables) if path.parent == tables)
    known = [path.stem for path in files if path.suffix == ".md"]
    if not known:
        raise UserError(
            f"{tables}: no tables; make them first: snakemake --config suite={chosen.name}"
        )
    if target is not None and target not in known:
        raise UserError(
            f"{target}: neither a suite nor a table of suite {chosen.name}; its tables:"
            f" {', '.join(known)}; suites here: {', '.join(suite_names(Path.cwd()))}"
        )
    for line in not_current(graph, assess(graph, tree, environments)):
        click.echo(fit(line, window()))
    text = (tables / f"{target or main}.md").read_text(encoding="utf-8")
    click.echo(coloured(fit(text, window())))
    if target is not None:
        return
    click.echo("All tables and figures:")
    for path in sorted(tables.iterdir()):
        if path.suffix in (".csv", ".md", ".tex", ".svg", ".pdf"):
            click.echo(f"  {path}")


def window() -> int | None:
    """The width that output has to fit, of a terminal or as COLUMNS says; None for a file."""
    if sys.stdout.isatty() or os.environ.get("COLUMNS"):
        return shutil.get_terminal_size().columns
    return None


@click.command("carry-over")
@of_suite()
@results_option
def carry_over(suite: str, results: Path) -> None:
    """Print Table 2: how a multimodal suite and its single-domain suites rank the methods."""
    from tabulate import tabulate

    from clearbench.results.read import read_results
    from clearbench.results.tree import Tree
    from clearbench.suite.graph import Graph
    from clearbench.suite.load import load_suite
    from clearbench.tables.clear_paper import TABLE_1, TABLE_3
    from clearbench.tables.table2 import (
        FORGET,
        PRINTED,
        correlations,
        printed_correlations,
        row_correlations,
        single_domain_suites,
    )

    compared = load_suite(suite, Path.cwd())
    here, *there = (
        read_results(Graph(one), Tree(results / one.name))
        for one in (compared, *single_domain_suites(compared, Path.cwd()))
    )
    rows = []
    for other in there:
        domain = other.suite.domain
        papers = [printed_correlations(table, domain) for table in (TABLE_1, TABLE_3)]
        papers.append(row_correlations(domain))
        known = [{printed.measure: f"{printed.rho:+.3f}" for printed in paper} for paper in papers]
        for measured in correlations(here, other):
            ours = f"{measured.rho:+.3f}", f"{measured.p:.3f}", len(measured.methods)
            theirs = [rho.get(measured.measure, "–") for rho in known]
            theirs.append(f"{PRINTED[domain]:+.3f}" if measured.measure == FORGET else "–")
            rows.append((other.suite.name, domain, measured.measure, *ours, *theirs))
    headers = ["suite", "domain", "measure", "ρ (Spearman)", "p", "methods"]
    headers += ["ρ of Table 1", "ρ of Table 3", "ρ of Table 2's rows", "ρ it prints"]
    _tell_of_one_seed([here, *there])
    click.echo(f"## Table 2: rank correlation with suite {compared.name}\n")
    click.echo(tabulate(rows, headers, tablefmt="pipe", disable_numparse=True))
    click.echo(
        "\n- ρ of Table 1 and of Table 3: the same of the values that the paper prints there for"
        " both modalities, against its Table 4 (Llama-2) or 5.\n"
        "- ρ of Table 2's rows: of the values that stand in that table; ρ it prints: below them."
        " The paper ranks by forget; docs/deviations.md says why the two differ."
    )


def _tell_of_one_seed(compared: "Sequence[Results]") -> None:
    """Say of the suites of one seed that they tell nothing of another run."""
    from clearbench.tables.render import head

    for results in compared:
        if len(results.suite.file.seeds) == 1:
            click.echo(f"Suite {results.suite.name}: {head(results.suite)}\n")


@click.command()
@of_suite()
@results_option
def claims(suite: str, results: Path) -> None:
    """Print whether the paper's claims hold on a suite: supported, contradicted or undecided."""
    from tabulate import tabulate

    from clearbench.results.read import read_results
    from clearbench.results.tree import Tree
    from clearbench.suite.graph import Graph
    from clearbench.suite.load import load_suite
    from clearbench.tables import across
    from clearbench.tables.claims import CLAIMS, GAINS, JOINT, build, check, findings
    from clearbench.tables.remarks import make_remarks
    from clearbench.tables.render import to_markdown
    from clearbench.tables.verdicts import OF_CLAIM, of_claim

    asked = load_suite(suite, Path.cwd())
    check(asked)
    named = [load_suite(name, Path.cwd()) for name in asked.file.single_domain]
    here, *single = (read_results(Graph(one), Tree(results / one.name)) for one in (asked, *named))
    if not across.finished(here):
        raise UserError(
            f"suite {asked.name}: no scaled cell is finished; run snakemake claims --config"
            f" suite={asked.name} first"
        )
    lacking = {other.suite.name: across.lacking(other) for other in single}
    others = [other for other in single if lacking[other.suite.name] is None]
    _tell_of_one_seed(others)
    table = build(here)
    carrying, notes = across.carrying(here, others)
    of_claims = list(carrying)
    if table is not None:
        of_claims += findings(table.blocks)
        click.echo(to_markdown(table, here, make_remarks(here)))
    for other in others:
        unlike = across.unlike(here, other)
        if unlike is not None:
            notes.append(unlike)
            continue
        finding, apart = across.gains_apart(here, other)
        of_claims.append(finding)
        click.echo(f"## {GAINS.column.header}: {JOINT} - suite {other.suite.name}\n")
        lines = [(one.method, one.text) for one in apart]
        columns = ["method", "difference"]
        click.echo(tabulate(lines, columns, tablefmt="pipe", disable_numparse=True) + "\n")
    click.echo(f"## The paper's claims on suite {asked.name}\n")
    rows: list[tuple[str, ...]] = []
    for number, claim in enumerate(CLAIMS, start=1):
        of_it = [finding for finding in of_claims if finding.claim == claim]
        verdict = of_claim(of_it) if of_it else "not told"
        rows.append((f"({number}) {claim}", "all of it", verdict, ""))
        rows += [("", finding.compared, finding.verdict, finding.number) for finding in of_it]
    headers = ["claim", "compared", "verdict", "number"]
    click.echo(tabulate(rows, headers, tablefmt="pipe", disable_numparse=True) + "\n")
    for note in (*across.untold(asked), *filter(None, lacking.values()), *notes, OF_CLAIM):
        click.echo(f"- {note}")
    click.echo("- docs/metrics.md says what the words mean, and how ρ and intervals are computed.")


@click.command()
@click.argument("names", metavar="SUITE…", nargs=-1)
@click.option("--suite", multiple=True, help="The same: a suite's name or file.")
@results_option
def overhead(names: tuple[str, ...], suite: tuple[str, ...], results: Path) -> None:
    """Print what forgetting both modalities at once costs, by model size, of some suites."""
    from statistics import fmean

    from tabulate import tabulate

    from clearbench.results.read import read_results
    from clearbench.results.tree import Tree
    from clearbench.suite.graph import Graph
    from clearbench.suite.load import load_suite
    from clearbench.tables.overhead import MEASURES, ratios, weights

    rows = []
    for name in (*names, *suite) or (DEFAULT,):
        chosen = load_suite(name, Path.cwd())
        measured = read_results(Graph(chosen), Tree(results / chosen.name))
        cells, size = ratios(measured), weights(measured)
        number = len(cells[MEASURES[0].key])
        if size is None or not number:
            raise UserError(
                f"suite {chosen.name}: no method has finished on text, visual and both; run"
                f" snakemake --config suite={chosen.name} first"
            )
        means = [f"{fmean(cells[column.key]):.2f}" for column in MEASURES]
        rows.append((size, (chosen.file.model, chosen.name, number, *means)))
    headers = ["weights", "model", "suite", "cells", "seconds", "peak memory", "FLOP"]
    click.echo("## Both modalities at once, against each alone\n")
    lines = [(f"{size / 1e6:,.1f} M", *row) for size, row in sorted(rows)]
    columns = ("right", "left", "left", *["right"] * 4)
    click.echo(tabulate(lines, headers, tablefmt="pipe", disable_numparse=True, colalign=columns))
    click.echo(
        "\n- Means over methods, forget sizes and seeds of both / (text + visual); of memory, for"
        " each unit of the larger. A suite's table `overhead` has every method's."
    )


@click.command()
@click.argument("method", required=False)
def methods(method: str | None) -> None:
    """List the methods, or show one with its parameters, formula and source."""
    from clearbench import methods as registry
    from clearbench.plugins import named

    known = registry.available()
    width = max(map(len, known)) + 2
    for key in known if method is None else [method]:
        description = registry.describe(key)
        click.echo(f"{key:<{width}}{next(iter(description.doc.splitlines()), '')}".rstrip())
        if method is not None:
            click.echo(f"\n{description.doc}\n")
            if package := named("methods")[key].distribution:
                click.echo(f"  of the package {package}")
            click.echo(f"  domains: {', '.join(description.domains)}")
            for name, (kind, default) in description.parameters.items():
                allowed = str(description.ranges[name])
                click.echo(f"  {name}: {kind} = {default}" + (f", {allowed}" if allowed else ""))


@click.command()
@of_suite("method", many=True)
def cite(target: tuple[str, ...], suite: str) -> None:
    """Print as BibTeX what to cite for METHODs, or for a suite: its paper and its methods'."""
    from clearbench.documentation.citations import bibliography
    from clearbench.suite.load import load_suite

    keys = [*target]
    if not keys:
        chosen = load_suite(suite, Path.cwd())
        keys = [chosen.method(row) for row in chosen.file.methods]
    click.echo("\n".join(bibliography(keys, of_suite=not target)), nl=False)


@click.command()
@click.argument("file", type=click.Choice(["suite", "model", "dataset", "site"]), default="suite")
def options(file: str) -> None:
    """List the keys of a suite file, or of a model's, dataset's or site's file."""
    from clearbench.cli.layout import lay_out
    from clearbench.documentation.keys import FILES, describe, describe_layouts

    rows = [*describe(FILES[file]), *(describe_layouts() if file == "dataset" else ())]
    for line in lay_out((key[:4] for key in rows), min(100, window() or 100)):
        click.echo(line)


@click.command(hidden=True)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("docs"),
    show_default=True,
    help="The folder to write into.",
)
def write_docs(out: Path) -> None:
    """Write the pages on metrics, methods and configuration, and the schemas, from the code."""
    from clearbench.documentation.pages import write

    for path in write(out, Path()):
        click.echo(path)
