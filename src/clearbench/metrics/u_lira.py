"""U-LIRA: the likelihood-ratio attack on unlearning, one example at a time."""

import math
from collections.abc import Sequence
from statistics import median

from clearbench.metrics.faces import (
    FORGET,
    HOLDOUT,
    FaceEvaluation,
    Shares,
    balanced,
    face_metric,
    margin,
    told_apart,
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


def likelihood_ratio(value: float, known: Sequence[float], unknown: Sequence[float]) -> float:
    """log p(value | known) - log p(value | unknown), with robust Gaussians of the two samples."""
    return _log_density(value, known) - _log_density(value, unknown)


def _log_density(value: float, sample: Sequence[float]) -> float:
    """Up to a constant that all Gaussians share."""
    centre = median(sample)
    spread = median(abs(other - centre) for other in sample) / NORMAL_MAD
    deviation = max(LEAST_DEVIATION, spread)
    return -math.log(deviation) - ((value - centre) / deviation) ** 2 / 2


def _shares(evaluation: FaceEvaluation) -> Shares:
    """The share of right answers of each person, of the forgotten and of the held out."""
    tests = [test for test in evaluation.tests if test.picture.split in (FORGET, HOLDOUT)]
    pictures = [test.picture for test in tests]
    ratios = [
        likelihood_ratio(test.logit, *evaluation.shadow_logits[test.picture.id]) for test in tests
    ]
    return told_apart(pictures, ratios)
