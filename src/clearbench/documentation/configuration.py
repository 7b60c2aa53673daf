"""The page on the keys of configuration files, from the specifications that check them."""

import inspect
from collections.abc import Iterator, Sequence
from itertools import groupby

from clearbench import stress_tests
from clearbench.data import layouts
from clearbench.documentation.keys import FILES, Key, describe
from clearbench.plugins import own

_PLACES = {
    "suite": "`config/NAME.yaml`, a matrix of cells; NAME is what `--suite` takes",
    "model": "`config/models/NAME.yaml`, a model, described once for all suites",
    "dataset": "`config/datasets/NAME.yaml`, a dataset, described once for all suites",
    "site": "`slurm/site.yaml`, what differs from cluster to cluster; all of it may be left out",
}
_AS_ENTITIES = {ord(letter): f"&#{ord(letter)};" for letter in "|*_\\<>&"}


def configuration() -> Iterator[str]:
    """The lines of the page."""
    yield "# Configuration"
    yield (
        "\nWritten by `clearbench write-docs` from the classes that check the files; edit those."
        " `clearbench options suite` (`model`, `dataset`, `site`) prints them in the terminal.\n"
    )
    yield (
        "A file is YAML, read strictly before anything runs: an unknown key, a value of another"
        " type, a name that does not exist is one line that says where, what, and what is allowed."
        " No value is coerced: `1` is a number and no text, `1.0` no whole number, `yes` a text."
        " What versions of YAML read differently is refused with how to write it: `1e-3` is"
        " `1.0e-3`, `010` is `8`, a key stands once.\n"
    )
    yield "An editor that knows YAML completes and checks a file that names its schema:\n"
    yield "```yaml"
    yield "# yaml-language-server: $schema=../docs/schemas/suite.json"
    yield "```\n"
    names = ", ".join(f"[{name}.json](schemas/{name}.json)" for name in FILES)
    yield (
        f"The schemas are {names}. They know keys, types, ranges and the names of methods,"
        " definitions, layouts and of the files in `config/`, as they were when `clearbench"
        " write-docs` wrote them. What parts of a suite demand of each other (a text model has no"
        " images to forget, a layer must exist) only the reader knows, which has the last word;"
        " `1.0` in place of `1` no schema can tell. `clearbench plan --suite NAME` reads a suite"
        " and runs nothing."
    )
    for name, kind in FILES.items():
        yield f"\n## {name}\n"
        yield f"{_PLACES[name]}."
        yield from _sections(list(describe(kind)))
        if name == "suite":
            yield (
                "\nThe keys of a row of `methods` are the parameters of its method, which"
                " [methods.md](methods.md) lists, and those of `unlearn`."
            )
            for entry in stress_tests.available():
                test = stress_tests.kind_of(entry)
                yield f"\n### stress: {entry}\n"
                yield f"{inspect.getdoc(test)}\n"
                yield from _table(list(describe(test)))
        if name == "dataset":
            for layout in own("layouts"):
                yield f"\n### options of the layout {layout}\n"
                yield from _table(list(describe(layouts.load(layout).Options)))
    yield ""


def _sections(keys: Sequence[Key]) -> Iterator[str]:
    """A table of the keys at the top, and one of the keys inside each; those alike in one."""
    meanings = {key.name: key.meaning for key in keys}
    ordered = sorted(keys, key=lambda key: (_holder(key) != "", _place(keys, _holder(key))))
    tables: dict[tuple[Key, ...], list[str]] = {}
    for holder, group in groupby(ordered, _holder):
        inner = tuple(key._replace(name=key.name.rpartition(".")[2]) for key in group)
        tables.setdefault(inner, []).append(holder)
    for inner, holders in tables.items():
        if holders != [""]:
            yield f"\n### {', '.join(holders)}\n"
            told = meanings[holders[0].removesuffix(".NAME")]
            yield f"{told[:1].upper()}{told[1:].rstrip('.')}."
        yield ""
        yield from _table(inner)


def _holder(key: Key) -> str:
    return key.name.rpartition(".")[0]


def _place(keys: Sequence[Key], holder: str) -> int:
    """Where a key stands that holds others; before all, for those that none holds."""
    names = [key.name for key in keys]
    return names.index(holder.removesuffix(".NAME")) if holder else -1


def _table(keys: Sequence[Key]) -> Iterator[str]:
    yield "| key | type | default | meaning |\n| --- | --- | --- | --- |"
    for key in keys:
        default = "**required**" if key.required else key.default and _code(key.default)
        yield f"| `{key.name}` | {key.kind} | {default or 'see below'} | {key.meaning} |"


def _code(text: str) -> str:
    """Code in a table, where a bar would end the cell."""
    return f"<code>{text.translate(_AS_ENTITIES)}</code>" if "|" in text else f"`{text}`"
