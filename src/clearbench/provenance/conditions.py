"""What may make the same job come out otherwise: two records of it, compared."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, Literal

from clearbench.errors import UserError
from clearbench.jobs.differences import differences
from clearbench.jobs.environment import Accepted
from clearbench.jobs.record import Record
from clearbench.results.tree import Tree
from clearbench.suite.artifact import Artifact
from clearbench.suite.graph import Graph

_CONDITIONS = (
    *("python", "threads", "processes", "processor", "instructions", "kernels", "gpu"),
    *("packages", "platform"),
)
"""The facts of a record that can change bytes beside its recipe."""

_NAMED = 5


def changed_conditions(then: Record, now: Record) -> list[str]:
    """What of recipe, machine and packages differs between two records, in words."""
    here = Accepted(
        frozenset({now.recipe.lock}), frozenset({now.recipe.image}), then.recipe.unlocked
    )
    changes = [f"{cause.kind} {cause.text}" for cause in differences(then.recipe, now.recipe, here)]
    for key in _CONDITIONS:
        # A record of an older version of this package does not tell all of them.
        if key in then.facts:
            changes += _changed(key, then.facts[key], now.facts[key])
    return changes


def _changed(name: str, then: Any, now: Any) -> Iterator[str]:
    if isinstance(then, Mapping):
        names = [key for key in sorted(then.keys() | now.keys()) if then.get(key) != now.get(key)]
        for key in names[:_NAMED]:
            yield f"{name}: {key} {_told(then.get(key))} then, {_told(now.get(key))} here"
        if len(names) > _NAMED:
            yield f"{name}: and {len(names) - _NAMED} more"
    elif isinstance(then, list):
        gone, new = (sorted(set(one) - set(other)) for one, other in ((then, now), (now, then)))
        if gone or new:
            yield f"{name}: {' '.join([*(f'-{x}' for x in gone), *(f'+{x}' for x in new)])}"
    elif then != now:
        yield f"{name}: {_told(then)} then, {_told(now)} here"


def _told(value: Any) -> str:
    return "none" if value is None else str(value)


def made_with(graph: Graph, tree: Tree, key: Literal["commit", "image", "lock"]) -> str:
    """The commits, images or locks of a suite's jobs, each by its first digits."""
    conditions = set()
    for artifact in graph:
        # One without a record has none of them.
        with suppress(UserError):
            record = tree.record(artifact.name)
            value = record.facts.get(key) if key == "commit" else getattr(record.recipe, key)
            changed = " with changes" if key == "commit" and record.facts.get("dirty") else ""
            conditions.add(f"{str(value or 'none')[:12]}{changed}")
    return ", ".join(sorted(conditions))


def other_settings(artifact: Artifact, tree: Tree) -> str | None:
    """Which setting an artifact was made with that is not the suite's; None where there is none.

    Code that was edited since leaves the results as they are; settings must be those published.
    """
    then = tree.record(artifact.name).recipe
    here = Accepted(frozenset({then.lock}), frozenset({then.image}))
    for cause in differences(then, replace(then, settings=artifact.resolved), here):
        return f"it was made with other {cause.kind} ({cause.text})"
    return None
