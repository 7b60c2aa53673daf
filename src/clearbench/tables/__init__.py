"""Comparison tables, from score files to CSV, Markdown and LaTeX, one file a table.

A file that defines `build` is a table, named for the file; no list names it. Its `build` gives None
for a suite that has no row of it; where the file defines `DOMAINS`, the table is one of suites of
these domains only. No metric is computed here.
"""

from collections.abc import Callable
from functools import cache
from pkgutil import iter_modules
from typing import TYPE_CHECKING, get_args

from clearbench.config.settings import Domain
from clearbench.plugins import load

if TYPE_CHECKING:
    from clearbench.results.runs import Results
    from clearbench.tables.base import Table


@cache
def builders(domain: Domain) -> "dict[str, Callable[[Results], Table | None]]":
    """The functions that build the tables of a domain's suites, by the tables' names, sorted."""
    modules = {
        file.name: load(f"{__name__}.{file.name}", f"table {file.name}")
        for file in iter_modules(__path__)
    }
    return {
        name: module.build
        for name, module in modules.items()
        if hasattr(module, "build") and domain in table_domains(name)
    }


def table_domains(name: str) -> tuple[Domain, ...]:
    """The domains of whose suites a table is one."""
    module = load(f"{__name__}.{name}", f"table {name}")
    found: tuple[Domain, ...] = getattr(module, "DOMAINS", get_args(Domain))
    return found
