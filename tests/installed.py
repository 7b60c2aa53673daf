"""Packages with entry points of clearbench, installed for a test: folders on the path."""

import importlib
import sys

import pytest

from clearbench import methods, metrics, plugins, tables

_installed = set()


def install(monkeypatch, folder, files, points, name="own", version="1.0"):
    """A package of some files by path, with entry points by group and key; gives its folder."""
    information = folder / f"{name}-{version}.dist-info"
    information.mkdir(parents=True, exist_ok=True)
    groups = (
        f"[clearbench.{group}]\n" + "".join(f"{key} = {value}\n" for key, value in named.items())
        for group, named in points.items()
    )
    told = {
        "METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        "entry_points.txt": "\n".join(groups),
        "RECORD": "".join(f"{file},,\n" for file in files),
    }
    for path, text in told.items():
        (information / path).write_text(text)
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    if str(folder) not in sys.path:
        monkeypatch.syspath_prepend(str(folder))
    forget(*(path.partition("/")[0].removesuffix(".py") for path in files))
    return folder


@pytest.fixture(autouse=True)
def forgotten():
    """After each test of a module that imports this: nothing is left of what was installed."""
    yield
    forget()


def forget(*modules):
    """Look up anew what is installed, and import anew these modules and those installed before."""
    _installed.update(modules)
    importlib.invalidate_caches()
    plugins.forget()
    methods.describe.cache_clear()
    for known in (metrics.task_metrics, metrics.model_metrics, metrics.face_metrics):
        known.cache_clear()
    tables.builders.cache_clear()
    for module in list(sys.modules):
        if module.partition(".")[0] in _installed:
            del sys.modules[module]
