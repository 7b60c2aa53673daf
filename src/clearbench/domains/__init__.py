"""Domains: what the stages do with a kind of model, a folder each with one file a stage.

A stage reads settings and paths and publishes; the `run` of its file here loads, trains, evaluates
and saves. Nothing here knows a job. A stage's code reaches its own domain only, so an edit of the
vision models retrains no language model.
"""

from importlib import import_module
from typing import Any

from clearbench.config.settings import Domain
from clearbench.plugins import module_of_domain


def load(domain: Domain, stage: str) -> Any:
    """The module of a stage in a domain; `domains.place` says what its `run` is given."""
    return import_module(module_of_domain(domain, stage))
