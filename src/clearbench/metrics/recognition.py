"""Who is recognised: accuracy of the nearest enrolment vector."""

from statistics import fmean

from clearbench.metrics.faces import (
    FORGET,
    HOLDOUT,
    RETAIN,
    FaceEvaluation,
    face_metric,
    margin,
    shares,
)


@face_metric(low=0, high=1, better="down")
def forget_accuracy(evaluation: FaceEvaluation) -> float:
    """Share of the forgotten persons' pictures that are nearest to their own enrolment vector.

    The vectors of all persons compete; a tie is not right. Persons count alike. Source: CLEAR,
    arXiv 2410.18057.
    """
    return fmean(_shares(evaluation, FORGET))


@face_metric(low=0, high=1, better="up")
def holdout_accuracy(evaluation: FaceEvaluation) -> float:
    """The same of persons whom no model was shown: what can be told of strangers.

    Source: CLEAR, arXiv 2410.18057.
    """
    return fmean(_shares(evaluation, HOLDOUT))


@face_metric(low=0, high=1, better="up")
def retain_accuracy(evaluation: FaceEvaluation) -> float:
    """The same of the retained persons. Source: CLEAR, arXiv 2410.18057."""
    return fmean(_shares(evaluation, RETAIN))


@face_metric(low=0, high=1, better="down")
def forget_accuracy_margin(evaluation: FaceEvaluation) -> float | None:
    """Half of the 95 % interval of forget_accuracy over persons."""
    return margin({FORGET: _shares(evaluation, FORGET)})


@face_metric(low=0, high=1, better="down")
def holdout_accuracy_margin(evaluation: FaceEvaluation) -> float | None:
    """Half of the 95 % interval of holdout_accuracy over persons."""
    return margin({HOLDOUT: _shares(evaluation, HOLDOUT)})


@face_metric(low=0, high=1, better="down")
def retain_accuracy_margin(evaluation: FaceEvaluation) -> float | None:
    """Half of the 95 % interval of retain_accuracy over persons."""
    return margin({RETAIN: _shares(evaluation, RETAIN)})


def _shares(evaluation: FaceEvaluation, split: str) -> list[float]:
    """The share of recognised pictures of each person of a split."""
    pictures = (test.picture for test in evaluation.tests)
    return shares(pictures, (test.recognised for test in evaluation.tests), split)
