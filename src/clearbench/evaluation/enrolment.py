"""Enrolment: what a model makes of a picture beside its mean of others of the same person."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from clearbench.evaluation.embeddings import Picture, Vectors

EPSILON = 1e-6
"""Cosines count as no nearer to 0 and 1 than this, so that logits lie in [-13.8, 13.8]."""


@dataclass(frozen=True)
class Test:
    """A test picture: the logit of its own person, and whether that person is the nearest one."""

    picture: Picture
    logit: float
    recognised: bool


def enrol(pictures: Sequence[Picture], vectors: Vectors, enrolment: int) -> list[Test]:
    """Enrol every person with its first pictures, and test with the others.

    `vectors` (N, E) are the unit embeddings of the pictures. The enrolment vector is the mean
    embedding of `enrolment` pictures, of half of a person's where it has fewer than twice as many;
    a picture is never compared with itself. Who has one picture is left out. All enrolled persons
    compete; a tie recognises nobody.

    The logit is log(c / (1 - c)), c the cosine to the own enrolment vector, below 0 counted as 0.
    Source: CLEAR, arXiv 2410.18057.
    """
    rows: dict[str, list[int]] = {}
    for row, picture in enumerate(pictures):
        rows.setdefault(picture.person, []).append(row)
    enrolled = {
        person: places[: min(enrolment, len(places) // 2)]
        for person, places in rows.items()
        if len(places) > 1
    }
    if not enrolled:
        return []
    tests = [row for person, used in enrolled.items() for row in rows[person][len(used) :]]
    columns = {person: column for column, person in enumerate(enrolled)}
    own = np.array([columns[pictures[row].person] for row in tests])
    exact = vectors.astype(np.float64)
    means = np.stack([exact[used].mean(0) for used in enrolled.values()])
    cosines = _unit(exact[tests]) @ _unit(means).T
    each = np.arange(len(tests))
    mine = cosines[each, own]
    cosines[each, own] = -np.inf
    nearest = mine > cosines.max(1)
    inside = np.clip(mine, EPSILON, 1 - EPSILON)
    logits = np.log(inside) - np.log1p(-inside)
    return [
        Test(pictures[row], float(logit), bool(recognised))
        for row, logit, recognised in zip(tests, logits, nearest, strict=True)
    ]


def _unit(vectors: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.maximum(lengths, np.finfo(np.float64).tiny)
