"""What to cite: the sources that methods name, as BibTeX.

A method names its sources at the end of its docstring, by their numbers of arXiv or the addresses
of their code; `citations.bib` has an entry for each, by the same number or address.
"""

import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from clearbench import methods

BENCHMARK = "2410.18057"
"""CLEAR's paper."""

_SOURCE = re.compile(r"\d{4}\.\d{4,5}|github\.com/[\w.-]+/[\w-]+")
"""A number of arXiv or the address of code, as docstrings and entries have them."""


def bibliography(keys: Iterable[str], of_suite: bool = False) -> Iterator[str]:
    """The BibTeX entries of methods, each once; before them, `of_suite`, that of the benchmark.

    A variant cites its method as well. A method of another package may name sources that are not
    known here, or none: it is told in a comment, with what it names.
    """
    known = entries()
    cited = [known[BENCHMARK]] if of_suite else []
    for key in keys:
        named = sources(key)
        cited += [known[source] for source in named if source in known]
        strange = [source for source in named if source not in known]
        if strange or not named:
            there = ", ".join(strange) or "no source"
            cited.append(f"% {key}: its docstring names {there}, of which there is no entry here\n")
    yield from dict.fromkeys(cited)


def sources(key: str) -> list[str]:
    """The numbers and addresses that a method's docstring names as its source, its own first.

    After those of a variant come those of its method. Raises UserError for an unknown method.
    """
    _, _, named = methods.describe(key).doc.rpartition("Source: ")
    plain = key.partition("@")[0]
    keys = _SOURCE.findall(named)
    if plain != key and plain in methods.available():
        keys += sources(plain)
    return list(dict.fromkeys(keys))


@cache
def entries() -> dict[str, str]:
    """The known entries, by each number and address that they have."""
    text = Path(__file__).with_name("citations.bib").read_text(encoding="utf-8")
    entries: dict[str, str] = {}
    for entry in re.findall(r"^@.*?^\}\n", text, re.M | re.S):
        named = re.findall(r"^  (?:eprint|url|note) = \{(.*)\},$", entry, re.M)
        entries |= {source: entry for text in named for source in _SOURCE.findall(text)}
    return entries
