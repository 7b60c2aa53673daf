"""Who is recognised: accuracy of the nearest enrolment vector."""

from statistics import fmean

from clearbench.metrics.faces import FORGET, HOLDOUT, RETAIN, FaceEvaluation, face_metric, shares


@face_metric(low=0, high=1, better="down")
def forget_accuracy(evaluation: FaceEvaluation) -> float:
    """Share of the forgotten persons' pictures that are nearest to their own enrolment vector.

    The vectors of all persons compete; a tie is not right. Persons count alike. Source: CLEAR,
    arXiv 2410.18057.
    """
    return _accuracy(evaluation, FORGET)


@face_metric(low=0, high=1, better="up")
def holdout_accuracy(evaluation: FaceEvaluation) -> float:
    """The same of persons whom no model was shown: what can be told of strangers.

    Source: CLEAR, arXiv 2410.18057.
    """
    return _accuracy(evaluation, HOLDOUT)


@face_metric(low=0, high=1, better="up")
def retain_accuracy(evaluation: FaceEvaluation) -> float:
    """The same of the retained persons. Source: CLEAR, arXiv 2410.18057."""
    return _accuracy(evaluation, RETAIN)


def _accuracy(evaluation: FaceEvaluation, split: str) -> float:
    pictures = (test.picture for test in evaluation.tests)
    return fmean(shares(pictures, (test.recognised for test in evaluation.tests), split))
