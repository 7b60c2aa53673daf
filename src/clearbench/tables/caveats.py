"""What keeps a number from meaning what it seems to: means of few terms, and models that broke."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median

from clearbench.data.tasks import Tasks
from clearbench.metrics.definitions import DEFINITIONS, definition_of
from clearbench.metrics.headline import averaged_keys
from clearbench.metrics.keys import Key
from clearbench.results.runs import Group, Results

DECIDED = "‡"
"""Marks a mean that few of its terms decide."""

DECIDED_NOTE = (
    f"{DECIDED} Few of its terms decide this mean: half of them or more are above twice its value,"
    " so that it hides them (`tasks` has all). It has no rank. The smallest term"
)
FORGET_NOTE = (
    "§ CLEAR's own number, which does not show whether a method forgot: it is low for the original"
    " too, which is sure of what it knows. Read forget quality instead, and `leak`."
)
KEPT = 0.5
"""The share of the original's retain score below which a model is broken."""

FAILED = (
    f"retain below {KEPT:.0%} of the original's: how near a broken model comes to gold tells"
    " nothing"
)


@dataclass(frozen=True)
class Term:
    """A term of an aggregate: its key and its value."""

    key: str
    value: float


def deciding(scores: Mapping[str, float], key: str, tasks: Tasks) -> Term | None:
    """The smallest term of an aggregate that it and few others decide; None of any other score.

    A harmonic mean is near its smallest terms. They are few where the median of all terms is more
    than twice the mean.
    """
    asked = Key.parse(key)
    if asked.task:
        return None
    keys = averaged_keys(scores, DEFINITIONS[definition_of(key)], tasks).get(asked.metric, [])
    if not keys or key not in scores or median(scores[term] for term in keys) <= 2 * scores[key]:
        return None
    smallest = min(keys, key=scores.__getitem__)
    return Term(smallest, scores[smallest])


def failing(results: Results, forget_size: int) -> list[Group]:
    """The unlearned models of a size that retain too little, those of several seeds on average."""
    groups = results.of_size(forget_size)
    original = next((_retain(results, g) for g in groups if g.method == "original"), None)
    if original is None:
        return []
    return [
        group
        for group in groups
        if not group.control
        and (retain := _retain(results, group)) is not None
        and retain < KEPT * original
    ]


def _retain(results: Results, group: Group) -> float | None:
    """The mean retain score of the runs that have one."""
    documents = [results.runs[run].documents.get("score") for run in group.runs]
    scores = [d.numbers["retain"] for d in documents if d is not None and "retain" in d.numbers]
    return sum(scores) / len(scores) if scores else None
