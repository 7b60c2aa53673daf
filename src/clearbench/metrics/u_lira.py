"""U-LIRA: the likelihood-ratio attack on unlearning, one example at a time."""

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

NORMAL_MAD = 0.6745
"""The median absolute deviation of the standard normal distribution."""

LEAST_DEVIATION = 1e-3
"""Of a Gaussian in logits: a few shadow models may agree to the last digit."""


@face_metric(low=0, high=1, better="down")
def u_lira(evaluation: FaceEvaluation) -> float:
    """Accuracy at telling the forgotten from the held out by what shadow models make of a picture.

    For each picture one Gaussian of the logits by shadow models that know the person, one of those
    by the others (median, MAD / 0.6745); the likelier one says whether the model knows the person.
    Right is yes of a forgotten and no of a held-out person; both kinds count alike, and so do the
    persons of a kind. 1 where the forgotten are known for sure, 0.5 is perfect. Source: arXiv
    2403.01218, as used by CLEAR, arXiv 2410.18057.
    """
    return balanced(_shares(evaluation))


@face_metric(low=0, high=1, better="down")
def u_lira_margin(evaluation: FaceEvaluation) -> float:
    """Half of the 95 % interval of u_lira over persons."""
    return margin(_shares(evaluation))


def likelihood_ratio(value: float, known: Floats, unknown: Floats) -> float:
    """log p(value | known) - log p(value | unknown), with robust Gaussians of the two samples."""
    return _log_density(value, known) - _log_density(value, unknown)


def _log_density(value: float, sample: Floats) -> float:
    """Up to a constant that all Gaussians share."""
    centre = np.median(sample)
    deviation = max(LEAST_DEVIATION, float(np.median(np.abs(sample - centre))) / NORMAL_MAD)
    return float(-np.log(deviation) - 0.5 * ((value - centre) / deviation) ** 2)


def _shares(evaluation: FaceEvaluation) -> Mapping[str, Sequence[float]]:
    """The share of right answers of each person, of the forgotten and of the held out."""
    gallery, shadows = evaluation.gallery, evaluation.shadow_logits
    pairs = zip(gallery.tests, gallery.logits, strict=True)
    # A tie is a guess: half right.
    known = [
        float(np.heaviside(likelihood_ratio(value, *shadows[picture.id]), 0.5))
        if picture.id in shadows
        else 0.5
        for picture, value in pairs
    ]
    return {
        FORGET: shares(gallery.tests, known, FORGET),
        HOLDOUT: shares(gallery.tests, [1 - value for value in known], HOLDOUT),
    }
