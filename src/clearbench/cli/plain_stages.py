"""The commands of the stages that take what their `run` takes, as the rules call them.

The options are read from the stage's file without running it: settings, folders, numbers and names;
of several folders one is given at a time, as `--model` for `models`.
Stages whose command knows more than that are written out in `stages`.
"""

import ast
from collections.abc import Collection
from importlib import import_module
from typing import Any

import click

from clearbench.cli.stages import FOLDER, TOLD, read_settings
from clearbench.plugins import Plugin, import_origin, load, named, path_of
from clearbench.suite.runs import LARGEST_SEED


def commands(written: Collection[str]) -> list[click.Command]:
    """The commands of all stages but those whose command is written out, by its name."""
    stages = named("stages").items()
    return [_command(plugin) for key, plugin in stages if _name(key) not in written]


def _name(key: str) -> str:
    return key.replace("_", "-")


def _command(plugin: Plugin) -> click.Command:
    path = path_of(plugin.module)
    try:
        tree = ast.parse(path.read_bytes() if path else b"")
    except (SyntaxError, ValueError):
        tree = ast.Module([], [])
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    run = functions.get("run")
    arguments = run.args.args if run else []
    kinds = {one.arg: ast.unparse(one.annotation) if one.annotation else "str" for one in arguments}

    def call(**given: Any) -> None:
        # What is wrong with the file is told here.
        stage = load("stages", plugin.key)
        if "settings" in given:
            kind = _imported(tree, plugin.module, kinds["settings"])
            given["settings"] = read_settings(kind, given["settings"])
        stage.run(**given)

    return click.Command(
        _name(plugin.key),
        callback=call,
        params=[_option(name, kind) for name, kind in kinds.items()],
        help=_help(tree),
        context_settings={} if run else {"ignore_unknown_options": True, "allow_extra_args": True},
    )


def _help(tree: ast.Module) -> str:
    """The sentence in which a stage's file says what the stage makes, after the stage's name."""
    sentence = (ast.get_docstring(tree) or "").partition("\n\n")[0].partition(": ")[2]
    return sentence[:1].upper() + sentence[1:]


def _option(name: str, kind: str) -> click.Option:
    if kind == "Sequence[Path]":
        one = f"--{_name(name).removesuffix('s')}"
        return click.Option([one, name], type=FOLDER, multiple=True, required=True)
    optional = kind.endswith(" | None")
    of = {"Path": FOLDER, "int": click.IntRange(min=0)}.get(kind.removesuffix(" | None"))
    given: dict[str, Any] = {"type": of, "required": not optional, "help": TOLD.get(name)}
    if name == "seed":
        seeds = click.IntRange(0, LARGEST_SEED)
        given = {"type": seeds, "default": 0, "show_default": True}
    return click.Option([f"--{_name(name)}"], **given)


def _imported(tree: ast.Module, module: str, name: str) -> Any:
    """What a name is that a module imports; of the module itself, where it does not."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and name in {alias.name for alias in node.names}:
            return getattr(import_module(import_origin(node, module)), name)
    return getattr(import_module(module), name)
