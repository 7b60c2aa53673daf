"""Persons of a dataset, and some of them at even distances, by which the held-out are found."""

from collections.abc import Iterable, Sequence
from typing import TypeVar

from clearbench.data.store import TrainSample

_Any = TypeVar("_Any")


def named_and_gone(samples: Iterable[TrainSample]) -> tuple[list[str], set[str]]:
    """All persons in their order, and those of them who are forgotten at some size."""
    samples = [sample for sample in samples if sample.person]
    gone = {s.person for s in samples if {"retain"} != {*s.parts.values()}}
    return list(dict.fromkeys(s.person or "" for s in samples)), {p for p in gone if p}


def spread(persons: Sequence[_Any], count: int) -> list[_Any]:
    """Some of the persons, or of anything else, at even distances in their order."""
    return [persons[(2 * i + 1) * len(persons) // (2 * count)] for i in range(count)]
