"""Text for a terminal: nothing is wider than its window, and colours where it has them."""

import os
import re
import sys
import textwrap
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, pairwise

import click

_GAP = "  "
_RULE = re.compile(r"\|?[:-][-| :]*")
_FATE = re.compile(r"(failed|diverged|missing)( \([^)]*\))?")
_DOUBT = re.compile("[≈‡†]")


def fit(text: str, width: int | None) -> str:
    """Markdown text whose tables and paragraphs are no wider than `width`; as it is without one.

    A table that is too wide becomes several below each other, which all begin with its columns of
    names.
    """
    if width is None:
        return text
    fitted: list[str] = []
    for table, group in groupby(text.splitlines(), lambda line: line.startswith("|")):
        lines = list(group)
        fitted += _tables(lines, width) if table else _paragraphs(lines, width)
    return "\n".join(fitted)


def coloured(text: str) -> str:
    """Text as `fit` gives it with heads in bold, what failed in red and doubtful numbers in yellow.

    As it is where output is no terminal, or the user wants no colour (NO_COLOR, https://no-color.org).
    """
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return text
    lines, table = [], False
    for line, below in pairwise([*text.splitlines(), ""]):
        table = bool(line) and (table or _RULE.fullmatch(line) is not None)
        if line.startswith("#") or _RULE.fullmatch(below):
            lines.append(click.style(line, bold=True))
        elif _RULE.fullmatch(line):
            lines.append(click.style(line, dim=True))
        elif table:
            red = _FATE.sub(lambda match: click.style(match[0], fg="red"), line)
            lines.append(_DOUBT.sub(lambda match: click.style(match[0], fg="yellow"), red))
        else:
            lines.append(line)
    return "\n".join(lines)


def _paragraphs(lines: Sequence[str], width: int) -> Iterator[str]:
    for line in lines:
        indent = re.match(r"\s*(- )?", line)
        yield from textwrap.wrap(
            line,
            width,
            subsequent_indent=" " * len(indent[0]) if indent else "",
            break_long_words=False,
            break_on_hyphens=False,
        ) or [""]


def _tables(lines: Sequence[str], width: int) -> Iterator[str]:
    if max(map(len, lines)) <= width:
        yield from lines
        return
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    head, rule, *body = rows
    columns = list(zip(head, *body, strict=True))
    right = [cell.endswith(":") and not cell.startswith(":") for cell in rule]
    names = next((number for number, is_right in enumerate(right) if is_right), 1) or 1
    sizes = [max(map(len, column)) for column in columns]
    first = True
    for block in _blocks(sizes, names, width):
        if not first:
            yield ""
        first = False
        chosen = [*range(names), *block]
        for number, cells in enumerate([head, *body]):
            aligned = (
                cells[column].rjust(sizes[column])
                if right[column]
                else cells[column].ljust(sizes[column])
                for column in chosen
            )
            yield _GAP.join(aligned).rstrip()
            if not number:
                yield _GAP.join("-" * sizes[column] for column in chosen)


def _blocks(sizes: Sequence[int], names: int, width: int) -> Iterator[list[int]]:
    """The columns beside the `names` first ones, as many at a time as fit; at least one."""
    left = sum(sizes[:names]) + len(_GAP) * (names - 1)
    block: list[int] = []
    room = width - left
    for column in range(names, len(sizes)):
        need = sizes[column] + len(_GAP)
        if block and need > room:
            yield block
            block, room = [], width - left
        block.append(column)
        room -= need
    if block:
        yield block


def lay_out(rows: Iterable[tuple[str, str, str, str]], width: int) -> Iterator[str]:
    """Lines on keys with their types, defaults and meanings, each key below those that hold it.

    Keys that several others hold alike, as `lr` of all trainings, are told once.
    """
    alike: dict[tuple[str, str, str], dict[str, str]] = defaultdict(dict)
    for key, kind, default, meaning in rows:
        holder, _, name = key.rpartition(".")
        # Two keys at the top are two, however alike.
        alike[name, kind, meaning][holder] = default
    last: list[str] = [""]
    for (name, kind, meaning), defaults in alike.items():
        holders = list(defaults)
        indent = "" if holders == [""] else "  "
        if holders not in (last, [""]):
            yield f"{', '.join(holders)}:"
        last = holders
        values = set(defaults.values())
        told = [*values] if len(values) == 1 else [f"{v} ({h})" for h, v in defaults.items()]
        default = f", default {', '.join(told)}" if any(values) else ""
        for text, more in ((f"{name}: {kind}{default}", "    "), (f"    {meaning}", "    ")):
            yield from textwrap.wrap(
                indent + text, width, subsequent_indent=indent + more, break_on_hyphens=False
            )
