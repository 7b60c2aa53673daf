"""Checks of a suite's sweeps and its choice; each raises UserError for the first mistake."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from clearbench.errors import UserError, unknown
from clearbench.suite.suite import Suite
from clearbench.suite.sweep import DRAWS, KEY, SEED, points

_NAME = re.compile(r"[A-Za-z0-9_.-]+")


def check_sweep(suite: Suite, row: str, known: Sequence[str]) -> None:
    """A row's sweep, if it has one: of keys that are `known`, with points of names that files take.

    The values of the points are checked as those of any row.
    """
    sweep = suite.file.methods[row].get(KEY)
    if sweep is None:
        return
    where = f"{suite.path}: methods.{row}.{KEY}"
    for key in sweep if isinstance(sweep, Mapping) else ():
        if key not in (*known, DRAWS, SEED):
            raise UserError(f"{where}.{key!s}: {unknown(str(key), sorted(known))}")
    for modality in suite.file.modalities:
        counts = Counter(point.name for point in points(sweep, modality, where))
        for name, count in counts.items():
            if not _NAME.fullmatch(name):
                raise UserError(f"{where}: {name!r}: allowed in texts: letters, digits, _ . -")
            if count > 1:
                raise UserError(f"{where}: two points are named {name}; give values farther apart")


def check_select(suite: Suite) -> None:
    """What a choice needs: strengths, sweeps of as many points each, and persons that are there."""
    file, path, selecting = suite.file, suite.path, suite.file.select
    if selecting is None:
        return
    if suite.domain == "vision":
        raise UserError(f"{path}: select: {file.model} is a vision model; leave it out")
    if not file.strengths:
        raise UserError(
            f"{path}: select: compares at equal retention, which takes strengths; add for example"
            " strengths: [0.25, 0.5, 0.75, 1.25, 1.5], or [1] for the models as they are alone"
        )
    counts = {
        f"{row}, {modality}": len(points(given[KEY], modality, f"{path}: methods.{row}.{KEY}"))
        for row, given in file.methods.items()
        if KEY in given
        for modality in file.modalities
    }
    if not counts:
        raise UserError(f"{path}: select: no row of methods has a sweep to choose from")
    (first, count), *others = counts.items()
    for other, points_of_other in others:
        if points_of_other != count:
            raise UserError(
                f"{path}: select: each is tried as often; {first} has {count} points, {other} has"
                f" {points_of_other}"
            )
    generator = suite.dataset.generator
    if generator is None or selecting.persons is None:
        return
    if selecting.persons >= generator.evaluated_persons:
        raise UserError(
            f"{path}: select.persons: {selecting.persons}; {generator.evaluated_persons} retained"
            " persons are evaluated, and retention is judged by those left; allowed: 1 to"
            f" {generator.evaluated_persons - 1}"
        )
