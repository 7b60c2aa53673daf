"""Domains: what the stages do with a kind of model, one module each.

A stage reads settings and paths and publishes; the module of its model's domain loads, trains,
evaluates and saves. Nothing here knows a job. A stage's code reaches its own domain only, so an
edit of the vision models retrains no language model.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from clearbench.settings import Domain

if TYPE_CHECKING:
    from clearbench.domains.base import Domain as Module

_MODULES: dict[Domain, str] = {
    "multimodal": "language",
    "text": "language",
    "vision": "vision",
}


def module_name(domain: Domain) -> str:
    """The module that serves a domain."""
    return f"{__name__}.{_MODULES[domain]}"


def load(domain: Domain) -> "Module":
    """The module of a domain."""
    module: Module = import_module(module_name(domain))
    return module
