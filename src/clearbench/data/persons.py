"""Persons of a dataset: who is forgotten, and some of them at even distances."""

from collections.abc import Callable, Collection, Iterable, Sequence
from hashlib import sha256
from typing import TypeVar

from clearbench.data.store import Parts, TrainSample
from clearbench.errors import UserError

_Any = TypeVar("_Any")


def named_and_gone(samples: Iterable[TrainSample]) -> tuple[list[str], set[str]]:
    """All persons in their order, and those of them who are forgotten at some size."""
    samples = [sample for sample in samples if sample.person]
    gone = {s.person for s in samples if {"retain"} != {*s.parts.values()}}
    return list(dict.fromkeys(s.person or "" for s in samples)), {p for p in gone if p}


def spread(persons: Sequence[_Any], count: int) -> list[_Any]:
    """Some of the persons, or of anything else, at even distances in their order."""
    return [persons[(2 * i + 1) * len(persons) // (2 * count)] for i in range(count)]


def by_lot(persons: Sequence[str], percent: int, seed: int) -> set[str]:
    """So many percent of the persons, at least one; a smaller percentage is inside a larger one.

    A person's place in the draw is moved by no other person.
    """
    drawn = sorted(persons, key=lambda person: sha256(f"{seed}/{person}".encode()).hexdigest())
    return {*drawn[: max(1, round(len(persons) * percent / 100))]}


def parts_of(
    persons: Sequence[str],
    forget_sizes: Iterable[int],
    forgotten: Callable[[int], Collection[str]],
    name: str,
) -> dict[str, Parts]:
    """The parts of each person; UserError where a size forgets nobody, or everybody."""
    parts: dict[str, dict[int, str | None]] = {person: {} for person in persons}
    for size in sorted(forget_sizes):
        gone = forgotten(size)
        if not 0 < len(gone) < len(persons):
            raise UserError(
                f"{name}: forget size {size}: {len(gone)} of {len(persons)} persons are"
                " forgotten; it needs one at least who is, and one who is not"
            )
        for person in persons:
            parts[person][size] = "forget" if person in gone else "retain"
    return dict(parts)
