"""Comparison tables, from score files to CSV, Markdown and LaTeX, one file a table.

A file that defines `build` is a table, named for the file; no list names it. Other packages bring
further ones (`clearbench.plugins`). Its `build` gives None for a suite that has no row of it; where
the file defines `DOMAINS`, the table is one of suites of these domains only, and `CELLS_OF` names
the modality without whose cells there is none. No metric is computed here.
"""

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, get_args

from clearbench.config.settings import Domain
from clearbench.plugins import load, named

if TYPE_CHECKING:
    from clearbench.results.runs import Results
    from clearbench.tables.base import Table


@cache
def builders(domain: Domain) -> "dict[str, Callable[[Results], Table | None]]":
    """The functions that build the tables of a domain's suites, by the tables' names, sorted."""
    modules = {name: load("tables", name) for name in sorted(named("tables"))}
    for name, module in modules.items():
        plugin = named("tables")[name]
        if plugin.distribution and not hasattr(module, "build"):
            raise plugin.wrong("which is no table: it has no function build")
    return {
        name: module.build
        for name, module in modules.items()
        if hasattr(module, "build") and domain in table_domains(name)
    }


def table_modality(name: str) -> str | None:
    """The modality without whose cells a suite has no such table; None where any will do."""
    modality: str | None = getattr(load("tables", name), "CELLS_OF", None)
    return modality


def table_domains(name: str) -> tuple[Domain, ...]:
    """The domains of whose suites a table is one."""
    domains: tuple[Domain, ...] = getattr(load("tables", name), "DOMAINS", get_args(Domain))
    return domains
