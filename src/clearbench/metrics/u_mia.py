"""U-MIA: a membership attack that knows the evaluated model alone."""

from collections.abc import Mapping, Sequence

import numpy as np

from clearbench.metrics.faces import (
    FORGET,
    HOLDOUT,
    FaceEvaluation,
    Floats,
    balanced,
    face_metric,
    margin,
    shares,
)

FOLDS = 5
RIDGE = 1e-3
"""Of the slope, so that it stays finite where the two kinds are apart."""


@face_metric(low=0, high=1, better="down")
def u_mia(evaluation: FaceEvaluation) -> float:
    """Accuracy of a logistic regression at telling the forgotten from the held out by the logit.

    Fitted on the pooled logits of four fifths of the persons of both kinds, asked about the others,
    five times; both kinds count alike, and so do the persons of a kind. Above 0.5 where forgetting
    left a trace, be it of knowledge or of its removal; 0.5 is perfect. Source: arXiv 2403.01218, as
    used by CLEAR, arXiv 2410.18057.
    """
    return balanced(_shares(evaluation))


@face_metric(low=0, high=1, better="down")
def u_mia_margin(evaluation: FaceEvaluation) -> float:
    """Half of the 95 % interval of u_mia over persons."""
    return margin(_shares(evaluation))


def regression(values: Floats, labels: Floats, weights: Floats) -> tuple[float, float]:
    """Slope and intercept of the logistic regression of 0/1 `labels` on `values`, all (N,).

    Minimises Σ w·log loss + RIDGE/2·slope², values in units of their own deviation, by Newton's
    method.
    """
    scale = float(values.std()) or 1.0
    centre = float(values.mean())
    design = np.stack([(values - centre) / scale, np.ones_like(values)], axis=1)
    penalty = np.array([RIDGE, 0.0])
    found = np.zeros(2)

    def loss(parameters: Floats) -> float:
        signed = (1 - 2 * labels) * (design @ parameters)
        return float(weights @ np.logaddexp(0, signed) + penalty @ parameters**2 / 2)

    for _ in range(100):
        share = 1 / (1 + np.exp(-(design @ found)))
        gradient = design.T @ (weights * (share - labels)) + penalty * found
        curvature = (design.T * (weights * share * (1 - share))) @ design + np.diag(penalty)
        step = np.linalg.solve(curvature + 1e-12 * np.eye(2), gradient)
        length = 1.0
        while loss(found - length * step) > loss(found) and length > 1e-6:
            length /= 2
        found = found - length * step
        if np.abs(length * step).max() < 1e-9:
            break
    slope = float(found[0]) / scale
    return slope, float(found[1]) - slope * centre


def _shares(evaluation: FaceEvaluation) -> Mapping[str, Sequence[float]]:
    """The share of right answers of each person, of the forgotten and of the held out."""
    gallery = evaluation.gallery
    chosen = [i for i, test in enumerate(gallery.tests) if test.split in (FORGET, HOLDOUT)]
    tests = [gallery.tests[i] for i in chosen]
    values = gallery.logits[chosen]
    labels = np.array([float(test.split == FORGET) for test in tests])
    folds = _folds(tests)
    right = np.empty(len(tests))
    for fold in range(FOLDS):
        asked = folds == fold
        if not asked.any():
            continue
        shown = ~asked
        weights = np.where(labels == 1, 1 / max(1, labels[shown].sum()), 1.0)
        weights = np.where(labels == 0, 1 / max(1, (1 - labels[shown]).sum()), weights)
        slope, intercept = regression(values[shown], labels[shown], weights[shown])
        said = np.heaviside(slope * values[asked] + intercept, 0.5)
        right[asked] = np.where(labels[asked] == 1, said, 1 - said)
    return {split: shares(tests, right, split) for split in (FORGET, HOLDOUT)}


def _folds(tests: Sequence) -> np.ndarray:
    """The fold of each picture: all of a person in one, each fold with both kinds alike."""
    numbers: dict[str, dict[str, int]] = {FORGET: {}, HOLDOUT: {}}
    for test in tests:
        numbers[test.split].setdefault(test.person, len(numbers[test.split]))
    return np.array([numbers[test.split][test.person] % FOLDS for test in tests])
