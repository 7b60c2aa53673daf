"""What the metrics of faces share: enrolled persons, logits, and shares a person with a margin."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from inspect import getdoc
from statistics import fmean, variance

import numpy as np
from numpy.typing import NDArray

from clearbench.errors import UserError
from clearbench.evaluation.embeddings import MODEL, Picture, Seen, Vectors
from clearbench.metrics.base import Better

FORGET, HOLDOUT, RETAIN = "forget", "holdout", "retain"

EPSILON = 1e-6
"""Cosines count as no nearer to 0 and 1 than this, so that logits lie in [-13.8, 13.8]."""

QUANTILE = 1.96
"""Of the normal distribution, for 95 % intervals."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Gallery:
    """What one model makes of test pictures, T of them, beside P enrolled persons.

    `cosines` (T, P) are to the enrolment vectors, `own` (T,) is the column of the picture's person.
    """

    tests: list[Picture]
    persons: list[str]
    cosines: Floats
    own: NDArray[np.int64]

    @property
    def logits(self) -> Floats:
        """log(c / (1 - c)) of the cosine c to the own enrolment vector, (T,).

        c below 0 counts as 0. Source: CLEAR, arXiv 2410.18057.
        """
        return logit(self.cosines[np.arange(len(self.own)), self.own])


def enrol(pictures: Sequence[Picture], vectors: Vectors, enrolment: int) -> Gallery:
    """Enrol every person with its first pictures, and test with the others.

    `vectors` (N, E) are the unit embeddings of the pictures. The enrolment vector is the mean
    embedding of `enrolment` pictures, of half of a person's where it has fewer than twice as many;
    a picture is never compared with itself. Who has one picture is left out.
    """
    rows: dict[str, list[int]] = {}
    for row, picture in enumerate(pictures):
        rows.setdefault(picture.person, []).append(row)
    enrolled = {
        person: found[: min(enrolment, len(found) // 2)]
        for person, found in rows.items()
        if len(found) > 1
    }
    persons = list(enrolled)
    tests = [row for person in persons for row in rows[person][len(enrolled[person]) :]]
    columns = {person: column for column, person in enumerate(persons)}
    exact = vectors.astype(np.float64)
    means = np.stack([exact[found].mean(0) for found in enrolled.values()])
    return Gallery(
        [pictures[row] for row in tests],
        persons,
        _unit(exact[tests]) @ _unit(means).T,
        np.array([columns[pictures[row].person] for row in tests]),
    )


@dataclass(frozen=True, eq=False)
class FaceEvaluation:
    """One evaluated model, the shadow models, and how many pictures enrol a person."""

    seen: Seen
    shadows: Sequence[Seen]
    enrolment: int

    @cached_property
    def gallery(self) -> Gallery:
        """The evaluated model's test pictures beside all persons."""
        return enrol(self.seen.pictures, self.seen.embeddings[MODEL], self.enrolment)

    @cached_property
    def shadow_logits(self) -> dict[str, tuple[Floats, Floats]]:
        """The logits of each test picture by the shadow models that know its person, and by others.

        By the picture's id; of the forgotten and the held out.
        """
        known: dict[str, list[float]] = {}
        unknown: dict[str, list[float]] = {}
        for seen in self.shadows:
            for name, vectors in seen.embeddings.items():
                gallery = enrol(seen.pictures, vectors, self.enrolment)
                for picture, value in zip(gallery.tests, gallery.logits, strict=True):
                    kind = known if int(name) in picture.shadows else unknown
                    kind.setdefault(picture.id, []).append(float(value))
        return {name: (np.array(values), np.array(unknown[name])) for name, values in known.items()}


FaceFunction = Callable[[FaceEvaluation], float]


@dataclass(frozen=True)
class FaceMetric:
    """A function of an evaluation in the vision domain; its key is its name.

    Values lie in [`low`, `high`].
    """

    compute: FaceFunction
    low: float
    high: float
    better: Better

    @property
    def name(self) -> str:
        """The function's name."""
        return self.compute.__name__

    @property
    def doc(self) -> str:
        """The function's docstring: formula and source."""
        return getdoc(self.compute) or ""

    def __call__(self, evaluation: FaceEvaluation) -> float:
        """Compute it."""
        return self.compute(evaluation)


def face_metric(*, low: float, high: float, better: Better) -> Callable[[FaceFunction], FaceMetric]:
    """Make a function of an evaluation of faces a metric."""
    return lambda compute: FaceMetric(compute, low, high, better)


def logit(cosines: Floats) -> Floats:
    """log(c / (1 - c)), c held to [ε, 1 - ε]."""
    inside = np.clip(cosines, EPSILON, 1 - EPSILON)
    return np.log(inside) - np.log1p(-inside)


def shares(tests: Iterable[Picture], right: Iterable[float], split: str) -> list[float]:
    """The mean of `right` over the pictures of each person of a split: the persons count alike.

    Pictures of a person are alike, so the persons are what an interval may count. Raises UserError
    where no picture is of the split.
    """
    found: dict[str, list[float]] = {}
    for picture, value in zip(tests, right, strict=True):
        if picture.split == split:
            found.setdefault(picture.person, []).append(float(value))
    if not found:
        raise UserError(f"no {split} picture: a metric needs one test picture at least")
    return [fmean(values) for values in found.values()]


def balanced(groups: Mapping[str, Sequence[float]]) -> float:
    """The mean over groups of the mean of their shares."""
    return fmean(fmean(group) for group in groups.values())


def margin(groups: Mapping[str, Sequence[float]]) -> float:
    """Half of the 95 % interval of `balanced`, by the variance between the persons of a group."""
    variances = (
        variance(group) / len(group) if len(group) > 1 else 0.0 for group in groups.values()
    )
    return QUANTILE * math.sqrt(math.fsum(variances)) / len(groups)


def _unit(vectors: Floats) -> Floats:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.maximum(lengths, np.finfo(np.float64).tiny)
